// The style of the suite, one function a rule: a source in, its breaches out. Each has a self-test in
// tidy.test.ts.

import { isTest } from './imports.ts';
import {
  type Finding,
  type Node,
  type Source,
  finding,
  functionsIn,
  isFunction,
  isNode,
  lineAt,
  nodes,
} from './source.ts';

const LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 120;
const EXEMPT = /^\/\/ tidy: long because (\S.*)$/m;

/* What a test wrote, or compares with, is as long as it is. */
const CODE = /^(?!.*\/golden\/).*\.(ts|js|mjs|cjs)$/;
const PURE = /^(api|arbitraries|engine|iommufd|models|policies|properties|reports|uapi)\//;

/** Why a file may be longer than the rule says, or null. */
export function exemption(source: Source): string | null {
  return source.tree === null ? null : (EXEMPT.exec(source.text)?.[1] ?? null);
}

/** At most 300 lines. */
export function fileLength(source: Source): Finding[] {
  const lines = source.text.trimEnd().split('\n').length;
  if (!CODE.test(source.path) || lines <= LINES_MAX || exemption(source) !== null) return [];
  return [finding(source, lines, `the file has ${lines} lines, ${LINES_MAX} at most`)];
}

function linesOf(source: Source, node: Node): number {
  return lineAt(source, node.end) - lineAt(source, node.start) + 1;
}

/** At most 70 lines of its own; a function inside counts as one line, and for itself. */
export function functionLength(source: Source): Finding[] {
  if (source.tree === null || exemption(source) !== null) return [];
  return nodes(source.tree)
    .filter(isFunction)
    .flatMap((node) => {
      const inner = functionsIn(node).reduce((sum, each) => sum + linesOf(source, each) - 1, 0);
      const own = linesOf(source, node) - inner;
      return own <= FUNCTION_LINES_MAX
        ? []
        : [finding(source, node, `a function of ${own} lines, ${FUNCTION_LINES_MAX} at most`)];
    });
}

/* As in the kernel, a message is never broken: whoever meets it can search for it. */
const ONE_STRING = /^\s*(return |\w+: |\? |: |\+ )?(['"`]).*\2[),;\]}]*$/;

/** At most 120 columns, unless the line is one string. */
export function lineLength(source: Source): Finding[] {
  if (!CODE.test(source.path)) return [];
  return source.text.split('\n').flatMap((line, k) => {
    if (line.length <= COLUMNS_MAX || ONE_STRING.test(line)) return [];
    return [finding(source, k + 1, `${line.length} columns, ${COLUMNS_MAX} at most`)];
  });
}

function dotted(node: Node): string | null {
  const { object, property } = node;
  if (node.type !== 'MemberExpression' || !isNode(object) || !isNode(property)) return null;
  return object.type === 'Identifier'
    ? `${String(object['name'])}.${String(property['name'] ?? property['value'])}`
    : null;
}

const IMPURE =
  /^(Math\.random|Date\.now|performance\.now|crypto\.(randomUUID|getRandomValues)|(console|process)\..*)$/;

/** No clock, randomness, output or environment where verdicts are made. */
export function purity(source: Source): Finding[] {
  if (source.tree === null || !PURE.test(source.path)) return [];
  return nodes(source.tree).flatMap((node) => {
    const name = dotted(node);
    if (name !== null && IMPURE.test(name)) {
      return name.startsWith('process.') && isTest(source.path) ? [] : [finding(source, node, name)];
    }
    const { callee } = node;
    const isDate = isNode(callee) && callee.type === 'Identifier' && callee['name'] === 'Date';
    return isDate && /^(New|Call)Expression$/.test(node.type) ? [finding(source, node, 'Date')] : [];
  });
}

/** Neither `any` nor `!`. */
export function looseTypes(source: Source): Finding[] {
  if (source.tree === null) return [];
  return nodes(source.tree).flatMap((node) => {
    if (node.type === 'TSAnyKeyword') return [finding(source, node, '`any`: say what it is, or `unknown`')];
    return node.type === 'TSNonNullExpression'
      ? [finding(source, node, '`!`: check it, or assert() it with a reason')]
      : [];
  });
}

const WRITERS = /^(models\/(exec|steps)\/|models\/boot\.ts$|engine\/|bench\/)/;

/** Only models/steps and models/exec write machine state: elsewhere no element of a variable named `m` is assigned. */
export function machineWrites(source: Source): Finding[] {
  if (source.tree === null || WRITERS.test(source.path)) return [];
  return nodes(source.tree).flatMap((node) => {
    const target =
      node.type === 'AssignmentExpression'
        ? node['left']
        : node.type === 'UpdateExpression'
          ? node['argument']
          : null;
    if (!isNode(target) || target.type !== 'MemberExpression' || target['computed'] !== true) return [];
    const { object } = target;
    if (!isNode(object) || object.type !== 'Identifier' || object['name'] !== 'm') return [];
    return [finding(source, node, 'writes machine state; only models/steps and models/exec do')];
  });
}

function matches(source: Source, pattern: RegExp, what: string): Finding[] {
  if (!pattern.test(source.text)) return [];
  return source.text
    .split('\n')
    .flatMap((line, k) => (pattern.test(line) ? [finding(source, k + 1, what)] : []));
}

/* Written in two pieces each, so that this file passes. */
const LEFT_OVER = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);
const ABSOLUTE = new RegExp(`(^|[^\\w.])/(${['wo' + 'rk', 'ho' + 'me', 'ro' + 'ot'].join('|')})/`);
const HOST = new RegExp(`${'regi' + 'stry'}\\.[a-z0-9-]+(\\.[a-z0-9-]+)*\\.[a-z]{2,}|"resol${'ved'}":`);
const MAKERS = [
  'Cla' + 'ude',
  'Anthr' + 'opic',
  'Chat' + 'GPT',
  'sub' + 'agents?',
  'AI (session|assist' + 'ant)s?',
];
const MADE_BY = new RegExp(`\\b(${MAKERS.join('|')})\\b`, 'i');

/** A limit goes to an issue or docs/, not into a comment. */
export function leftOvers(source: Source): Finding[] {
  return source.path === 'package-lock.json' ? [] : matches(source, LEFT_OVER, 'left-over note');
}

/**
 * Nothing of the machine that the text was written on, or of who typed it. `host`: npm's package host, if
 * known.
 */
export function foreignNames(source: Source, host: string | null): Finding[] {
  return [
    ...matches(source, ABSOLUTE, 'a path of one machine'),
    ...matches(source, HOST, 'the host of a package registry'),
    ...matches(source, MADE_BY, 'who wrote it belongs nowhere in the tree'),
    ...(host === null || !source.text.includes(host)
      ? []
      : [finding(source, 1, 'the host of the package registry in use')]),
  ];
}

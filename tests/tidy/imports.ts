// Who may import what: the table of ARCHITECTURE.md, section "layout", as data.

import { posix } from 'node:path';
import { type Finding, type Node, type Source, finding, isNode, nodes } from './source.ts';

interface Allowed {
  /** Folders, or beginnings of paths, of ours; `all` for any. A folder may always import from itself. */
  readonly ours: readonly string[] | 'all';
  /** Of these only types. */
  readonly types: readonly string[];
  /** Packages and Node's modules; `all` for any. */
  readonly packages: readonly string[] | 'all';
}

const NOTHING: Allowed = { ours: [], types: [], packages: [] };
const ANYTHING: Allowed = { ours: 'all', types: [], packages: 'all' };

/* No module here opens a file, starts a process or reads a clock. */
const PURE_NODE = ['node:buffer', 'node:crypto', 'node:util', 'node:zlib'];

/** By folder; the longest that the path begins with decides. */
const ALLOWED: { readonly [folder: string]: Allowed } = {
  api: NOTHING,
  policies: { ...NOTHING, ours: ['api'] },
  models: { ours: ['api'], types: [], packages: ['ts-pattern'] },
  engine: NOTHING,
  'policies/broken/index.ts': { ours: ['api', 'policies/broken/'], types: [], packages: ['node:fs'] },
  arbitraries: { ours: ['api', 'models/bounds'], types: [], packages: ['fast-check'] },
  properties: {
    ours: ['api', 'models', 'engine', 'arbitraries', 'policies'],
    types: [],
    packages: ['fast-check', 'seedrandom', 'ts-pattern', ...PURE_NODE],
  },
  /* the sequential worlds: neither models nor engine */
  iommufd: { ours: [], types: [], packages: ['fast-check', 'ts-pattern', ...PURE_NODE] },
  'iommufd/model': NOTHING,
  'iommufd/arbitraries': { ours: ['iommufd/model'], types: [], packages: ['fast-check'] },
  uapi: { ours: ['api'], types: [], packages: ['fast-check'] },
  'uapi/model': { ...NOTHING, ours: ['api'] },
  'uapi/broken': { ...NOTHING, ours: ['uapi/model'] },
  'uapi/arbitraries': { ours: ['api', 'uapi/model'], types: [], packages: ['fast-check'] },
  reports: { ours: ['models'], types: ['engine'], packages: ['ts-pattern', 'zod', ...PURE_NODE] },
};

/** Packages that stay where they are, whoever else is allowed any: beginnings of paths. */
const CONFINED: readonly {
  readonly name: string;
  readonly only?: readonly string[];
  readonly never?: readonly string[];
}[] = [
  { name: 'fast-check', only: ['arbitraries/', 'iommufd/', 'properties/', 'uapi/'] },
  { name: 'seedrandom', only: ['cli/', 'properties/sampling', 'bench/'] },
  { name: 'ts-pattern', never: ['engine/', 'models/exec', 'models/steps'] },
];

/** Tests and the writers of what they compare with: they may import anything, and nobody else them. */
export function isTest(path: string): boolean {
  return /(^|\/)(tests|pins)\//.test(path) || path.endsWith('.test.ts');
}

interface Import {
  readonly specifier: string;
  readonly types: boolean;
  readonly node: Node;
}

function onlyTypes(node: Node): boolean {
  if (node['importKind'] === 'type' || node['exportKind'] === 'type' || node.type === 'TSImportType')
    return true;
  const names = node['specifiers'];
  return (
    Array.isArray(names) &&
    names.length > 0 &&
    names.every(
      (name: unknown) => isNode(name) && (name['importKind'] === 'type' || name['exportKind'] === 'type'),
    )
  );
}

const IMPORTING =
  /^(ImportDeclaration|ExportNamedDeclaration|ExportAllDeclaration|ImportExpression|TSImportType)$/;

function importsOf(tree: Node): Import[] {
  return nodes(tree).flatMap((node) => {
    if (!IMPORTING.test(node.type)) return [];
    const from = isNode(node['argument']) ? node['argument'] : node['source'];
    const literal = isNode(from) && isNode(from['literal']) ? from['literal'] : from;
    if (!isNode(literal) || typeof literal['value'] !== 'string') return [];
    return [{ specifier: literal['value'], types: onlyTypes(node), node }];
  });
}

function targetOf(path: string, specifier: string): { readonly ours: string } | { readonly name: string } {
  if (specifier === 'gmem-iommu-conformance/api') return { ours: 'api/index.ts' };
  if (specifier.startsWith('.')) return { ours: posix.join(posix.dirname(path), specifier) };
  return { name: specifier.startsWith('node:') ? specifier : specifier.split('/')[0] };
}

function within(path: string, places: readonly string[]): boolean {
  return places.some((place) => path.startsWith(place));
}

function breach(path: string, wanted: Import): string | null {
  const target = targetOf(path, wanted.specifier);
  if ('name' in target) {
    const rule = CONFINED.find((entry) => entry.name === target.name);
    if (rule?.never !== undefined && within(path, rule.never))
      return `imports ${target.name}, which is too slow here`;
    if (isTest(path)) return null;
    if (rule?.only !== undefined && !within(path, rule.only))
      return `imports ${target.name}, which stays in ${rule.only.join(', ')} and tests`;
  }
  if (isTest(path)) return null;
  const [folder, allowed] = Object.entries(ALLOWED)
    .filter(([name]) => path === name || path.startsWith(`${name}/`))
    .reduce((best, each) => (each[0].length > best[0].length ? each : best), ['', ANYTHING]);
  if ('name' in target) {
    if (allowed.packages === 'all' || allowed.packages.includes(target.name)) return null;
    return `${folder} may not import ${target.name}`;
  }
  if (isTest(target.ours)) return `imports a test, ${target.ours}`;
  if (allowed.ours === 'all' || (folder !== '' && target.ours.startsWith(`${folder}/`))) return null;
  if (within(target.ours, allowed.ours)) return null;
  if (!within(target.ours, allowed.types)) return `${folder} may not import ${target.ours}`;
  return wanted.types ? null : `${folder} may import types only from ${target.ours}`;
}

/** Each import that the table does not allow. */
export function importDirections(source: Source): Finding[] {
  if (source.tree === null) return [];
  return importsOf(source.tree).flatMap((wanted) => {
    const what = breach(source.path, wanted);
    return what === null ? [] : [finding(source, wanted.node, what)];
  });
}

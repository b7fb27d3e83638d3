// One violation as one mail: plain ASCII, 72 columns, summary first, replayable, its limits stated.

import { ASSUMPTIONS } from '../models/bounds.ts';
import type { Result, TraceStep, Violation } from '../models/results.ts';
import { block, hang, number, plain, plural, wrap, WIDTH } from './layout.ts';
import { raceTable } from './table.ts';
import { encodeToken } from './token.ts';
import { assumptionText, boundsText, hugeMatters, subject } from './words.ts';

export interface MailOptions {
  /**
   * What found it: `gmem-iommu-conformance 0.1.0, seed 42`. Documentation/process/generated-content.rst asks
   * for it.
   */
  readonly foundBy?: string;
}

export function heading(result: Result, violation: Violation): string[] {
  const word = violation.severity === 'axiom' ? 'VIOLATED' : 'FLAG';
  return [
    ...wrap(`${subject(result)}:`, WIDTH),
    ...hang(`${word} `, `${violation.invariant} (${violation.outcome})`),
  ];
}

/** The table, after the state that it starts from. */
export function tableOf(violation: Violation): string[] {
  const initially = violation.initially === '' ? [] : [...hang('Initially ', `${violation.initially}.`), ''];
  return [...initially, ...raceTable(violation.trace), ''];
}

interface Change {
  readonly field: string;
  readonly after: string;
  readonly n: string;
  readonly at: number;
}

/** Where `text` names `field` as a whole: `pfn 5` is not in `pfn 53`. */
function mention(text: string, field: string): number {
  for (let at = text.indexOf(field); at >= 0; at = text.indexOf(field, at + 1)) {
    const left = at === 0 ? '' : text.charAt(at - 1);
    const right = text.charAt(at + field.length);
    if (!/[\w-]/.test(left) && !/[\w]/.test(right)) return at;
  }
  return -1;
}

/** Last change of each field that the witness names, in the order in which it names them. */
function changesNamed(witness: string, trace: readonly TraceStep[]): Change[] {
  const changes = new Map<string, Change>();
  for (const step of trace) {
    for (const { field, after } of step.diff) {
      const at = field === '' ? -1 : mention(witness, field);
      if (at >= 0) changes.set(field, { field, after, n: step.n, at });
    }
  }
  return [...changes.values()].sort((a, b) => a.at - b.at);
}

/** Which step breaks the invariant, and which steps made what the witness names. */
export function causalSentence(violation: Violation): string {
  const last = violation.trace[violation.trace.length - 1];
  if (last === undefined) return `In the initial state: ${violation.witness}.`;
  const changes = changesNamed(violation.witness, violation.trace);
  const witness = violation.witness.replace(/\.$/, '');
  const made = changes.map(({ field, after, n }) => `${field} is "${after}" since ${n}`);
  return `After ${last.n}: ${witness}.${made.length === 0 ? '' : ` ${made.join('; ')}.`}`;
}

function blameText(result: Result): string {
  if (result.policy === 'none') return `Policy none has no IOMMU side: a finding on ${result.base} itself.`;
  return `The base alone (policy none) does the same: a finding on ${result.base}, not on the policy.`;
}

/** The sentences under the table. */
export function cause(result: Result, violation: Violation): string[] {
  const sentences = wrap(causalSentence(violation), WIDTH);
  if (violation.baseSearched === false)
    sentences.push(
      ...wrap(`Not known: whether ${result.base} does so by itself. The search of it did not end.`, WIDTH),
    );
  return violation.blame === 'base' ? [...sentences, ...wrap(blameText(result), WIDTH)] : sentences;
}

function ruleText({ says, source }: Violation): string[] {
  return [...(says === '' ? [] : [says]), ...(source === '' ? [] : [`(${source})`])];
}

export function consequenceText(violation: Violation): string[] {
  const then = violation.consequence;
  if (then === null) return [];
  const more = then.moreCalls === 0 ? '' : ` (${plural(then.moreCalls, 'more call')})`;
  return [`${then.access}: ${then.outcome}${more}${then.note === '' ? '' : `; ${then.note}`}`];
}

export function sizeText(violation: Violation): string {
  const { calls, switches, steps } = violation;
  const switched = `${number(switches)} switch${switches === 1 ? '' : 'es'}`;
  return `${plural(calls, 'call')}, ${switched}, ${plural(steps, 'step')}`;
}

function certificate(result: Result, violation: Violation): string {
  const within = boundsText(result.bounds);
  if (!violation.certified) return `not certified: a shorter one may exist within ${within}`;
  return `certified within: ${within} (${plural(violation.certifiedStates, 'state')})`;
}

function limits(result: Result, violation: Violation): string {
  const names = (list: readonly string[]): string =>
    list.map((name) => assumptionText(name, result.assumptions)).join(', ');
  const said = ['a model, not hardware; not reproduced on hardware', 'sequential consistency'];
  if (hugeMatters(result.bounds))
    said.push(`sizes are scaled: a huge page is ${plural(result.bounds.hugePages, 'base page')}`);
  if (violation.dependsOn.length > 0) said.push(`this verdict depends on: ${names(violation.dependsOn)}`);
  if (violation.assumedWithoutEffect.length > 0) {
    said.push(`assumed, without effect on this verdict: ${names(violation.assumedWithoutEffect)}`);
  }
  return said.join('; ');
}

/** FNV-1a, 32 bits. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Name of the JSON file that replays a trace too long for a token. Same violation, same name. */
export function replayFileName(result: Result, violation: Violation): string {
  const changed = ASSUMPTIONS.filter(
    ({ name, default: value }) => (result.assumptions[name] ?? value) !== value,
  ).map(({ name }) => `--assume ${name}`);
  const whole = [
    result.policy,
    result.base,
    result.platform,
    result.vmm,
    violation.invariant,
    violation.outcome,
    ...(result.settings ?? []),
    ...changed,
  ];
  const readable = `${result.policy}-${result.platform}`.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 34);
  return `${readable}-${fingerprint(whole.join('\n'))}.json`;
}

/** The token, or the command that reads the file which stands for one. `policyFile` is a word of a shell's. */
export function replayText(result: Result, violation: Violation): string {
  if (violation.token !== null) return encodeToken(violation.token);
  const command = `gmem-conform replay ${replayFileName(result, violation)}`;
  return result.policyFile === undefined ? command : `${command} --policy ${result.policyFile}`;
}

/** A command that does not fit goes over several lines, so that it can be copied: a shell joins them. */
function shellLines(command: string): string[] {
  const [head = '', path] = command.split(/ --policy (.*)/s);
  if (path === undefined || command.length + 2 <= WIDTH) return [`  ${command}`];
  const lines = ['    --policy '];
  /* a path that is too long goes on in the first column; not between a backslash and what it quotes */
  for (const piece of path.match(/\$'[^']*'|\\.|./g) ?? []) {
    const last = lines.length - 1;
    if (lines[last].length + piece.length < WIDTH) lines[last] += piece;
    else lines.push(piece);
  }
  return [`  ${head} \\`, lines.join('\\\n')].join('\n').split('\n');
}

export const replayLines = (result: Result, violation: Violation): string[] =>
  shellLines(replayText(result, violation));

export function mailLines(result: Result, violation: Violation, options: MailOptions = {}): string[] {
  return [
    ...heading(result, violation),
    '',
    ...tableOf(violation),
    ...cause(result, violation),
    '',
    ...block('rule', ruleText(violation)),
    ...block('then', consequenceText(violation)),
    ...block('state', violation.state),
    ...block('why', violation.why),
    ...block('size', [`${sizeText(violation)}; ${certificate(result, violation)}`]),
    ...block('limits', [limits(result, violation)]),
    ...block('found', options.foundBy === undefined ? [] : [`by ${options.foundBy}`]),
    'replay',
    ...replayLines(result, violation),
  ];
}

/** Throws ReportError where a name or a text is not plain ASCII. */
export function mail(result: Result, violation: Violation, options: MailOptions = {}): string {
  return plain(mailLines(result, violation, options));
}

// The default output of `check`: configuration, verdict, invariants, violations, for each result.

import type { InvariantResult, Result, RunReport, Violation } from '../models/results.ts';
import { block, compact, hang, number, plain, plural, underlined } from './layout.ts';
import { cause, consequenceText, replayLines, tableOf } from './mail.ts';
import {
  assumptionsText,
  boundsText,
  byGravity,
  bySize,
  gravest,
  isBaseFinding,
  isGuilt,
  subject,
  verdictText,
} from './words.ts';

export interface TextOptions {
  /** A table for every violation, not only for the gravest. */
  readonly all?: boolean;
}

const INDENT = 2;
/** Two columns of hits and invariants; a longer name takes the line. */
const HITS = 5;
const NAME = 29;

const GROUPS: readonly (readonly [InvariantResult['verdict'], string])[] = [
  ['violated', 'violated'],
  ['flagged', 'flagged (legal on this platform, counted)'],
  ['holds', 'holds'],
  ['reached', 'reached (races that had to be met, and were)'],
  ['unreached', 'unreached (no run got there)'],
  ['not-judged', 'not judged'],
];

function configuration(result: Result, seed: string): string[] {
  const { bounds } = result;
  const limit = `at most ${plural(bounds.maxStates, 'state')}; a huge page is ${plural(bounds.hugePages, 'base page')}`;
  return [
    ...block('policy', result.policyTitle.includes(result.policy) ? [] : [result.policy]),
    ...block('bounds', [`${bounds.name}: ${boundsText(bounds)}; ${limit}`]),
    ...block('seed', [seed]),
    ...block('assume', [assumptionsText(result.assumptions)]),
    ...block('depends', result.dependsOn.length === 0 ? [] : [`on ${result.dependsOn.join(', ')}`]),
  ];
}

const cell = (inv: InvariantResult): string => `${compact(inv.hits).padStart(HITS)} ${inv.name}`;

function columns(invariants: readonly InvariantResult[]): string[] {
  const lines: string[] = [];
  let left: string | null = null;
  for (const inv of invariants) {
    if (inv.name.length > NAME) lines.push(...hang(`${compact(inv.hits).padStart(HITS)} `, inv.name));
    else if (left === null) left = cell(inv);
    else {
      lines.push(left.padEnd(HITS + NAME + 2) + cell(inv));
      left = null;
    }
  }
  return left === null ? lines : [...lines, left];
}

/** What was not met holds only as far as it was searched. */
function holdsText({ preemptionBound }: Result): string {
  if (preemptionBound === null) return 'holds';
  return preemptionBound < 0
    ? 'not met (not all was searched)'
    : `holds (with at most ${plural(preemptionBound, 'preemption')})`;
}

function invariantList(result: Result): string[] {
  const guilty = new Set(result.violations.filter(isGuilt).map((v) => v.invariant));
  const ofBase = new Set(
    result.violations.filter((v) => isBaseFinding(v) && !guilty.has(v.invariant)).map((v) => v.invariant),
  );
  const byBase = result.invariants.filter((inv) => ofBase.has(inv.name));
  const lines = GROUPS.flatMap(([verdict, title]) => {
    const group = result.invariants.filter((inv) => inv.verdict === verdict && !ofBase.has(inv.name));
    const said = verdict === 'holds' ? holdsText(result) : title;
    return group.length === 0 ? [] : [`${said}:`, ...columns(group)];
  });
  const base =
    byBase.length === 0 ? [] : [...hang('', `violated by ${result.base} alone:`), ...columns(byBase)];
  return lines.length + base.length === 0 ? [] : ['Invariants, each with its hits', ...base, ...lines, ''];
}

const LIST_HEAD = '                  calls switches steps  invariant: outcome';

function summary(v: Violation): string[] {
  const sizes = `${String(v.calls).padStart(5)} ${String(v.switches).padStart(8)} ${String(v.steps).padStart(5)}`;
  const first = `  ${v.severity.padEnd(6)} ${v.blame.padEnd(7)}  ${sizes}${v.certified ? '*' : ' '} `;
  return hang(first, `${v.invariant}: ${v.outcome}`);
}

/** Table, causal sentence, consequence, why, replay. */
function shown(result: Result, v: Violation): string[] {
  return [
    ...hang('', `${v.severity === 'axiom' ? 'VIOLATED' : 'FLAG'} ${v.invariant} (${v.outcome}):`),
    '',
    ...tableOf(v),
    ...cause(result, v),
    ...block('then', consequenceText(v)),
    ...block('why', v.why),
    'replay',
    ...replayLines(result, v),
    '',
  ];
}

function violations(
  result: Result,
  title: string,
  list: readonly Violation[],
  show: readonly Violation[],
): string[] {
  if (list.length === 0) return [];
  const star = list.some((v) => v.certified) ? ['  (*: certified, no shorter one within the bounds)'] : [];
  return [title, LIST_HEAD, ...list.flatMap(summary), ...star, '', ...show.flatMap((v) => shown(result, v))];
}

function flagList(result: Result): string[] {
  const names = Object.keys(result.flags).sort();
  if (names.length === 0) return [];
  const counts = names.map((name) => `${name} ${number(result.flags[name] ?? 0)}`).join(', ');
  return [...block('flags', [`noisy but harmless: ${counts}`]), ''];
}

function resultLines(result: Result, seed: string, all: boolean): string[] {
  const header = [
    ...underlined(subject(result)),
    ...configuration(result, seed),
    '',
    ...hang('', verdictText(result), INDENT),
    '',
  ];
  if (result.verdict === 'not-applicable') return header;
  const own = result.violations.filter(isGuilt).sort(byGravity);
  const base = result.violations.filter(isBaseFinding).sort(bySize);
  const flagged = result.violations.filter((v) => v.severity === 'flag').sort(byGravity);
  const worst = gravest(own);
  const firstOfBase = base.slice(0, 1);
  return [
    ...header,
    ...invariantList(result),
    ...violations(result, 'Violations by the policy', own, all || worst === null ? own : [worst]),
    ...violations(
      result,
      `Findings on ${result.base} itself: policy none does the same`,
      base,
      all ? base : firstOfBase,
    ),
    ...violations(result, 'Flags: legal on this platform', flagged, all ? flagged : []),
    ...flagList(result),
  ];
}

/** How many results got which verdict, where there is more than one. */
function tally(report: RunReport): string[] {
  if (report.results.length < 2) return [];
  const verdicts = [...new Set(report.results.map((result) => result.verdict))];
  const counts = verdicts.map(
    (verdict) => `${report.results.filter((r) => r.verdict === verdict).length} ${verdict}`,
  );
  return hang('', `${plural(report.results.length, 'result')}: ${counts.join(', ')}.`, INDENT);
}

export function text(report: RunReport, options: TextOptions = {}): string {
  const lines = report.results.flatMap((result) => resultLines(result, report.seed, options.all ?? false));
  return plain([...lines, ...tally(report)]);
}

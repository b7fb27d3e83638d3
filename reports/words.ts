// The words that all reports share: bounds, assumptions, verdicts, and which violation comes first.

import { match } from 'ts-pattern';

import type { Bounds, Result, Violation } from '../models/results.ts';
import { listed, number, plural } from './layout.ts';

/** `2 pages, 3 calls, 2 VMM threads, 1 vCPU, 1 device` */
export function boundsText(bounds: Bounds): string {
  const said = [plural(bounds.pages, 'page'), plural(bounds.calls, 'call')];
  said.push(
    plural(bounds.vmmThreads, 'VMM thread'),
    plural(bounds.vcpus, 'vCPU'),
    plural(bounds.devices, 'device'),
  );
  if (bounds.preemptions !== null) said.push(`at most ${plural(bounds.preemptions, 'preemption')}`);
  return said.join(', ');
}

/** Where no huge page fits into the pages there are, its size does not matter. */
export const hugeMatters = (bounds: Bounds): boolean =>
  bounds.hugePages > 1 && bounds.pages >= bounds.hugePages;

/** As `--assume` takes it: `tdx.removal-never-fails`, or `...=false`. */
export function assumptionText(name: string, assumptions: { readonly [name: string]: boolean }): string {
  return assumptions[name] === false ? `${name}=false` : name;
}

export function assumptionsText(assumptions: { readonly [name: string]: boolean }): string {
  const names = Object.keys(assumptions).sort();
  return names.length === 0 ? 'none' : names.map((name) => assumptionText(name, assumptions)).join(', ');
}

/** `vmm-remap (RFC, 25 Feb 2026) on rfc-v2, sev-snp, VMM adversarial` */
export function subject(result: Result): string {
  const where = `${result.policyTitle} on ${result.base}, ${result.platform}, VMM ${result.vmm}`;
  return [where, ...(result.settings ?? [])].join(', ');
}

/** An axiom that the policy itself breaks: what makes it nonconformant. */
export const isGuilt = (v: Violation): boolean => v.severity === 'axiom' && v.blame === 'policy';
export const isBaseFinding = (v: Violation): boolean => v.severity === 'axiom' && v.blame === 'base';

/* of what an access comes to */
const GRAVITY: readonly string[] = [
  'host fatal',
  'host corruption',
  'confidential leak',
  'integrity violation',
  'DMA lost silently',
  'contained fault',
];

/** 0 is the worst. */
function gravity({ consequence }: Violation): number {
  const rank = GRAVITY.indexOf(consequence?.outcome ?? '');
  return rank < 0 ? GRAVITY.length : rank;
}

/** A lock that is kept at return, before the deadlocks and inversions that come of it. */
const effect = (v: Violation): number =>
  v.invariant === 'nothing-left-at-release' && v.outcome === 'lock' ? 0 : 1;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Shorter first; the names decide between equals, so that the order never depends on the search. */
export function bySize(a: Violation, b: Violation): number {
  return (
    a.calls - b.calls ||
    a.switches - b.switches ||
    a.steps - b.steps ||
    compareText(a.invariant, b.invariant) ||
    compareText(a.outcome, b.outcome)
  );
}

/** Axioms before flags, the policy before its base, the worse consequence, then the shorter. */
export function byGravity(a: Violation, b: Violation): number {
  const severity = Number(a.severity === 'flag') - Number(b.severity === 'flag');
  const blame = Number(a.blame === 'base') - Number(b.blame === 'base');
  return severity || blame || gravity(a) - gravity(b) || effect(a) - effect(b) || bySize(a, b);
}

/** The violation to show where there is room for one. */
export function gravest(violations: readonly Violation[]): Violation | null {
  return [...violations].sort(byGravity)[0] ?? null;
}

/** Names of invariants whose race was to be reached and was not. */
export function unreached(result: Result): string[] {
  return result.invariants.filter((inv) => inv.verdict === 'unreached').map((inv) => inv.name);
}

/** How much of the bounds the search has seen. */
function extent(result: Result): string {
  const within = `${boundsText(result.bounds)} (${plural(result.states, 'state')})`;
  const { preemptionBound: bound, bounds } = result;
  if (bound === -1) return `in part, within ${within}`;
  if (bound !== null && bounds.preemptions !== bound) return `preemptions <= ${bound}, within ${within}`;
  return `within ${within}`;
}

function boundedBy(result: Result): string {
  const { preemptionBound: bound, bounds } = result;
  if (bound === null)
    return `stopped at ${plural(result.states, 'state')} of at most ${number(bounds.maxStates)}`;
  return bound < 0 ? 'no preemption bound was completed' : `preemptions <= ${bound}`;
}

/** Said of a pass, so that a finding on the base does not read as none at all. */
function nothingOf(result: Result): string {
  const ofBase = result.violations.filter(isBaseFinding);
  const axioms = new Set(ofBase.map((v) => v.invariant));
  if (axioms.size === 0) return 'no violation';
  /* sampled runs have more calls than were searched */
  const within = new Set(ofBase.filter((v) => v.calls <= result.bounds.calls).map((v) => v.invariant));
  const longer = axioms.size - within.size;
  const where = longer === 0 ? 'below' : `${longer} of them in longer sampled runs, below`;
  return `no violation by the policy (${result.base} alone breaks ${plural(axioms.size, 'invariant')}, ${where})`;
}

function violatedText(result: Result): string {
  const names = [
    ...new Set(
      [...result.violations]
        .filter(isGuilt)
        .sort(byGravity)
        .map((v) => v.invariant),
    ),
  ];
  const runs = result.runs > 0 ? `, ${plural(result.runs, 'run')}` : '';
  return `VIOLATED ${names.length === 0 ? (result.reason ?? '') : listed(names)}; searched ${extent(result)}${runs}`;
}

/** What would help where nothing is said. */
const remedy = ({ preemptionBound, states }: Result): string =>
  preemptionBound === -1
    ? `the search ended at ${plural(states, 'state')}: give it more --time or --max-states`
    : 'raise the bounds';

/** The verdict in honest words; never a bare ok. */
export function verdictText(result: Result): string {
  const because = result.reason === undefined ? '' : ` ${result.reason}`;
  const names = unreached(result);
  const within = `within ${boundsText(result.bounds)}`;
  return match(result.verdict)
    .with('violated', () => violatedText(result))
    .with('exhausted', () => `EXHAUSTED: ${nothingOf(result)} ${within} (${plural(result.states, 'state')})`)
    .with(
      'bounded',
      () =>
        `BOUNDED (${boundedBy(result)}): ${nothingOf(result)} ${within} (${plural(result.states, 'state')})`,
    )
    .with(
      'sampled',
      () => `SAMPLED ${plural(result.runs, 'run')}: ${nothingOf(result)} met ${within}; not a search of all`,
    )
    .with('vacuous', () =>
      because === ''
        ? `VACUOUS: no run reached ${listed(names)}; ${remedy(result)}`
        : `VACUOUS:${because}; ${remedy(result)}`,
    )
    .with('not-applicable', () => `NOT APPLICABLE:${because}`)
    .exhaustive();
}

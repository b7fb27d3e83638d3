// Machine-readable reports: the shapes of the published schema and nothing else, keys always in this order.

import type {
  Bounds,
  FaultResult,
  FieldChange,
  InvariantResult,
  Result,
  RunReport,
  TraceStep,
  TryResult,
  Violation,
} from '../models/results.ts';
import type { MatrixCell } from './matrix.ts';
import { encodeToken } from './token.ts';

/** Two spaces, trailing newline; beyond ASCII escaped, so that the bytes are ASCII whatever the data. */
function written(value: unknown): string {
  const text = JSON.stringify(value, null, 2) + '\n';
  return text.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function sorted<T>(record: { readonly [name: string]: T }): { [name: string]: T } {
  return Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((name) => [name, record[name]]),
  );
}

const change = ({ field, before, after }: FieldChange): FieldChange => ({ field, before, after });

/** Innermost function of each step, `` in the call itself; a thread comes back to where it was. */
function functionsOf(trace: readonly TraceStep[]): string[] {
  const stacks = new Map<string, string[]>();
  return trace.map((step) => {
    const old = stacks.get(step.thread) ?? [];
    const kept = old.slice(0, Math.max(0, step.depth - step.enters.length));
    const stack = [...kept, ...step.enters];
    stacks.set(step.thread, stack);
    return stack[stack.length - 1] ?? '';
  });
}

function traceJson(trace: readonly TraceStep[]): unknown[] {
  const functions = functionsOf(trace);
  return trace.map((step, i) => ({
    n: step.n,
    thread: step.thread,
    call: step.call,
    step: step.step,
    at: functions[i] ?? '',
    args: sorted(step.args),
    answer: step.answer,
    diff: step.diff.map(change),
  }));
}

const boundsJson = (b: Bounds): Bounds => ({
  name: b.name,
  pages: b.pages,
  hugePages: b.hugePages,
  calls: b.calls,
  vmmThreads: b.vmmThreads,
  vcpus: b.vcpus,
  devices: b.devices,
  preemptions: b.preemptions,
  maxStates: b.maxStates,
});

const invariantJson = (inv: InvariantResult): InvariantResult => ({
  name: inv.name,
  expectation: inv.expectation,
  verdict: inv.verdict,
  hits: inv.hits,
});

const violationJson = (v: Violation): unknown => ({
  invariant: v.invariant,
  outcome: v.outcome,
  severity: v.severity,
  blame: v.blame,
  ...(v.baseSearched === undefined ? {} : { baseSearched: v.baseSearched }),
  calls: v.calls,
  switches: v.switches,
  steps: v.steps,
  certified: v.certified,
  token: v.token === null ? null : encodeToken(v.token),
  trace: traceJson(v.trace),
});

const resultJson = (r: Result): unknown => ({
  policy: r.policy,
  base: r.base,
  platform: r.platform,
  vmm: r.vmm,
  bounds: boundsJson(r.bounds),
  ...(r.settings === undefined ? {} : { settings: [...r.settings] }),
  assumptions: sorted(r.assumptions),
  verdict: r.verdict,
  ...(r.reason === undefined ? {} : { reason: r.reason }),
  runs: r.runs,
  states: r.states,
  steps: r.steps,
  preemptionBound: r.preemptionBound,
  flags: sorted(r.flags),
  dependsOn: [...r.dependsOn],
  invariants: r.invariants.map(invariantJson),
  violations: r.violations.map(violationJson),
});

/** check and replay */
export function runJson(report: RunReport): string {
  return written({ version: report.version, seed: report.seed, results: report.results.map(resultJson) });
}

export function matrixJson(seed: string, cells: readonly MatrixCell[]): string {
  return runJson({ version: 1, seed, results: cells.map((cell) => cell.result) });
}

export function tryJson(results: readonly TryResult[]): string {
  const shaped = results.map((r) => ({
    policy: r.policy,
    base: r.base,
    platform: r.platform,
    outcomes: r.outcomes.map((o) => ({ outcome: o.outcome, count: o.count, trace: traceJson(o.trace) })),
  }));
  return written({ version: 1, results: shaped });
}

export function faultsJson(faults: readonly FaultResult[]): string {
  const shaped = faults.map((f) => ({
    name: f.name,
    invariant: f.invariant,
    caught: f.caught,
    seedsCaught: f.seedsCaught,
    seeds: f.seeds,
    calls: f.calls,
    switches: f.switches,
    steps: f.steps,
    certified: f.certified,
  }));
  return written({ version: 1, faults: shaped });
}

// Finds a minimal trace for each row: of the RFC of 25 Feb 2026, of Linux 7.2, of the planted faults.

import fc from 'fast-check';
import { DIRTY_UNITS, type DirtyData, type DirtyOp, dirtyArbitrary } from '../arbitraries/dirty.ts';
import { type IovaData, type IovaOp, iovaArbitrary } from '../arbitraries/iova.ts';
import { type SequenceData, fileSequenceArbitrary, sequenceArbitrary } from '../arbitraries/sequence.ts';
import { type DomainOp, type FlushQueueOp, domainOps, flushQueueOps } from '../arbitraries/iotlb.ts';
import type { Functions } from '../model/functions.ts';
import { REPAIRS, repairedBut } from '../model/repaired.ts';
import { runDirty } from './dirty-run.ts';
import { FAULTS, type Fault, faulty } from '../faults/faults.ts';
import { hunt } from './hunt.ts';
import { invariantOf } from '../spec/invariants.ts';
import { FLUSH_QUEUE_FAULTS, runFlushQueue } from './flush-queue-run.ts';
import { runDomain } from './iotlb-run.ts';
import { runIova } from './iova-run.ts';
import { ROWS, blamePolicy, variantOf } from '../spec/rows.ts';

export interface Trace {
  readonly id: string;
  /** Runs until it came up. */
  readonly runs: number;
  readonly invariant: string;
  readonly detail: string;
  readonly data?: SequenceData;
  readonly domain?: readonly DomainOp[];
  readonly noGaps?: boolean;
  readonly queue?: readonly FlushQueueOp[];
  readonly dirty?: DirtyData;
  readonly iova?: IovaData;
}

const RUNS = 20_000;

/** Drops what is not needed. */
export function dropOps<T>(ops: readonly T[], shows: (ops: readonly T[]) => boolean): readonly T[] {
  let best = ops;
  for (let i = 0; i < best.length;) {
    const next = best.filter((_, j) => j !== i);
    if (next.length > 0 && shows(next)) best = next;
    else i++;
  }
  return best;
}

function huntRow(id: string, seed: number): Trace | null {
  const row = ROWS.find((each) => each.id === id);
  const shows = row?.shows;
  if (row === undefined || shows === undefined) return null;
  const found = hunt({
    arbitrary: row.anySource === true ? sequenceArbitrary() : fileSequenceArbitrary(),
    fn: variantOf(row),
    wanted: (outcome, data) =>
      row.only?.(data) !== false && outcome.violations.some((each) => shows(each) && blamePolicy(data, each)),
    seed,
    runs: RUNS,
  });
  const violation = found?.outcome.violations.find(shows);
  if (found === null || violation === undefined) return null;
  return { id, runs: found.runs, invariant: violation.invariant, detail: violation.detail, data: found.data };
}

function huntIn(id: string, fn: Parameters<typeof hunt>[0]['fn'], seed: number): Trace | null {
  const found = hunt({
    arbitrary: sequenceArbitrary(),
    fn,
    wanted: (outcome) => outcome.violations.length > 0,
    seed,
    runs: RUNS,
  });
  if (found === null) return null;
  const [{ invariant, detail }] = found.outcome.violations;
  return { id, runs: found.runs, invariant, detail, data: found.data };
}

function huntDomain(fault: Fault, seed: number): Trace | null {
  for (const noGaps of [true, false]) {
    const fn = faulty(fault);
    const shows = (ops: readonly DomainOp[]): boolean => runDomain(ops, fn, noGaps).findings.length > 0;
    const result = fc.check(
      fc.property(domainOps, (ops) => !shows(ops)),
      { seed, numRuns: RUNS / 4 },
    );
    if (!result.failed || result.counterexample === null) continue;
    const domain = dropOps(result.counterexample[0], shows);
    const [{ breach, detail }] = runDomain(domain, fn, noGaps).findings;
    return { id: fault.id, runs: result.numRuns, invariant: breach, detail, domain, noGaps };
  }
  return null;
}

const PLAIN = { layout: [{ order: 0, gap: false }], large: true, tracked: true, offset: 0 };

const READS = [{ range: 'units', at: 0, length: DIRTY_UNITS }, { page: 12 }, { page: 11 }] as const;

/** Reads of all that is there, of the usual page size, where they do as well. */
function plainReads(
  ops: readonly DirtyOp[],
  shows: (ops: readonly DirtyOp[]) => boolean,
): readonly DirtyOp[] {
  let best = ops;
  for (const i of ops.keys())
    for (const fields of READS) {
      const next = best.map((op, j): DirtyOp => (j === i && op.op === 'get' ? { ...op, ...fields } : op));
      if (shows(next)) best = next;
    }
  return best;
}

/** A write behind a read that clears may be lost by an IOTLB that a flush has passed by: U13 needs none. */
const writesBehindClear = (ops: readonly DirtyOp[]): boolean =>
  ops.some(({ op }, i) => op === 'write' && ops.slice(0, i).some((each) => each.op === 'get' && each.clear));

function huntDirty(id: string, fn: Functions, seed: number): Trace | null {
  const shows = (data: DirtyData): boolean =>
    !(id === 'U13' && writesBehindClear(data.ops)) && runDirty(data, fn).length > 0;
  const showsIn = (data: DirtyData) => (ops: readonly DirtyOp[]) => shows({ ...data, ops });
  const result = fc.check(
    fc.property(dirtyArbitrary, (data) => !shows(data)),
    { seed, numRuns: RUNS },
  );
  if (!result.failed || result.counterexample === null) return null;
  let [data] = result.counterexample;
  for (const plain of Object.entries(PLAIN)) {
    const next: DirtyData = { ...data, ...Object.fromEntries([plain]) };
    if (shows(next)) data = next;
  }
  const dirty = { ...data, ops: plainReads(dropOps(data.ops, showsIn(data)), showsIn(data)) };
  const [{ breach, detail }] = runDirty(dirty, fn);
  return { id, runs: result.numRuns, invariant: invariantOf(breach), detail, dirty };
}

function huntQueue(fault: Fault, seed: number): Trace | null {
  const fn = FLUSH_QUEUE_FAULTS[fault.id];
  const shows = (ops: readonly FlushQueueOp[]): boolean => runFlushQueue(ops, fn).wrong !== null;
  const result = fc.check(
    fc.property(flushQueueOps, (ops) => !shows(ops)),
    { seed, numRuns: RUNS },
  );
  if (!result.failed || result.counterexample === null) return null;
  const queue = dropOps(result.counterexample[0], shows);
  const detail = runFlushQueue(queue, fn).wrong ?? '';
  return { id: fault.id, runs: result.numRuns, invariant: 'flush-before-reuse', detail, queue };
}

/** Each number goes to the first of these that will do, and is not more than it was. */
const SMALL = [0, 1, 2, 4];

function smaller<T extends object>(data: T, shows: (data: T) => boolean): T {
  let best = data;
  for (const name of Object.keys(data)) {
    const put = (value: unknown): T =>
      Object.assign(Array.isArray(best) ? best.slice() : { ...best }, { [name]: value }) as T;
    const value: unknown = Object.entries(best).find(([key]) => key === name)?.[1];
    if (typeof value === 'object' && value !== null) {
      best = put(smaller(value, (next) => shows(put(next))));
    } else if (typeof value === 'number') {
      const least = name === 'length' ? 1 : 0;
      const n = SMALL.find((each) => each >= least && (value < 0 || each < value) && shows(put(each)));
      if (n !== undefined) best = put(n);
    }
  }
  return best;
}

function huntIova(fault: Fault, seed: number): Trace | null {
  const fn = faulty(fault);
  const wanted = ({ invariant }: { readonly invariant: string }): boolean =>
    fault.breaks === undefined || fault.breaks === invariant;
  const shows = (data: IovaData): boolean => runIova(data, fn).violations.some(wanted);
  const result = fc.check(
    fc.property(iovaArbitrary, (data) => !shows(data)),
    { seed, numRuns: RUNS },
  );
  if (!result.failed || result.counterexample === null) return null;
  let [data] = result.counterexample;
  for (const plain of [{ domain: false }, { large: true }]) {
    const next = { ...data, ...plain };
    if (shows(next)) data = next;
  }
  const world = data;
  const ops = dropOps<IovaOp>(world.ops, (some) => shows({ ...world, ops: some }));
  const iova = smaller({ ...world, ops }, shows);
  const [{ invariant, detail }] = runIova(iova, fn).violations.filter(wanted);
  return { id: fault.id, runs: result.numRuns, invariant, detail, iova };
}

const HUNTS: Partial<Record<Fault['by'], (fault: Fault, seed: number) => Trace | null>> = {
  sequences: (fault, seed) => huntIn(fault.id, faulty(fault), seed),
  domain: huntDomain,
  'IOVA space': huntIova,
  'dirty tracking': (fault, seed) => huntDirty(fault.id, faulty(fault), seed),
  'flush queue': huntQueue,
};

export function huntFault(fault: Fault, seed: number): Trace | null {
  return HUNTS[fault.by]?.(fault, seed) ?? null;
}

/** Weaknesses of dirty tracking. */
const OF_DIRTY: ReadonlySet<string> = new Set(['U12', 'U13', 'U14']);

/** Each id that generated sequences are to find, and how. */
export function hunters(seed: number): ReadonlyMap<string, () => Trace | null> {
  const out = new Map<string, () => Trace | null>();
  for (const { id, shows } of ROWS) if (shows !== undefined) out.set(id, () => huntRow(id, seed));
  for (const id of Object.keys(REPAIRS))
    out.set(id, () => (OF_DIRTY.has(id) ? huntDirty : huntIn)(id, repairedBut(id), seed));
  for (const fault of FAULTS)
    if (HUNTS[fault.by] !== undefined) out.set(fault.id, () => huntFault(fault, seed));
  return out;
}

export function huntAll(seed: number, say: (line: string) => void): Trace[] {
  const out: Trace[] = [];
  for (const [id, find] of hunters(seed)) {
    const trace = find();
    say(trace === null ? `${id}: not found` : `${id}: ${trace.runs} runs`);
    if (trace !== null) out.push(trace);
  }
  return out;
}

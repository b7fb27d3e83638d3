// Finds a sequence that shows a violation, and makes it small: fast-check draws and shrinks, then operations are
// dropped and numbers lowered as long as it still shows.

import fc from 'fast-check';
import type { OpData, SequenceData, WorldData } from '../arbitraries/sequence.ts';
import type { Functions } from '../model/functions.ts';
import { type Outcome, runSequence } from './run.ts';

export type Wanted = (outcome: Outcome, data: SequenceData) => boolean;

export interface Found {
  readonly data: SequenceData;
  readonly outcome: Outcome;
  /** Sequences drawn until it came up. */
  readonly runs: number;
}

const PLAIN: WorldData = {
  user: [{ order: 0, gap: false }],
  memfd: [{ order: 0, gap: false }],
  gmem: [{ order: 0, gap: false }],
  limit: 65536,
  rlimit: 1024,
  ipcLock: false,
  mm: false,
  attached: 0,
};

/** Each field of the world that the violation does not need is that of a plain world. */
function plainer(world: WorldData, shows: (world: WorldData) => boolean): WorldData {
  let best = world;
  for (const name of Object.keys(PLAIN)) {
    const next: WorldData = { ...best, [name]: PLAIN[name as keyof WorldData] };
    if (shows(next)) best = next;
  }
  return best;
}

function dropped(ops: readonly OpData[], shows: (ops: readonly OpData[]) => boolean): readonly OpData[] {
  let best = ops;
  for (let size = Math.max(1, best.length >> 1); size > 0; size >>= 1)
    for (let i = 0; i + size <= best.length;) {
      const next = [...best.slice(0, i), ...best.slice(i + size)];
      if (shows(next)) best = next;
      else i++;
    }
  return best;
}

/** Numbers go to 0, or to half, or down by one; flags to false. */
function lowered(op: OpData, shows: (op: OpData) => boolean): OpData {
  let best: Record<string, unknown> = { ...op };
  for (const name of Object.keys(op)) {
    const least = name === 'length' || name === 'pages' ? 1 : 0;
    const tries = (value: unknown): unknown[] =>
      typeof value === 'boolean'
        ? [false]
        : typeof value === 'number'
          ? [0, 1, 2, value >> 1, value - 2, value - 1].filter((n) => n >= least && n < value)
          : [];
    for (let again = true; again;) {
      again = false;
      for (const value of tries(best[name])) {
        const next = { ...best, [name]: value };
        if (value === best[name] || !shows(next as unknown as OpData)) continue;
        best = next;
        again = true;
        break;
      }
    }
  }
  return best as unknown as OpData;
}

/* A domain that is attached first is one of the world's, and one IOAS is enough where it is. */
function likeWorld(data: SequenceData): SequenceData[] {
  const [first, ...rest] = data.ops;
  const inFirst = data.ops.map((op): OpData => ('ioas' in op ? { ...op, ioas: 0 } : op));
  const attached = data.world.attached + 1;
  return [
    ...(JSON.stringify(inFirst) === JSON.stringify(data.ops) ? [] : [{ ...data, ops: inFirst }]),
    ...(first?.op === 'attach' && first.ioas === 0 && rest.length > 0 && attached <= 2
      ? [{ world: { ...data.world, attached }, ops: rest }]
      : []),
  ];
}

export function minimise(data: SequenceData, shows: (data: SequenceData) => boolean): SequenceData {
  let best = data;
  for (let before = ''; before !== JSON.stringify(best);) {
    before = JSON.stringify(best);
    best = { ...best, ops: dropped(best.ops, (ops) => ops.length > 0 && shows({ ...best, ops })) };
    best = { ...best, world: plainer(best.world, (world) => shows({ ...best, world })) };
    for (const other of likeWorld(best)) if (shows(other)) best = other;
    for (let i = 0; i < best.ops.length; i++) {
      const put = (op: OpData): SequenceData => ({
        ...best,
        ops: best.ops.map((each, j) => (j === i ? op : each)),
      });
      best = put(lowered(best.ops[i], (op) => shows(put(op))));
    }
  }
  return best;
}

export interface HuntOptions {
  readonly arbitrary: fc.Arbitrary<SequenceData>;
  readonly fn: Functions;
  readonly wanted: Wanted;
  readonly seed: number;
  readonly runs: number;
}

export function hunt({ arbitrary, fn, wanted, seed, runs }: HuntOptions): Found | null {
  const shows = (data: SequenceData): boolean => wanted(runSequence(data, fn), data);
  const result = fc.check(
    fc.property(arbitrary, (data) => !shows(data)),
    { seed, numRuns: runs },
  );
  if (!result.failed || result.counterexample === null) return null;
  const data = minimise(result.counterexample[0], shows);
  return { data, outcome: runSequence(data, fn), runs: result.numRuns };
}

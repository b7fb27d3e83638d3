// Small domains for the tests of the engine, and a naive search over plain objects to compare it with.

import type { Plain } from '../tries.ts';
import type { Path } from '../explore.ts';
import type { State } from '../layout.ts';
import { type CallOffer, type Domain, type Environment, type System, makeSystem } from '../system.ts';

/**
 * Steps on a few cells: `set` writes, `add` counts modulo 4, `get` answers the value, `lock` waits until the cell is
 * 0 and makes it 1, `unlock` makes it 0, `hit` hits property 1 as an event.
 */
export interface ToyStep {
  readonly op: 'set' | 'add' | 'get' | 'lock' | 'unlock' | 'hit';
  readonly cell: number;
  readonly value?: number;
}

export interface ToyOptions {
  readonly cells?: number;
  /** Kind of each thread. */
  readonly threads: readonly string[];
  /** Property 0 is hit where all cells have these values. */
  readonly bad?: readonly number[];
  /** An agent that moves cell 0 from 3 to 0. */
  readonly agent?: boolean;
  /** The domain says what its steps touch. Nothing but what is read of it may depend on the last cell. */
  readonly meets?: boolean;
}

export const CELL_VALUES = 4;

/* Bits: the last cell is written, it is read. */
const WRITES = 1;
const READS = 2;

export function toyDomain({ cells = 2, threads, bad = [], agent = false, meets }: ToyOptions): Domain {
  const writes = ({ op, cell }: ToyStep): boolean => cell === cells - 1 && op !== 'get' && op !== 'hit';
  const reads = ({ op, cell }: ToyStep): boolean => cell === cells - 1 && op !== 'set' && op !== 'hit';
  const steps: ToyStep[] = [];
  const numbers = new Map<string, number>();
  const events: number[] = [];
  return {
    fields: [{ name: 'cell', bits: 2, count: cells }],
    initial: (fresh) => [fresh()],
    threads: threads.map((kind, k) => ({ name: `${kind} ${k}`, kind })),
    compile: (step) => {
      const key = JSON.stringify(step);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, steps.length);
      return steps.push(step as ToyStep) - 1;
    },
    width: (op) => (steps[op].op === 'get' ? CELL_VALUES : 1),
    apply: (m, _thread, op) => applyToy(m, steps[op], events),
    reduction: {
      isRelease: (op) => steps[op].op === 'unlock',
      ...(meets === true
        ? {
            touches: (op) => (writes(steps[op]) ? WRITES : 0) | (reads(steps[op]) ? READS : 0),
            kind: (op) => ['set', 'add', 'get', 'lock', 'unlock', 'hit'].indexOf(steps[op].op),
            meets: (op) => (steps[op].op === 'get' && reads(steps[op]) ? WRITES : 0),
            forgets: READS,
            forget: (m, touched) => {
              if ((touched & READS) === 0) m[cells - 1] = 0;
            },
          }
        : {}),
    },
    agents: agent ? ['agent'] : [],
    act: (m) => {
      if (m[0] !== 3) return false;
      m[0] = 0;
      return true;
    },
    properties: ['bad', 'hit'],
    judge: (m, hits) => {
      if (bad.length > 0 && bad.every((value, cell) => m[cell] === value)) hits.push(0);
    },
    events,
  };
}

export function applyToy(m: State | number[], step: ToyStep, events: number[]): number {
  const { op, cell, value = 0 } = step;
  switch (op) {
    case 'set':
      m[cell] = value;
      return 0;
    case 'add':
      m[cell] = (m[cell] + 1) % CELL_VALUES;
      return 0;
    case 'get':
      return m[cell];
    case 'lock':
      if (m[cell] !== 0) return -1;
      m[cell] = 1;
      return 0;
    case 'unlock':
      m[cell] = 0;
      return 0;
    case 'hit':
      events.push(1);
      return 0;
  }
}

/** Yields the steps given; a `set` without value writes the last value got. */
export function* program(...steps: readonly ToyStep[]): Generator<ToyStep, void, number> {
  let got = 0;
  for (const step of steps) {
    const answer = yield step.op === 'set' && step.value === undefined ? { ...step, value: got } : step;
    if (step.op === 'get') got = answer;
  }
}

export const offer = (...steps: readonly ToyStep[]): CallOffer => ({
  name: JSON.stringify(steps),
  fn: program,
  args: steps as unknown as readonly Plain[],
});

export const toySystem = (options: ToyOptions, environment: Environment, placeBits = 12): System =>
  makeSystem(toyDomain(options), environment, { placeBits });

/** Of which all calls may be started. */
export type NaiveEnvironment = Exclude<Environment, { readonly kind: 'selected' }>;

/** A thread of the naive search: the steps of its call and how many were made, with the value got. */
interface NaiveThread {
  readonly steps: readonly ToyStep[];
  readonly made: number;
  readonly got: number;
}

interface NaiveState {
  readonly cells: readonly number[];
  readonly threads: readonly (NaiveThread | null)[];
  readonly started: readonly number[];
}

export interface NaiveMove {
  readonly actor: number;
  readonly to: NaiveState;
  readonly hit: boolean;
}

/* A call is gone when its last step is made, and what it got matters only while a later step writes it. */
function afterStep({ steps, made, got }: NaiveThread): NaiveThread | null {
  return made === steps.length ? null : { steps, made, got };
}

/** All moves of a `budgets` or `free` environment, without any reduction. */
export function naiveMoves(
  options: ToyOptions,
  environment: NaiveEnvironment,
  state: NaiveState,
): NaiveMove[] {
  const moves: NaiveMove[] = [];
  const make = (actor: number, thread: NaiveThread, started: readonly number[]): void => {
    const cells = [...state.cells];
    const events: number[] = [];
    const wanted = thread.steps[thread.made];
    const step =
      wanted.op === 'set' && wanted.value === undefined ? { ...wanted, value: thread.got } : wanted;
    const answer = applyToy(cells, step, events);
    if (answer < 0) return;
    const next = afterStep({
      steps: thread.steps,
      made: thread.made + 1,
      got: step.op === 'get' ? answer : thread.got,
    });
    const threads = state.threads.map((other, k) => (k === actor ? next : other));
    moves.push({ actor, to: { cells, threads, started }, hit: events.length > 0 });
  };
  options.threads.forEach((_, actor) => {
    const thread = state.threads[actor];
    if (thread !== null) return make(actor, thread, state.started);
    const counter = environment.kind === 'free' ? 0 : actor;
    const used = state.started[counter];
    const offers = environment.offers[actor];
    const max =
      environment.kind === 'scenario'
        ? offers.length
        : environment.kind === 'free'
          ? environment.calls
          : environment.calls[actor];
    if (used >= max) return undefined;
    const started = state.started.map((n, k) => (k === counter ? n + 1 : n));
    for (const { args } of environment.kind === 'scenario' ? [offers[used]] : offers)
      make(actor, { steps: args as unknown as readonly ToyStep[], made: 0, got: 0 }, started);
    return undefined;
  });
  if (options.agent === true && state.cells[0] === 3)
    moves.push({
      actor: options.threads.length,
      to: { ...state, cells: [0, ...state.cells.slice(1)] },
      hit: false,
    });
  return moves;
}

export const naiveStart = (options: ToyOptions): NaiveState => ({
  cells: Array.from({ length: options.cells ?? 2 }, () => 0),
  threads: options.threads.map(() => null),
  started: options.threads.map(() => 0),
});

export interface Naive {
  readonly states: number;
  readonly transitions: number;
  readonly cells: ReadonlySet<string>;
}

export function naiveSearch(options: ToyOptions, environment: NaiveEnvironment): Naive {
  const seen = new Set([JSON.stringify(naiveStart(options))]);
  const line = [naiveStart(options)];
  let transitions = 0;
  for (const state of line) {
    for (const { to } of naiveMoves(options, environment, state)) {
      transitions++;
      const key = JSON.stringify(to);
      if (seen.has(key)) continue;
      seen.add(key);
      line.push(to);
    }
  }
  return { states: seen.size, transitions, cells: new Set(line.map((s) => s.cells.join())) };
}

/** Lowest (rank, steps) of a hit over all paths, no states merged; null where there is none. */
export function naiveRank(
  options: ToyOptions,
  environment: NaiveEnvironment,
  by: 'switches' | 'preemptions',
  property: number,
): readonly [number, number] | null {
  let best: readonly [number, number] | null = null;
  const note = (rank: number, steps: number): void => {
    if (best === null || rank < best[0] || (rank === best[0] && steps < best[1])) best = [rank, steps];
  };
  const isBad = (cells: readonly number[]): boolean =>
    (options.bad ?? []).length > 0 && (options.bad ?? []).every((v, k) => cells[k] === v);
  const go = (state: NaiveState, last: number, rank: number, steps: number): void => {
    if (property === 0 && isBad(state.cells)) note(rank, steps);
    const moves = naiveMoves(options, environment, state);
    const couldGoOn =
      last >= 0 &&
      last < options.threads.length &&
      state.threads[last] !== null &&
      moves.some((m) => m.actor === last);
    for (const move of moves) {
      const counts = by === 'switches' ? last >= 0 && move.actor !== last : couldGoOn && move.actor !== last;
      const next = rank + (counts ? 1 : 0);
      if (property === 1 && move.hit) note(next, steps + 1);
      go(move.to, move.actor, next, steps + 1);
    }
  };
  go(naiveStart(options), -1, 0, 0);
  return best;
}

export const pathLength = (path: Path | null): number => (path === null ? -1 : path.moves.length);

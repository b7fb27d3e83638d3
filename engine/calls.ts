// Calls in flight: which functions of a call are entered, and where each of them stands; so a thread's place is one
// small integer. What the functions do is in tries.ts.

import { PolicyError, assert } from './errors.ts';
import { type MayTouch, type Standing, makeMayTouch } from './may-touch.ts';
import {
  type Language,
  POINTS_MAX,
  type Plain,
  type Point,
  type Proc,
  type Tries,
  makeTries,
} from './tries.ts';

const SCOUT_PLACES = 20_000;
const SCOUT_WIDTH = 4;

/** Where a call stands: its pending step, or its result. */
export interface Place {
  /** From the outermost function to the innermost. */
  readonly frames: readonly Point[];
  readonly op: number;
  readonly done: boolean;
  readonly result: Plain;
}

export interface Calls {
  readonly root: (fn: Proc, args: readonly Plain[]) => number;
  /** The place after the pending step got its answer. */
  readonly next: (place: number, answer: number) => number;
  /** Pending step by place; -1 where the call has returned. Grows: read it again after `next`. */
  op: Int32Array;
  readonly describe: (place: number) => Place;
  readonly mayTouch: MayTouch;
  /**
   * Unfolds each function once for each answer that it may get, so that what calls may touch is known before they get
   * there. An answer that never comes may make protocol code throw: that is not its fault.
   */
  readonly scout: () => void;
  /** Places known so far, 0 (idle) included. */
  readonly size: () => number;
}

const EVERYTHING = -1;

/** A function and those that have entered it. */
interface Stack {
  readonly id: number;
  readonly callers: Stack | null;
  readonly top: Point;
  readonly depth: number;
}

/* Functions entered and left between two steps. */
const ENTERED_MAX = 10_000;

function framesOf(stack: Stack): Point[] {
  const frames: Point[] = [];
  for (let at: Stack | null = stack; at !== null; at = at.callers) frames.push(at.top);
  return frames.reverse();
}

export function makeCalls(language: Language, tries: Tries = makeTries(language)): Calls {
  const { limits, numberOf } = tries;
  const stacks = new Map<number, Stack>();
  const places: (Stack | undefined)[] = [undefined];
  const placeOf: number[] = [];
  const mayTouch = makeMayTouch();
  let kid = new Int32Array(1 << 12);
  let kidTop = 0;
  let kidBase = new Int32Array(1 << 10);

  const stackOf = (callers: Stack | null, top: Point): Stack => {
    const key = (callers === null ? 0 : callers.id + 1) * POINTS_MAX + top.id;
    const known = stacks.get(key);
    if (known !== undefined) return known;
    const made = { id: stacks.size, callers, top, depth: callers === null ? 1 : callers.depth + 1 };
    stacks.set(key, made);
    return made;
  };
  const standing = (frames: readonly Point[]): Standing[] =>
    frames.map((point, depth) => (depth === 0 ? point.outermost : point.inner));

  const intern = (stack: Stack): number => {
    const known = placeOf[stack.id];
    if (known !== undefined) return known;
    const id = places.push(stack) - 1;
    if (id >= limits.nodes)
      throw new PolicyError(
        `more than ${limits.nodes} distinct places in the calls of one policy; keep loops inside the bounds`,
      );
    placeOf[stack.id] = id;
    if (id + 1 >= calls.op.length) {
      const wider = new Int32Array(calls.op.length * 2);
      wider.set(calls.op);
      calls.op = wider;
      const bases = new Int32Array(wider.length);
      bases.set(kidBase);
      kidBase = bases;
    }
    const { op, done } = stack.top;
    calls.op[id] = op;
    if (!done) mayTouch.add(id, standing(framesOf(stack)), language.reduction?.touches?.(op) ?? EVERYTHING);
    kidBase[id] = kidTop;
    if (!done) kidTop += language.width(op);
    kidBase[id + 1] = kidTop;
    if (kidTop > kid.length) {
      const wider = new Int32Array(Math.max(kid.length * 2, kidTop));
      wider.set(kid);
      kid = wider;
    }
    return id;
  };

  /** On through entered and left functions, to the next step or the end of the call. */
  const settle = (outer: Stack | null, first: Point): number => {
    let callers = outer;
    let point = first;
    for (let entered = 0; entered < ENTERED_MAX; entered++) {
      if (point.enters !== null) {
        callers = stackOf(callers, point);
        if (callers.depth >= limits.depth)
          throw new PolicyError(`${point.fn.name}() is more than ${limits.depth} functions deep`);
        point = tries.callee(point.enters);
      } else if (!point.done) return intern(stackOf(callers, point));
      else if (point.repeat && point.result === 'again') {
        if (point.answers.length === 0)
          throw new PolicyError(`${point.fn.name}() repeats without a step in between`);
        point = tries.enter(point.fn, point.args, true);
      } else if (callers === null) return intern(stackOf(null, point));
      else {
        point = tries.after(callers.top, point.result);
        callers = callers.callers;
      }
    }
    throw new PolicyError(`${point.fn.name}() enters functions again and again without a step in between`);
  };

  const slow = (place: number, answer: number): number => {
    const at = places[place];
    assert(at !== undefined && !at.top.done, `place ${place} waits for an answer`);
    assert(answer < language.width(at.top.op), `answer ${answer} is inside the width of its step`);
    const made = settle(at.callers, tries.after(at.top, answer));
    kid[kidBase[place] + answer] = made;
    return made;
  };

  const scout = (): void => {
    const seen = new Set<string>();
    for (let place = 1; place < places.length && places.length < SCOUT_PLACES; place++) {
      const at = places[place];
      if (at === undefined || at.top.done) continue;
      const width = Math.min(language.width(at.top.op), SCOUT_WIDTH);
      const stood = framesOf(at).map(
        ({ fn, answers }) => `${numberOf(fn)}:${answers.length}:${JSON.stringify(answers.at(-1))}`,
      );
      const point = `${at.top.op} ${stood.join(' ')}`;
      for (let answer = 0; answer < width; answer++) {
        const key = `${point} ${answer}`;
        if (seen.has(key)) continue;
        seen.add(key);
        try {
          calls.next(place, answer);
        } catch (error) {
          if (!(error instanceof PolicyError)) throw error;
        }
      }
    }
  };

  const calls: Calls = {
    scout,
    root: (fn, args) => settle(null, tries.enter(fn, args)),
    next: (place, answer) => {
      const at = kidBase[place] + answer;
      const made = at < kidBase[place + 1] ? kid[at] : 0;
      return made === 0 ? slow(place, answer) : made;
    },
    op: new Int32Array(1 << 10),
    mayTouch,
    describe: (place) => {
      const at = places[place];
      assert(at !== undefined, `place ${place} is known`);
      const { op, done, result } = at.top;
      return { frames: framesOf(at), op, done, result };
    },
    size: () => places.length,
  };
  calls.op.fill(-1);
  return calls;
}

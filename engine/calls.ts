// Calls in flight. A call is a generator that yields steps as data and is a function of (call, arguments, answers)
// alone; so each one unfolds lazily into a trie of pending steps, and a thread's place is one small integer.

import { PolicyError, assert, different, neverYielded } from './errors.ts';
import { type Futures, type Standing, makeFutures } from './futures.ts';

/** Arguments and results: plain data, compared by their JSON text. */
export type Plain =
  string | number | boolean | null | undefined | readonly Plain[] | { readonly [key: string]: Plain };

/**
 * Protocol code. Yields steps, or `{ op: 'call', fn, args }` to enter a function whose answers are forgotten
 * at its return.
 */
export type Proc = (...args: never[]) => Generator<unknown, Plain | void, unknown>;

interface EnterRequest {
  readonly op: 'call';
  readonly fn: Proc;
  readonly args: readonly Plain[];
  /**
   * Enter the function again, with nothing remembered, each time it returns 'again': a retry loop of any
   * length is one place.
   */
  readonly repeat?: boolean;
}

/** Gives steps their numbers. */
export interface Language {
  /** Number of this step, the same for equal steps. Throws PolicyError for anything that is not a step. */
  readonly compile: (step: unknown) => number;
  /** How many answers the step may get: 0 .. width - 1. */
  readonly width: (op: number) => number;
  /** Asked around each run of a function: what it made as a step and never yielded. Null: nothing. */
  readonly forgotten?: { readonly watch: () => void; readonly ask: () => string | null };
  /** See Domain. */
  readonly touches?: (op: number) => number;
  readonly kind?: (op: number) => number;
}

export interface CallLimits {
  /** Steps one function may take, its callees not counted. */
  readonly stepsPerFunction: number;
  /** Functions inside functions. */
  readonly depth: number;
  /** Pending steps in all tries together. */
  readonly nodes: number;
}

export const CALL_LIMITS: CallLimits = { stepsPerFunction: 200, depth: 24, nodes: 1 << 20 };

const SCOUT_PLACES = 20_000;
const SCOUT_WIDTH = 4;

interface Frame {
  readonly fn: Proc;
  readonly args: readonly Plain[];
  /** What the function was asked for, to check that it asks for the same again. */
  readonly asked: readonly number[];
  readonly answers: readonly Plain[];
  readonly repeat?: boolean;
}

/** Where a call stands: its pending step, or its result. */
export interface Place {
  readonly frames: readonly Frame[];
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
  readonly futures: Futures;
  /**
   * Unfolds each function once for each answer that it may get, so that what calls may touch is known before they get
   * there. An answer that never comes may make protocol code throw: that is not its fault.
   */
  readonly scout: () => void;
  /** Places known so far, 0 (idle) included. */
  readonly size: () => number;
}

const EVERYTHING = -1;

/** Wraps the running of protocol code, so that the command line can put a watchdog around it. */
export type Guard = <T>(run: () => T) => T;

function isEnter(request: unknown): request is EnterRequest {
  return typeof request === 'object' && request !== null && 'op' in request && request.op === 'call';
}

export function makeCalls(
  language: Language,
  limits: CallLimits = CALL_LIMITS,
  guard: Guard = (run) => run(),
): Calls {
  const places: (Place | undefined)[] = [undefined];
  const futures = makeFutures();
  const index = new Map<string, number>();
  const numbers = new Map<Proc, number>();
  let kid = new Int32Array(1 << 12);
  let kidTop = 0;
  let kidBase = new Int32Array(1 << 10);

  const numberOf = (fn: Proc): number => {
    const known = numbers.get(fn);
    if (known !== undefined) return known;
    numbers.set(fn, numbers.size);
    return numbers.size - 1;
  };
  /* callers stay as they are while their callees go on: their text is made once */
  const texts = new WeakMap<Frame, string>();
  const textOf = (frame: Frame): string => {
    const known = texts.get(frame);
    if (known !== undefined) return known;
    const text = JSON.stringify([numberOf(frame.fn), frame.args, frame.answers]);
    texts.set(frame, text);
    return text;
  };
  const keyOf = (frames: readonly Frame[], done: boolean, result: Plain): string =>
    `${done ? 1 : 0}${JSON.stringify(result ?? null)}${frames.map(textOf).join('')}`;

  /* in `asked`: the function entered another one, whose result is the answer */
  const enter = (callee: { readonly fn: Proc } | undefined): number =>
    callee === undefined ? -2 : -2 - numberOf(callee.fn);
  const kindOf = (asked: number): number => (asked < 0 ? asked : (language.kind?.(asked) ?? asked));
  const standing = (frames: readonly Frame[]): Standing[] =>
    frames.map(({ fn, args, asked, answers, repeat }, depth) => ({
      name: depth === 0 ? `${numberOf(fn)}${JSON.stringify(args)}` : `${numberOf(fn)}`,
      asks: kindOf(asked[answers.length] ?? enter(frames[depth + 1])),
      asked: answers.length === 0 ? -1 : kindOf(asked[answers.length - 1]),
      repeats: repeat === true,
    }));

  const intern = (frames: readonly Frame[], op: number, done: boolean, result: Plain): number => {
    const key = keyOf(frames, done, result);
    const known = index.get(key);
    if (known !== undefined) return known;
    const id = places.push({ frames, op, done, result }) - 1;
    if (id >= limits.nodes)
      throw new PolicyError(
        `more than ${limits.nodes} distinct places in the calls of one policy; keep loops inside the bounds`,
      );
    index.set(key, id);
    if (id + 1 >= calls.op.length) {
      const wider = new Int32Array(calls.op.length * 2);
      wider.set(calls.op);
      calls.op = wider;
      const bases = new Int32Array(wider.length);
      bases.set(kidBase);
      kidBase = bases;
    }
    calls.op[id] = op;
    if (!done) futures.add(id, standing(frames), language.touches?.(op) ?? EVERYTHING);
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

  /**
   * Run the innermost function over its recorded answers; then on, through entered and left functions, to the
   * next step.
   */
  const unfold = (start: readonly Frame[]): number => {
    let frames = start;
    for (;;) {
      const frame = frames.at(-1);
      assert(frame !== undefined, 'a call has a function');
      const name = frame.fn.name;
      const request = resume(frame);
      if (request.done === true) {
        frames = frames.slice(0, -1);
        const caller = frames.at(-1);
        const result = request.value ?? null;
        if (frame.repeat === true && result === 'again') {
          if (frame.answers.length === 0)
            throw new PolicyError(`${name}() repeats without a step in between`);
          frames = [...frames, { ...frame, asked: [], answers: [] }];
          continue;
        }
        if (caller === undefined) return intern([frame], -1, true, result);
        frames = [
          ...frames.slice(0, -1),
          { ...caller, asked: [...caller.asked, enter(frame)], answers: [...caller.answers, result] },
        ];
        continue;
      }
      if (frame.answers.length >= limits.stepsPerFunction)
        throw new PolicyError(
          `${name}() took more than ${limits.stepsPerFunction} steps. ` +
            'Usual causes: a loop that waits for somebody else without bound, or a range that is not the one given.',
        );
      if (!isEnter(request.value)) {
        const op = language.compile(request.value);
        return intern([...frames.slice(0, -1), { ...frame, asked: [...frame.asked, op] }], op, false, null);
      }
      if (frames.length >= limits.depth)
        throw new PolicyError(`${name}() is more than ${limits.depth} functions deep`);
      const { fn, args, repeat = false } = request.value;
      frames = [...frames, { fn, args, asked: [], answers: [], repeat }];
    }
  };

  /** The request that follows the recorded answers; checks that the earlier ones are the same as before. */
  const resume = (frame: Frame): IteratorResult<unknown, Plain | void> => {
    const { fn, args, asked, answers } = frame;
    try {
      return guard(() => {
        language.forgotten?.watch();
        const running = (fn as (...a: readonly Plain[]) => Generator<unknown, Plain | void, unknown>)(
          ...args,
        );
        let request = running.next();
        for (let k = 0; k < answers.length; k++) {
          if (request.done === true) throw different(fn.name, k);
          const again = isEnter(request.value) ? enter(request.value) : language.compile(request.value);
          if (again !== asked[k]) throw different(fn.name, k);
          request = running.next(answers[k]);
        }
        const forgotten = language.forgotten?.ask() ?? null;
        if (forgotten !== null && request.done === true) throw neverYielded(fn.name, forgotten);
        return request;
      });
    } catch (error) {
      language.forgotten?.ask();
      if (error instanceof PolicyError) throw error;
      if (error instanceof Error && error.name === 'SuiteError') throw error;
      throw new PolicyError(`${fn.name}() threw: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  };

  const slow = (place: number, answer: number): number => {
    const at = places[place];
    assert(at !== undefined && !at.done, `place ${place} waits for an answer`);
    assert(answer < language.width(at.op), `answer ${answer} is inside the width of its step`);
    const frame = at.frames.at(-1);
    assert(frame !== undefined, 'a place has a function');
    const made = unfold([...at.frames.slice(0, -1), { ...frame, answers: [...frame.answers, answer] }]);
    kid[kidBase[place] + answer] = made;
    return made;
  };

  const scout = (): void => {
    const seen = new Set<string>();
    for (let place = 1; place < places.length && places.length < SCOUT_PLACES; place++) {
      const at = places[place];
      if (at === undefined || at.done) continue;
      const width = Math.min(language.width(at.op), SCOUT_WIDTH);
      const point = JSON.stringify([at.op, ...at.frames.map((f) => [numberOf(f.fn), f.answers.length])]);
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
    root: (fn, args) => unfold([{ fn, args, asked: [], answers: [] }]),
    next: (place, answer) => {
      const at = kidBase[place] + answer;
      const made = at < kidBase[place + 1] ? kid[at] : 0;
      return made === 0 ? slow(place, answer) : made;
    },
    op: new Int32Array(1 << 10),
    futures,
    describe: (place) => {
      const at = places[place];
      assert(at !== undefined, `place ${place} is known`);
      return at;
    },
    size: () => places.length,
  };
  calls.op.fill(-1);
  return calls;
}

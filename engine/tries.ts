// What a function of a call asks for, after each list of answers: unfolded lazily, once for all of its callers. A call
// is a generator that yields steps as data and is a function of (call, arguments, answers) alone.

import { PolicyError, different, neverYielded } from './errors.ts';
import type { Standing } from './may-touch.ts';
import type { Reduction } from './reduction.ts';

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
  readonly reduction?: Reduction;
}

export interface CallLimits {
  /** Steps one function may take, its callees not counted. */
  readonly stepsPerFunction: number;
  /** Functions inside functions. */
  readonly depth: number;
  /** Pending steps in all tries together. */
  readonly nodes: number;
}

/** Functions with their answers, in all systems of a model together. */
export const POINTS_MAX = 2 ** 26;

export const CALL_LIMITS: CallLimits = { stepsPerFunction: 200, depth: 24, nodes: 1 << 20 };

/** Wraps the running of protocol code, so that the command line can put a watchdog around it. */
export type Guard = <T>(run: () => T) => T;

/** A function that has got some answers, and what it does next. */
export interface Point {
  readonly id: number;
  readonly fn: Proc;
  readonly args: readonly Plain[];
  readonly repeat: boolean;
  readonly answers: readonly Plain[];
  /** What it has asked for, one more than there are answers where it has not returned. */
  readonly asked: readonly number[];
  /** The step that it asks for; -1 where it enters a function or has returned. */
  readonly op: number;
  /** The function that it enters. */
  readonly enters: EnterRequest | null;
  readonly done: boolean;
  readonly result: Plain;
  /** How may-touch.ts knows it: as the outermost function of a call, and inside another one. */
  readonly outermost: Standing;
  readonly inner: Standing;
}

export interface Tries {
  readonly limits: CallLimits;
  /** The function before it has got any answer. */
  readonly enter: (fn: Proc, args: readonly Plain[], repeat?: boolean) => Point;
  /** The function that the point enters, at its beginning. */
  readonly callee: (request: EnterRequest) => Point;
  /** After one more answer. */
  readonly after: (point: Point, answer: Plain) => Point;
  /** The same for the same function. */
  readonly numberOf: (fn: Proc) => number;
}

function isEnter(request: unknown): request is EnterRequest {
  return typeof request === 'object' && request !== null && 'op' in request && request.op === 'call';
}

/** Throws what protocol code throws, as PolicyError. */
export function makeTries(
  language: Language,
  limits: CallLimits = CALL_LIMITS,
  guard: Guard = (run) => run(),
): Tries {
  const numbers = new Map<Proc, number>();
  const entries = new Map<string, Point>();
  const kids: Map<Plain, Point>[] = [];
  const callees = new Map<EnterRequest, Point>();

  const numberOf = (fn: Proc): number => {
    const known = numbers.get(fn);
    if (known !== undefined) return known;
    numbers.set(fn, numbers.size);
    return numbers.size - 1;
  };
  /* in `asked`: the function entered another one, whose result is the answer */
  const entered = (fn: Proc): number => -2 - numberOf(fn);
  const kindOf = (asked: number): number =>
    asked < 0 ? asked : (language.reduction?.kind?.(asked) ?? asked);
  const numberAsked = (request: unknown): number =>
    isEnter(request) ? entered(request.fn) : language.compile(request);

  /** The request that follows the answers; checks that the earlier ones are the same as before. */
  const resume = (
    fn: Proc,
    args: readonly Plain[],
    asked: readonly number[],
    answers: readonly Plain[],
  ): IteratorResult<unknown, Plain | void> => {
    try {
      return guard(() => {
        language.forgotten?.watch();
        const running = (fn as (...a: readonly Plain[]) => Generator<unknown, Plain | void, unknown>)(
          ...args,
        );
        let request = running.next();
        for (let k = 0; k < answers.length; k++) {
          if (request.done === true || numberAsked(request.value) !== asked[k]) throw different(fn.name, k);
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

  const unfold = (
    { fn, args, repeat }: Pick<Point, 'fn' | 'args' | 'repeat'>,
    before: readonly number[],
    answers: readonly Plain[],
  ): Point => {
    if (kids.length >= POINTS_MAX)
      throw new PolicyError(
        `functions have got more than ${POINTS_MAX} different answers in the calls of one policy`,
      );
    const request = resume(fn, args, before, answers);
    const done = request.done === true;
    if (!done && answers.length >= limits.stepsPerFunction)
      throw new PolicyError(
        `${fn.name}() took more than ${limits.stepsPerFunction} steps. ` +
          'Usual causes: a loop that waits for somebody else without bound, or a range that is not the one given.',
      );
    const enters = !done && isEnter(request.value) ? request.value : null;
    const op = done || enters !== null ? -1 : language.compile(request.value);
    const asks = enters === null ? op : entered(enters.fn);
    const name = `${numberOf(fn)}`;
    const inner: Standing = {
      name,
      asks: kindOf(done ? -2 : asks),
      asked: answers.length === 0 ? -1 : kindOf(before[answers.length - 1]),
      repeats: repeat,
    };
    return {
      id: kids.push(new Map()) - 1,
      fn,
      args,
      repeat,
      answers,
      asked: done ? before : [...before, asks],
      op,
      enters,
      done,
      result: done ? (request.value ?? null) : null,
      outermost: { ...inner, name: `${name}${JSON.stringify(args)}` },
      inner,
    };
  };

  const enter: Tries['enter'] = (fn, args, repeat = false) => {
    const key = `${repeat ? 'again ' : ''}${numberOf(fn)}${JSON.stringify(args)}`;
    const known = entries.get(key);
    if (known !== undefined) return known;
    const made = unfold({ fn, args, repeat }, [], []);
    entries.set(key, made);
    return made;
  };
  return {
    limits,
    numberOf,
    enter,
    callee: (request) => {
      const known = callees.get(request);
      if (known !== undefined) return known;
      const made = enter(request.fn, request.args, request.repeat);
      callees.set(request, made);
      return made;
    },
    after: (point, answer) => {
      /* numbers stand for themselves, everything else for its text */
      const key = typeof answer === 'number' ? answer : JSON.stringify(answer);
      const known = kids[point.id].get(key);
      if (known !== undefined) return known;
      const made = unfold(point, point.asked, [...point.answers, answer]);
      kids[point.id].set(key, made);
      return made;
    },
  };
}

// Scenarios as plain data. Every list of integers means something: modulo the calls that a thread has, modulo the
// moves there are; so nothing is filtered, and whatever fast-check makes of it when it shrinks is a scenario again.

import fc from 'fast-check';

/** What fast-check generates, and shrinks: never state. */
export interface ScenarioData {
  /** Initial state. */
  readonly initial: number;
  /** Page that most ranges of the scenario cover, so that they overlap. */
  readonly focus: number;
  /** Swarm: words that are switched off in this scenario, one bit each. */
  readonly off: number;
  /** One number a call: its thread, its word, its range. The calls of one thread run in this order. */
  readonly calls: readonly number[];
  /** One number a step, modulo the moves there are; 0 from the end of the list on. */
  readonly choices: readonly number[];
}

/** A call that a thread may start. */
export interface Offered<T> {
  readonly word: string;
  /** The pages that it is about. */
  readonly start: number;
  readonly end: number;
  readonly call: T;
}

/** What the numbers are taken modulo of. */
export interface ScenarioTable<T> {
  readonly initials: number;
  readonly pages: number;
  /** The calls of each thread. */
  readonly threads: readonly (readonly Offered<T>[])[];
}

export interface ScenarioSizes {
  readonly callsMin?: number;
  readonly callsMax: number;
  /** None where the schedule comes from elsewhere. */
  readonly choicesMax?: number;
}

const SMALL_MAX = 2 ** 6 - 1;
const CALL_MAX = 2 ** 16 - 1;
const SWARM_WORDS = 30;
const SWARM_MAX = 2 ** SWARM_WORDS - 1;
/* A thread is drawn as often as it has words, up to this many times. */
const TICKETS_MAX = 3;
/* One range of so many may lie anywhere. */
const ANYWHERE = 4;

type Numbers = [initial: number, focus: number, off: number, calls: number[], choices: number[]];

const fromNumbers = ([initial, focus, off, calls, choices]: Numbers): ScenarioData => ({
  initial,
  focus,
  off,
  calls,
  choices,
});
const isData = (value: unknown): value is ScenarioData =>
  typeof value === 'object' && value !== null && 'calls' in value && 'choices' in value;
/* With it a scenario that was found elsewhere shrinks as one that was generated. */
function toNumbers(value: unknown): Numbers {
  if (!isData(value)) throw new TypeError('not a scenario');
  return [value.initial, value.focus, value.off, [...value.calls], [...value.choices]];
}

/** Small numbers are not favoured: they would be the first words of the first threads. */
export function scenario(sizes: ScenarioSizes): fc.Arbitrary<ScenarioData> {
  const { callsMin = 1, callsMax, choicesMax = 0 } = sizes;
  const numbers: fc.Arbitrary<Numbers> = fc.tuple(
    fc.nat(SMALL_MAX),
    fc.nat(SMALL_MAX),
    fc.nat(SWARM_MAX),
    fc.array(fc.nat(CALL_MAX), { minLength: callsMin, maxLength: callsMax, size: 'max' }),
    fc.array(fc.nat(SMALL_MAX), { maxLength: choicesMax, size: 'max' }),
  );
  return fc.noBias(numbers).map(fromNumbers, toNumbers);
}

/** Scenarios from a seed: the same ones for the same number. */
export function sampleScenarios(sizes: ScenarioSizes, seed: number, count: number): ScenarioData[] {
  return fc.sample(scenario(sizes), { seed, numRuns: count });
}

/** The smallest scenario that fast-check gets to from the one given, failing all the way. */
export function shrinkData(
  data: ScenarioData,
  fails: (data: ScenarioData) => boolean,
  attemptsMax: number,
): ScenarioData {
  let attempts = 0;
  let best = data;
  const sizes = { callsMax: data.calls.length, choicesMax: data.choices.length };
  const holds = (tried: ScenarioData): boolean => {
    if (attempts++ >= attemptsMax || !fails(tried)) return true;
    best = tried;
    return false;
  };
  fc.check(fc.property(scenario(sizes), holds), { examples: [[data]], numRuns: 1, seed: 0 });
  return best;
}

export interface Decoded<T> {
  readonly initial: number;
  /** The calls of each thread, in order. */
  readonly threads: readonly (readonly T[])[];
}

interface Word<T> {
  /** Its bit in `off`. */
  readonly number: number;
  readonly offered: readonly Offered<T>[];
  /** By page: those that cover it. */
  readonly covering: readonly (readonly Offered<T>[])[];
}

function wordsOf<T>(table: ScenarioTable<T>): Word<T>[][] {
  const names = [...new Set(table.threads.flatMap((offers) => offers.map(({ word }) => word)))];
  const pages = Array.from({ length: table.pages }, (_, page) => page);
  return table.threads.map((offers) =>
    [...new Set(offers.map(({ word }) => word))].map((word) => {
      const offered = offers.filter((each) => each.word === word);
      const covering = pages.map((page) => offered.filter(({ start, end }) => start <= page && page < end));
      return { number: names.indexOf(word), offered, covering };
    }),
  );
}

/** Works the tables out once; then each scenario means a list of calls for each thread. */
export function decoderOf<T>(table: ScenarioTable<T>): (data: ScenarioData) => Decoded<T> {
  const words = wordsOf(table);
  const tickets = words.flatMap((known, thread) =>
    Array.from({ length: Math.min(TICKETS_MAX, known.length) }, () => thread),
  );
  return ({ initial, focus, off, calls }) => {
    const isOn = ({ number }: Word<T>): boolean => number >= SWARM_WORDS || ((off >> number) & 1) === 0;
    const on = words.map((known) => known.filter(isOn));
    const threads = words.map((): T[] => []);
    if (tickets.length === 0) return { initial: initial % table.initials, threads };
    for (const code of calls) {
      const thread = tickets[code % tickets.length];
      /* Where all words of a thread are off, none is. */
      const known = on[thread].length > 0 ? on[thread] : words[thread];
      const rest = Math.floor(code / tickets.length);
      const word = known[rest % known.length];
      const which = Math.floor(rest / known.length);
      const covering = word.covering[focus % table.pages];
      const ranges = which % ANYWHERE === 0 || covering.length === 0 ? word.offered : covering;
      threads[thread].push(ranges[Math.floor(which / ANYWHERE) % ranges.length].call);
    }
    return { initial: initial % table.initials, threads };
  };
}

export function decodeScenario<T>(table: ScenarioTable<T>, data: ScenarioData): Decoded<T> {
  return decoderOf(table)(data);
}

// What a file of corpus/ looks like, and what is wrong with one that does not.

import {
  ASSUMPTIONS,
  type AssumptionName,
  BASES,
  type Base,
  CASTS,
  type Cast,
  GUESTS,
  type Guest,
  PLATFORMS,
  type PlatformName,
  VMMS,
} from '../../models/bounds.ts';
import type { Vmm } from '../../models/results.ts';

export interface CorpusEntry {
  /** What it is about and where it came from, for the reader. */
  readonly note: string;
  readonly policy: string;
  readonly base: Base;
  readonly platform: PlatformName;
  readonly vmm: Vmm;
  /** Streams of the devices; both where it is missing. */
  readonly device?: 'T0' | 'T1';
  /** As the options of check say it; the defaults where missing. */
  readonly ats?: boolean;
  readonly guest?: Guest;
  readonly cast?: readonly Cast[];
  readonly bounds: {
    readonly pages: number;
    readonly hugePages: number;
    readonly calls: number;
    readonly vmmThreads: number;
    readonly vcpus: number;
    readonly devices: number;
  };
  /** Those that are not at their defaults. */
  readonly assumptions?: { readonly [K in AssumptionName]?: boolean };
  /** Initial state, in the words of reports. */
  readonly initial: string;
  /** Thread and call, in order of start. */
  readonly calls: readonly (readonly [thread: string, call: string])[];
  /** Who moves, and how many times in a row. */
  readonly schedule: readonly (readonly [actor: string, steps: number])[];
  readonly invariant: string;
  readonly outcome: string;
  /** Whether some schedule of these calls breaks the invariant in this way. */
  readonly result: 'Sometimes' | 'Never';
}

/** A file that is not a corpus entry: its name, where in it, and what is wrong. */
export class CorpusError extends Error {
  override readonly name = 'CorpusError';
}

type Check = (value: unknown, at: string) => string | null;

const got = (value: unknown): string =>
  value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 60) ?? typeof value);
const text: Check = (value, at) =>
  typeof value === 'string' && value !== '' ? null : `${at}: expected a text, found ${got(value)}`;
const count: Check = (value, at) =>
  typeof value === 'number' && Number.isInteger(value) && value > 0
    ? null
    : `${at}: expected a whole number above 0, found ${got(value)}`;
const flag: Check = (value, at) =>
  typeof value === 'boolean' ? null : `${at}: expected true or false, found ${got(value)}`;
const oneOf =
  (...known: readonly string[]): Check =>
  (value, at) =>
    typeof value === 'string' && known.includes(value)
      ? null
      : `${at}: expected one of ${known.join(', ')}; found ${got(value)}`;
const list =
  (item: Check): Check =>
  (value, at) => {
    if (!Array.isArray(value) || value.length === 0) return `${at}: expected a list, found ${got(value)}`;
    return first(value.map((each, k) => item(each, `${at}[${k}]`)));
  };
const pair =
  (left: Check, right: Check): Check =>
  (value, at) =>
    Array.isArray(value) && value.length === 2
      ? first([left(value[0], `${at}[0]`), right(value[1], `${at}[1]`)])
      : `${at}: expected a pair, found ${got(value)}`;
const optional =
  (check: Check): Check =>
  (value, at) =>
    value === undefined ? null : check(value, at);
const record =
  (fields: { readonly [name: string]: Check }): Check =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return `${at}: expected an object, found ${got(value)}`;
    const inside = (name: string): string => (at === '' ? name : `${at}.${name}`);
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
    if (unknown !== undefined) return `${inside(unknown)}: unknown; known: ${Object.keys(fields).join(', ')}`;
    const own = new Map<string, unknown>(Object.entries(value));
    return first(Object.entries(fields).map(([name, check]) => check(own.get(name), inside(name))));
  };

const first = (found: readonly (string | null)[]): string | null =>
  found.find((each) => each !== null) ?? null;

const entry = record({
  note: text,
  policy: text,
  base: oneOf(...BASES),
  platform: oneOf(...PLATFORMS),
  vmm: oneOf(...VMMS),
  device: optional(oneOf('T0', 'T1')),
  ats: optional(flag),
  guest: optional(oneOf(...GUESTS)),
  cast: optional(list(oneOf(...CASTS))),
  bounds: record({
    pages: count,
    hugePages: count,
    calls: count,
    vmmThreads: count,
    vcpus: count,
    devices: count,
  }),
  assumptions: optional(record(Object.fromEntries(ASSUMPTIONS.map(({ name }) => [name, optional(flag)])))),
  initial: text,
  calls: list(pair(text, text)),
  schedule: list(pair(text, count)),
  invariant: text,
  outcome: text,
  result: oneOf('Sometimes', 'Never'),
});

function parsed(file: string, json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new CorpusError(`${file}: not JSON`);
  }
}

const isEntry = (value: unknown): value is CorpusEntry => entry(value, '') === null;

export function entryOf(file: string, json: string): CorpusEntry {
  const value = parsed(file, json);
  if (isEntry(value)) return value;
  throw new CorpusError(`${file}: ${(entry(value, '') ?? '').replace(/^: /, '')}`);
}

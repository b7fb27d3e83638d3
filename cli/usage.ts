// What the command line can be told, and errors about it.

import {
  ASSUMPTIONS,
  TAKEN_FOR_GRANTED,
  type AssumptionName,
  type Assumptions,
  BASES,
  type Base,
  BOUND_LIMITS,
  BOUND_NAMES,
  type BoundName,
  CASTS,
  type Cast,
  type Config,
  FAILABLE,
  type Failable,
  GUESTS,
  PLATFORMS,
  type PlatformName,
  VMMS,
  assumptions,
  boundsOf,
} from '../models/bounds.ts';
import type { Bounds, Vmm } from '../models/results.ts';
import { INVARIANTS } from '../properties/spec/index.ts';
import { KEYS, type Key } from '../properties/spec/keys.ts';

/** The command line cannot be followed: exit status 2, one message. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Options as commander hands them over: texts. */
export interface RawOptions {
  readonly base?: string;
  readonly platform?: string;
  readonly vmm?: string;
  readonly device?: string;
  readonly ats?: boolean;
  readonly guest?: string;
  readonly cast?: string;
  readonly fail?: string;
  readonly assume?: string;
  readonly bounds?: string;
  readonly pages?: string;
  readonly calls?: string;
  readonly vmmThreads?: string;
  readonly vcpus?: string;
  readonly devices?: string;
  readonly preemptions?: string;
  readonly maxStates?: string;
  readonly only?: string;
  readonly seed?: string;
  readonly runs?: string;
  readonly time?: string;
  readonly format?: string;
  readonly all?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export const FORMATS = ['text', 'mail', 'json', 'ktap'] as const;
export type Format = (typeof FORMATS)[number];

/** One of the words, or an error that lists them. */
export function oneOf<T extends string>(what: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found !== undefined) return found;
  /* a word for several things */
  const none = what === 'bounds' ? 'there are no bounds named' : `there is no ${what}`;
  throw new UsageError(`${none} '${text}'; known: ${known.join(', ')}`);
}

export function listOf<T extends string>(what: string, text: string | undefined, known: readonly T[]): T[] {
  if (text === undefined) return [...known];
  const words = text.split(',').map((word) => word.trim());
  return words.map((word) => oneOf(what, word, known));
}

/** A whole number from `min` to `max`. */
export function numberOf(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max)
    throw new UsageError(`${option} is '${text}', must be a whole number from ${min} to ${max}`);
  return value;
}

const NUMBERS = [
  ['--pages', 'pages', 1],
  ['--calls', 'calls', 1],
  ['--vmm-threads', 'vmmThreads', 1],
  ['--vcpus', 'vcpus', 1],
  ['--devices', 'devices', 1],
  ['--preemptions', 'preemptions', 0],
  ['--max-states', 'maxStates', 1],
] as const;

/** The preset, and each number alone on top of it. */
export function parseBounds(options: RawOptions, preset: BoundName): Bounds {
  const name = options.bounds === undefined ? preset : oneOf('bounds', options.bounds, BOUND_NAMES);
  const bounds: { -readonly [K in keyof Bounds]: Bounds[K] } = { ...boundsOf(name) };
  for (const [option, field, min] of NUMBERS) {
    const text = options[field];
    if (text === undefined) continue;
    bounds[field] = numberOf(option, text, min, BOUND_LIMITS[field]);
    bounds.name = 'custom';
  }
  if (bounds.hugePages > bounds.pages) bounds.hugePages = bounds.pages >= 2 ? 2 : 1;
  return bounds;
}

export function parseAssumptions(text: string | undefined): Assumptions {
  const changed: { [K in AssumptionName]?: boolean } = {};
  for (const setting of text === undefined ? [] : text.split(',')) {
    const [name = '', value = ''] = setting.split('=').map((word) => word.trim());
    const granted = TAKEN_FOR_GRANTED.find((each) => each.name === name);
    if (granted !== undefined)
      throw new UsageError(`--assume ${name}: it is taken for granted (${granted.says})`);
    const known = oneOf(
      'assumption',
      name,
      ASSUMPTIONS.map((a) => a.name),
    );
    if (value !== 'true' && value !== 'false')
      throw new UsageError(
        `--assume ${name}: the value is '${value}', must be true or false (write ${name}=false)`,
      );
    changed[known] = value === 'true';
  }
  return assumptions(changed);
}

export function parseOnly(text: string | undefined): readonly Key[] | undefined {
  if (text === undefined) return undefined;
  const names = listOf(
    'invariant',
    text,
    INVARIANTS.map((invariant) => invariant.name),
  );
  return KEYS.filter((key) => names.includes(key.invariant.name));
}

export const platformsOf = (options: RawOptions): PlatformName[] =>
  listOf('platform', options.platform, PLATFORMS);
export const vmmsOf = (options: RawOptions): Vmm[] => listOf('vmm', options.vmm, VMMS);
export const formatOf = (options: RawOptions): Format => oneOf('format', options.format ?? 'text', FORMATS);

export function baseOf(options: RawOptions, byDefault: string): Base {
  return oneOf('base', options.base ?? byDefault, BASES);
}

export function failOf(
  options: RawOptions,
  sweep: readonly Failable[] = FAILABLE,
): readonly (Failable | null)[] {
  if (options.fail === undefined || options.fail === 'none') return [null];
  if (options.fail === 'sweep') return [null, ...sweep];
  return [oneOf('step that can fail', options.fail, FAILABLE)];
}

/** In the order of CASTS, each once. */
const castOf = (text: string): Cast[] => {
  const named = listOf('cast', text, CASTS);
  return CASTS.filter((name) => named.includes(name));
};

export function configOf(
  options: RawOptions,
  defaultBase: string,
  platform: PlatformName,
  vmm: Vmm,
  preset: BoundName,
): Config {
  return {
    base: baseOf(options, defaultBase),
    platform,
    vmm,
    bounds: parseBounds(options, preset),
    device: options.device === undefined ? null : oneOf('device', options.device, ['T0', 'T1'] as const),
    assumptions: parseAssumptions(options.assume),
    fail: failOf(options)[0] ?? null,
    ...(options.ats === true ? { ats: true } : {}),
    ...(options.guest === undefined ? {} : { guest: oneOf('guest', options.guest, GUESTS) }),
    ...(options.cast === undefined ? {} : { cast: castOf(options.cast) }),
  };
}

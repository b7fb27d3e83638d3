// A configuration as digits of a token: a preset of bounds, what differs from it, and which assumptions were
// changed.

import {
  ASSUMPTIONS,
  type Assumptions,
  BASES,
  BOUND_LIMITS,
  BOUND_NAMES,
  CASTS,
  type Config,
  FAILABLE,
  GUESTS,
  PLATFORMS,
  VMMS,
  assumptions,
  boundsOf,
} from '../../models/bounds.ts';
import type { Bounds } from '../../models/results.ts';
import type { Digit } from './digits.ts';

/* Fixed, so that a head stays readable when a list has grown. */
const NAMES_MAX = 8;
const FAILURES_MAX = 32;
const ASSUMPTIONS_MAX = 24;
const CASTS_MAX = 8;
const DEVICES = [null, 'T0', 'T1'] as const;

const NUMBERS = [
  'pages',
  'hugePages',
  'calls',
  'vmmThreads',
  'vcpus',
  'devices',
  'preemptions',
  'maxStates',
] as const satisfies readonly (keyof Bounds)[];
type NumberName = (typeof NUMBERS)[number];

/** Above every value: huge pages are no larger than there are pages at most; null is one more value. */
function radixOf(name: NumberName): number {
  if (name === 'hugePages') return 2 * BOUND_LIMITS.pages + 1;
  return BOUND_LIMITS[name] + 2;
}
const valueOf = (value: number | null): number => (value === null ? 0 : value + 1);

const changedFrom = (bounds: Bounds, preset: Bounds): NumberName[] =>
  NUMBERS.filter((name) => bounds[name] !== preset[name]);

/** The preset of that name, or else the one that differs least. */
function nearest(bounds: Bounds): number {
  const named = BOUND_NAMES.findIndex((name) => name === bounds.name);
  if (named >= 0) return named;
  const counts = BOUND_NAMES.map((name) => changedFrom(bounds, boundsOf(name)).length);
  return counts.indexOf(Math.min(...counts));
}

/** Null where a number is beyond its limit. */
function writeBounds(bounds: Bounds): Digit[] | null {
  const preset = nearest(bounds);
  const changed = changedFrom(bounds, boundsOf(BOUND_NAMES[preset]));
  const digits = changed.map((name) => ({ value: valueOf(bounds[name]), radix: radixOf(name) }));
  const mask = changed.reduce((sum, name) => sum + 2 ** NUMBERS.indexOf(name), 0);
  if (digits.some(({ value, radix }) => value >= radix)) return null;
  return [
    { value: preset, radix: NAMES_MAX },
    { value: bounds.name === BOUND_NAMES[preset] ? 0 : 1, radix: 2 },
    { value: mask, radix: 2 ** NUMBERS.length },
    ...digits,
  ];
}

function readBounds(read: (radix: number) => number): Bounds | null {
  const preset = BOUND_NAMES[read(NAMES_MAX)];
  const custom = read(2) === 1;
  const mask = read(2 ** NUMBERS.length);
  const changed = NUMBERS.filter((_, k) => ((mask >> k) & 1) === 1).map(
    (name): [NumberName, number | null] => {
      const value = read(radixOf(name));
      return [name, value === 0 ? null : value - 1];
    },
  );
  if (preset === undefined) return null;
  const bounds = { ...boundsOf(preset), ...Object.fromEntries(changed) };
  return custom ? { ...bounds, name: 'custom' } : bounds;
}

const isChanged = (
  { name, default: standard }: (typeof ASSUMPTIONS)[number],
  assumed: Assumptions,
): boolean => assumed[name] !== standard;

const isDefault = ({ ats, guest, cast, fail }: Config, changed: number): boolean =>
  ats !== true && guest === undefined && (cast ?? []).length === 0 && fail === null && changed === 0;

/** One digit where all is as by default. */
function writeExtras(config: Config): Digit[] {
  const { ats, guest, cast, fail } = config;
  const changed = ASSUMPTIONS.reduce(
    (sum, each, k) => sum + (isChanged(each, config.assumptions) ? 2 ** k : 0),
    0,
  );
  if (isDefault(config, changed)) return [{ value: 0, radix: 2 }];
  return [
    { value: 1, radix: 2 },
    { value: ats === true ? 1 : 0, radix: 2 },
    { value: guest === undefined ? 0 : 1 + GUESTS.indexOf(guest), radix: 1 + GUESTS.length },
    { value: (cast ?? []).reduce((sum, name) => sum + 2 ** CASTS.indexOf(name), 0), radix: 2 ** CASTS_MAX },
    { value: fail === null ? 0 : 1 + FAILABLE.indexOf(fail), radix: FAILURES_MAX },
    { value: changed, radix: 2 ** ASSUMPTIONS_MAX },
  ];
}

interface Extras {
  readonly settings: Pick<Config, 'ats' | 'guest' | 'cast'>;
  /** 1 + its place in FAILABLE; 0: none. */
  readonly failing: number;
  /** As bits of ASSUMPTIONS. */
  readonly changed: number;
}

function readExtras(read: (radix: number) => number): Extras {
  if (read(2) === 0) return { settings: {}, failing: 0, changed: 0 };
  const ats = read(2) === 1;
  const guest = GUESTS[read(1 + GUESTS.length) - 1];
  const mask = read(2 ** CASTS_MAX);
  const cast = CASTS.filter((_, k) => ((mask >> k) & 1) === 1);
  const settings = {
    ...(ats ? { ats } : {}),
    ...(guest === undefined ? {} : { guest }),
    ...(cast.length === 0 ? {} : { cast }),
  };
  return { settings, failing: read(FAILURES_MAX), changed: read(2 ** ASSUMPTIONS_MAX) };
}

/** Null where a number is beyond its limit. */
export function writeConfig(config: Config): Digit[] | null {
  const bounds = writeBounds(config.bounds);
  if (bounds === null) return null;
  const named = (value: number): Digit => ({ value, radix: NAMES_MAX });
  return [
    named(BASES.indexOf(config.base)),
    named(PLATFORMS.indexOf(config.platform)),
    { value: VMMS.indexOf(config.vmm), radix: VMMS.length },
    { value: DEVICES.indexOf(config.device), radix: DEVICES.length },
    ...writeExtras(config),
    ...bounds,
  ];
}

/** What cannot be read any more is what it is by default, and said. */
export function readConfig(read: (radix: number) => number): { config: Config; stale: string[] } {
  const stale: string[] = [];
  const known = <T>(value: T | null | undefined, standard: T, what: string): T => {
    if (value !== undefined && value !== null) return value;
    stale.push(`its ${what} is not known here`);
    return standard;
  };
  const base = known(BASES[read(NAMES_MAX)], BASES[0], 'base');
  const platform = known(PLATFORMS[read(NAMES_MAX)], PLATFORMS[0], 'platform');
  const vmm = VMMS[read(VMMS.length)];
  const device = DEVICES[read(DEVICES.length)];
  const { settings, failing, changed } = readExtras(read);
  const fail = failing === 0 ? null : known(FAILABLE[failing - 1], FAILABLE[0], 'failing step');
  if (changed >> ASSUMPTIONS.length !== 0) stale.push('an assumption that it changes is not known here');
  const flipped = ASSUMPTIONS.filter((_, k) => ((changed >> k) & 1) === 1);
  const assumed = assumptions(
    Object.fromEntries(flipped.map(({ name, default: standard }) => [name, !standard])),
  );
  const bounds = known(readBounds(read), boundsOf('small'), 'preset of bounds');
  return { config: { base, platform, vmm, device, fail, assumptions: assumed, bounds, ...settings }, stale };
}

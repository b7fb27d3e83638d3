// Every limit of a search, and every point that the manuals leave open.

import type { BaseName } from '../api/index.ts';
import { type Cast, castText } from './casts.ts';
import { PLATFORMS, type PlatformName, ROWS, platformOf } from './platforms/index.ts';
import type { Assumption, Named } from './platforms/row.ts';
import type { Bounds, Vmm } from './results.ts';

export { CASTS, type Cast, hasCast } from './casts.ts';

export { PLATFORMS, type PlatformName } from './platforms/index.ts';

export const BASES = ['linux-7.2', 'rfc-v2', 'v8'] as const satisfies readonly BaseName[];
export type Base = (typeof BASES)[number];

/** What the guest does: keep to the documented sequence, or touch any page as any kind at any time. */
export const GUESTS = ['honest', 'malicious'] as const;
export type Guest = (typeof GUESTS)[number];

export const VMMS = ['adversarial', 'cooperative'] as const satisfies readonly Vmm[];

/* MODEL: sizes are scaled: a huge page is 2 base pages at quick and small, 4 at medium and large. */
const PRESETS = {
  quick: { pages: 2, hugePages: 2, calls: 2 },
  small: { pages: 2, hugePages: 2, calls: 3 },
  medium: { pages: 4, hugePages: 4, calls: 4 },
  large: { pages: 4, hugePages: 4, calls: 5 },
} as const;

export const BOUND_NAMES = Object.keys(PRESETS) as readonly (keyof typeof PRESETS)[];
export type BoundName = keyof typeof PRESETS;

/** Highest value of each number that may be given alone. */
export const BOUND_LIMITS = {
  pages: 4,
  calls: 8,
  vmmThreads: 3,
  vcpus: 2,
  devices: 2,
  preemptions: 8,
  maxStates: 60_000_000,
} as const;

export function boundsOf(name: BoundName): Bounds {
  return {
    name,
    ...PRESETS[name],
    vmmThreads: 2,
    vcpus: 1,
    devices: 1,
    preemptions: null,
    maxStates: 16_000_000,
  };
}

/** Those of no platform by itself. */
const COMMON_ASSUMPTIONS = [
  {
    name: 'iommu.sync-drains-dma',
    default: true,
    says: 'A completed IOTLB invalidation has waited for the DMA that was translated before it.',
    otherwise: 'DMA that was translated before an invalidation lands after it',
  },
  {
    name: 'rfc-v2.snp-as-in-v8',
    default: true,
    where: ({ gmem_invalidate }) => gmem_invalidate !== null,
    says:
      'A conversion to shared runs RMPUPDATE on present pages before it stores the attribute, as v8 does (the ' +
      'May 2025 RFC has no SNP part; that get_pfn assigns private indices only, as in v8, has no switch).',
    otherwise: 'the RFC has no SNP part: page states change at other points',
  },
  {
    name: 'rfc-v2.undo-loop-ends',
    default: false,
    fail: ['split_folio', 'merge_folio'],
    says:
      'The loop of kvm_gmem_restructure_folios_in_range() that puts back what was split or merged before an error ' +
      'ends, as it is meant to; as it is written its index wraps where the range starts at index 0.',
    otherwise: 'a split or merge that fails in the first huge page hangs the call',
  },
  {
    name: 'vmm.slot-hva-maps-gmem',
    default: true,
    says: 'userspace_addr of the slot is a mapping of the gmem file, so that its mmu notifier zaps shared SPTEs (RFC v2 says that this cannot be relied on).',
    otherwise: 'no mmu notifier zaps shared SPTEs',
  },
  {
    name: 'v8.conversion-zaps-one-kind',
    default: false,
    where: ({ mirror }) => mirror !== null,
    says:
      'A conversion zaps only the kind that it ends (as Suzuki K Poulose asks for, 5 Jul 2026, Re: [PATCH ' +
      'v8 13/46], and later code does); v8 as posted zaps every kind that its range holds.',
    otherwise: 'a conversion leaves what its range holds of the other kind alone',
  },
] as const satisfies readonly Assumption[];

/** In this order their numbers are in tokens: those of the next platform come last. */
export const ASSUMPTIONS = [
  ...ROWS['sev-snp'].assumptions,
  ...ROWS.tdx.assumptions,
  ...COMMON_ASSUMPTIONS,
] as const satisfies readonly Assumption[];

export type AssumptionName = (typeof ASSUMPTIONS)[number]['name'];
export type Assumptions = { readonly [K in AssumptionName]: boolean };

export function assumptions(changed: Partial<Assumptions> = {}): Assumptions {
  return { ...(Object.fromEntries(ASSUMPTIONS.map((a) => [a.name, a.default])) as Assumptions), ...changed };
}

/** Which bases an assumption is about, by the prefix of its name. */
const isAbout = (name: string, base: Base): boolean => {
  if (name.startsWith('rfc-v2.')) return base === 'rfc-v2';
  if (name.startsWith('v8.')) return base === 'v8';
  return !name.startsWith('vmm.') || base !== 'linux-7.2';
};

/** Assumptions that can matter on this platform and base. */
export function relevantAssumptions({
  platform,
  base,
  ats,
  fail,
}: Pick<Config, 'platform' | 'base' | 'ats' | 'fail'>): readonly Assumption[] {
  const row = platformOf({ platform });
  const common: readonly Assumption[] = COMMON_ASSUMPTIONS;
  return (ASSUMPTIONS as readonly Assumption[]).filter(
    (a) =>
      (row.assumptions.includes(a) || (common.includes(a) && a.where?.(row) !== false)) &&
      isAbout(a.name, base) &&
      (a.ats === undefined || ats === true) &&
      (a.fail === undefined || (fail !== null && a.fail.includes(fail))),
  );
}

/** The values of those, and what is taken for granted, as reports print them. */
export function shownAssumptions(config: Config): { readonly [name: string]: boolean } {
  const flipped = relevantAssumptions(config).map(({ name }): [string, boolean] => [
    name,
    config.assumptions[name as AssumptionName],
  ]);
  const granted = grantedIn(config).map((name): [string, boolean] => [name, true]);
  return Object.fromEntries([...flipped, ...granted]);
}

export interface Failure extends Named {
  /** Where the step exists; everywhere where it is missing. */
  readonly base?: Base;
}

/** Steps that can be made to fail: any one call of one of them in a run (`--fail`). Their order is in tokens. */
export const FAILURES = [
  { name: 'kvm_gmem_get_folio', says: 'no memory for a folio, or for its place in the page cache' },
  { name: 'iommu_map', says: 'no memory for a page table of the IOMMU' },
  { name: 'signal_pending', says: 'a signal ends fallocate() or the population of the guest: -EINTR' },
  { name: 'xa_reserve', base: 'linux-7.2', says: 'no memory for an entry of kvm->mem_attr_array' },
  { name: 'add_to_work_list', base: 'rfc-v2', says: 'kzalloc() in kvm_gmem_convert_compute_work()' },
  { name: 'mas_store_gfp', base: 'rfc-v2', says: 'no memory for a node of the shareability tree' },
  { name: 'split_folio', base: 'rfc-v2', says: 'the split itself, or __filemap_add_folio() of a 4K folio' },
  { name: 'merge_folio', base: 'rfc-v2', says: '__filemap_add_folio() of the merged folio' },
  ...ROWS.tdx.failures,
  { name: 'mas_preallocate', base: 'v8', says: 'no memory for the nodes of the attribute tree' },
] as const satisfies readonly Failure[];
export type Failable = (typeof FAILURES)[number]['name'];
export const FAILABLE: readonly Failable[] = FAILURES.map(({ name }) => name);

/** Taken for granted: a step fails in no run but those of `--fail`, and once at most. */
export const TAKEN_FOR_GRANTED: readonly Named[] = [
  ...PLATFORMS.flatMap((platform) => platformOf({ platform }).granted),
  ...FAILURES.map(({ name, says }) => ({ name: `${name}-never-fails`, says: `${says}; --fail ${name}` })),
  {
    name: 'one-failure-a-run',
    says: 'what undoes a failed step does not fail (WARN_ON() in the kernel); no switch',
  },
];

/** Steps that can fail on this base and platform. */
export function failuresOf(base: Base, platform: PlatformName): Failable[] {
  const isThere = (f: Failure): boolean => {
    const owner = PLATFORMS.find((p) => platformOf({ platform: p }).failures.includes(f));
    return (f.base ?? base) === base && (owner ?? platform) === platform;
  };
  return FAILURES.filter(isThere).map(({ name }) => name);
}

/** Which of them are, in runs of this configuration. */
function grantedIn({ base, platform, fail }: Config): string[] {
  return [
    ...platformOf({ platform }).granted.map(({ name }) => name),
    ...failuresOf(base, platform).flatMap((name) => (name === fail ? [] : [`${name}-never-fails`])),
    ...(fail === null ? [] : ['one-failure-a-run']),
  ];
}

export interface Config {
  readonly base: Base;
  readonly platform: PlatformName;
  readonly vmm: Vmm;
  readonly bounds: Bounds;
  /** Which streams the devices issue; null: both where the platform has trusted devices. */
  readonly device: 'T0' | 'T1' | null;
  readonly assumptions: Assumptions;
  readonly fail: Failable | null;
  /** Untrusted devices cache translations themselves (ATS); not where it is missing. */
  readonly ats?: boolean;
  /** Honest under a cooperative VMM and malicious under an adversarial one where it is missing. */
  readonly guest?: Guest;
  /** None where it is missing. */
  readonly cast?: readonly Cast[];
}

export const guestOf = ({ vmm, guest }: Config): Guest =>
  guest ?? (vmm === 'cooperative' ? 'honest' : 'malicious');

/** What is not as it is by default, as the header of a report says it. */
export function settingsOf(config: Config): string[] {
  const { device, ats, guest, fail } = config;
  return [
    ...(device === null ? [] : [`device ${device}`]),
    ...(ats === true ? ['ATS'] : []),
    ...(guest === undefined ? [] : [`guest ${guest}`]),
    ...castText(config),
    ...(fail === null ? [] : [`fail ${fail}`]),
  ];
}

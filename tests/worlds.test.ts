// The same calls, one after the other, in the concurrent machine and in the sequential iommufd: after each of them
// both have the same areas, IOPTEs, npinned, references and errno.

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Policy } from '../api/index.ts';
import type { Base, PlatformName } from '../models/bounds.ts';
import type { Call } from '../models/calls.ts';
import { folioPin } from '../policies/folio-pin.ts';
import { vmmRemap } from '../policies/vmm-remap.ts';
import type { Model } from '../properties/system.ts';
import {
  CALLS_MAX,
  type Concurrent,
  type Failure,
  type FailingStep,
  type Seen,
  concurrentOf,
  modelOf,
} from './worlds/machine.ts';
import { OOPS, type Sequential, sequentialOf } from './worlds/sequential.ts';

const RUNS = 250;

/** Where the two say different things, and why that is meant. */
const DIFFERENCES = {
  'undoes too much':
    'The undo of the RFC drops pins that nobody has taken: the machine notes it and leaves the count at 0, iommufd counts on below 0, or follows a pointer that was never set, which ends it.',
  'looks ahead':
    'iommufd looks up a batch of pages before it maps the first, folio-pin each when it maps it: after a failure the page cache of iommufd has more.',
  'meets another error first':
    'For the same reason a private page that is refused and a step that fails come in another order.',
  'maps runs': 'iommufd maps a run of pages by one iommu_map(), folio-pin each page by its own.',
  'host dies': 'The kernel zeroes a page that the RMP gives to the guest: iommufd knows no page states.',
};

interface Pair {
  readonly policy: Policy;
  readonly base: Base;
  readonly platform: PlatformName;
  /** What is reached here beside SOMETIMES. */
  readonly sometimes: readonly string[];
}

/* None of these may be missing: calls by what they return, the sizes of folios that are mapped, failures. */
const SOMETIMES =
  `map: 0, map: -EEXIST, map: -ENOMEM, unmap: 0, unmap: -ENOENT, unmap that the driver is told of,
allocate: 0, punch_hole: 0, punch_hole of a mapped page, convert_private: 0, convert_shared: 0,
access_pin: 0, access_pin: -ENOENT, access_pin: -EBUSY, access_unpin: 0, access_unpin: -ENOENT,
access_read: 0, access_read: -ENOENT, access_write: 0, access_write: -ENOENT, mapped: 4K, fails: iommu_map 1`.split(
    /,\s+/,
  );
const OF_RFC = ['fails: kvm_gmem_get_folio 1', 'fails: iommu_map 2', 'undoes too much'];
const OF_PINS = ['fails: kvm_gmem_get_folio 1', 'convert_private: -EAGAIN', 'looks ahead', 'maps runs'];

const PAIRS: readonly Pair[] = [
  { policy: vmmRemap, base: 'rfc-v2', platform: 'bare', sometimes: [...OF_RFC, 'mapped: 2M'] },
  { policy: vmmRemap, base: 'linux-7.2', platform: 'bare', sometimes: OF_RFC },
  {
    policy: folioPin,
    base: 'rfc-v2',
    platform: 'bare',
    sometimes: [...OF_PINS, 'map: -EPERM', 'meets another error first', 'punch_hole: -EAGAIN'],
  },
  {
    policy: folioPin,
    base: 'rfc-v2',
    platform: 'sev-snp',
    sometimes: [
      ...OF_PINS,
      'mapped: 2M',
      'access_pin: -EPERM',
      'convert_shared: waits for ever',
      'host dies',
    ],
  },
];

interface Both {
  readonly model: Model;
  readonly machine: Concurrent;
}

interface Drawn {
  readonly word: string;
  readonly pages: readonly [start: number, end: number];
}

const words = (times: number, ...names: string[]): string[] => Array(times).fill(names).flat() as string[];

/* Few ranges, so that they meet: all, huge pages, across two of them, pages. */
const drawn: fc.Arbitrary<Drawn> = fc.record({
  word: fc.constantFrom(
    ...words(4, 'map', 'unmap'),
    ...words(2, 'access_pin', 'access_unpin'),
    ...words(1, 'allocate', 'punch_hole', 'convert_private', 'convert_shared', 'access_read', 'access_write'),
  ),
  pages: fc.constantFrom<Drawn['pages'][]>([0, 4], [0, 4], [0, 2], [0, 2], [2, 4], [1, 3], [0, 1], [1, 2]),
});

interface Scenario {
  readonly initial: number;
  readonly calls: readonly Drawn[];
  /** The first map of nothing mapped, from a call on: there the n-th call of the step fails. */
  readonly failing: (Failure & { readonly from: number }) | null;
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  initial: fc.nat(3),
  calls: fc.array(drawn, { minLength: 2, maxLength: CALLS_MAX, size: 'max' }),
  failing: fc.option(
    fc.record({
      step: fc.constantFrom<FailingStep>('iommu_map', 'kvm_gmem_get_folio'),
      nth: fc.integer({ min: 1, max: 2 }),
      from: fc.nat(CALLS_MAX / 2),
    }),
  ),
});

const count = (pages: readonly (number | null)[]): number => pages.filter((pfn) => pfn !== null).length;

/** The call of the machine: of one page, or of all, where it takes no range. */
function callOf(model: Model, { word, pages: [start, end] }: Drawn): Call {
  const known = model.table.calls.filter((call) => call.word === word);
  const from = known.filter(({ range }) => range.start === start);
  return from.find(({ range }) => range.end === end) ?? from[0] ?? known[0];
}

/** expect() takes longer than both worlds together. */
function same(ours: unknown, theirs: unknown): void {
  if (!isDeepStrictEqual(ours, theirs)) expect(ours).toEqual(theirs);
}

type Reach = (what: string) => void;
type Differs = (name: keyof typeof DIFFERENCES) => void;

/** How the map fails, in a way that both can. */
function failureOf(
  call: Call,
  wanted: Failure,
  pins: boolean,
  iommufd: Sequential,
  differs: Differs,
): Failure | null {
  if (iommufd.refuses(call)) {
    differs('meets another error first');
    return null;
  }
  if (!pins || wanted.nth === 1) return wanted;
  differs('maps runs');
  return { ...wanted, nth: 1 };
}

/** What happened besides: for SOMETIMES. */
function tell({ word }: Call, before: Seen, seen: Seen, reach: Reach): void {
  if (word === 'unmap' && count(before.access) > count(seen.access))
    reach('unmap that the driver is told of');
  const isStale = (pfn: number | null, iova: number): boolean => pfn !== null && pfn !== seen.cache[iova];
  if (word === 'punch_hole' && seen.iopte.some(isStale)) reach('punch_hole of a mapped page');
}

/** Runs the calls in both, as far as both go on. */
function compare({ model, machine }: Both, { initial, calls, failing }: Scenario, reach: Reach): void {
  const differs: Differs = reach;
  const pins = model.policy === folioPin;
  const initially = machine.initials[initial % machine.initials.length];
  machine.start(initially);
  const iommufd = sequentialOf(pins, initially, model.table.arch.maps_private);
  let before = iommufd.seen();
  let left = failing;
  for (const [k, each] of calls.entries()) {
    const call = callOf(model, each);
    const isFree = before.iopte.slice(...each.pages).every((pfn) => pfn === null);
    let fails: Failure | null = null;
    if (left !== null && k >= left.from && call.word === 'map' && isFree) {
      fails = failureOf(call, left, pins, iommufd, differs);
      left = null;
    }
    const errno = machine.run(call, fails);
    if (machine.isDead()) {
      differs('host dies');
      return;
    }
    const rc = iommufd.run(call, fails);
    same(
      { errno: rc === OOPS ? '-ENOMEM' : rc, undoesTooMuch: iommufd.undoesTooMuch() },
      { errno, undoesTooMuch: machine.undoesTooMuch() },
    );
    reach(`${call.word}: ${errno ?? 'waits for ever'}`);
    if (fails !== null && errno === '-ENOMEM') reach(`fails: ${fails.step} ${fails.nth}`);
    if (errno === null) return;
    const seen = machine.seen();
    if (pins && call.word === 'map' && errno !== '0' && iommufd.forget(seen.cache)) differs('looks ahead');
    if (rc !== OOPS) same(iommufd.seen(), seen);
    if (machine.undoesTooMuch()) {
      differs('undoes too much');
      return;
    }
    const folios = iommufd.folios();
    same(folios, folios.map(machine.folio));
    same(
      folios.reduce((sum, folio) => sum + folio.pins, 0),
      machine.pins(),
    );
    for (const size of machine.sizes()) reach(`mapped: ${size}`);
    tell(call, before, seen, reach);
    before = seen;
  }
}

describe('the machine and the sequential iommufd say the same of', () => {
  test.each(PAIRS)('$policy.name on $base, $platform', ({ policy, base, platform, sometimes }) => {
    const reached = new Set<string>();
    const both = (step: FailingStep): Both => {
      const model = modelOf(policy, base, platform, step);
      return { model, machine: concurrentOf(model) };
    };
    const models = { iommu_map: both('iommu_map'), kvm_gmem_get_folio: both('kvm_gmem_get_folio') };
    fc.assert(
      fc.property(scenario, (data) => {
        compare(models[data.failing?.step ?? 'iommu_map'], data, (what) => reached.add(what));
      }),
      { seed: 12, numRuns: RUNS },
    );
    expect([...SOMETIMES, ...sometimes].filter((what) => !reached.has(what))).toEqual([]);
  });
});

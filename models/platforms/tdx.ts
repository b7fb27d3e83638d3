// Intel TDX: no table stops a shared-KeyID access to TD memory; it reaches the memory-encryption engine. Leaf size is
// irrelevant. T=1 private accesses walk the S-EPT itself and are judged there, not here.

import { P, match } from 'ts-pattern';
import {
  type Pfn,
  type Range,
  type Result,
  type Steps,
  call,
  each_page,
  fput,
  get_file_active,
  gfn_to_memslot,
  launch_finished,
  tdh_mem_page_add,
  tdh_mem_page_remove,
  tdh_mem_range_block,
  tdh_mem_track,
  tdh_mr_extend,
  tdh_phymem_page_wbinvd,
} from '../../api/index.ts';
import { type Fact, range } from '../describe-iommu.ts';
import { in_same_slot } from '../kvm/memslots.ts';
import type { Machine } from '../machine.ts';
import { type DmaCase, HOSTS, type Outcome, PRIVATE, type Verdicts, unhindered } from './outcomes.ts';
import {
  type Assumption,
  type LaunchParts,
  type Named,
  type Platform,
  type Populated,
  T0,
  T1,
} from './row.ts';

/** S-EPT leaf states. */
export const SEPT = { free: 0, pending: 1, mapped: 2, blocked: 3 } as const;
const SEPT_NAMES = ['FREE', 'PENDING', 'MAPPED', 'BLOCKED'] as const;

const ASSUMPTIONS = [
  {
    name: 'tdx.shared-read-of-private-is-fatal',
    default: true,
    says: 'A read of TD memory with a shared KeyID is a machine check as a write is (Xu Yilun, 27 Feb 2026, does not distinguish).',
    otherwise: 'a shared read of TD memory returns ciphertext',
  },
] as const satisfies readonly Assumption[];
type Assumed = { readonly [K in (typeof ASSUMPTIONS)[number]['name']]: boolean };

const FAILURES = [
  {
    name: 'tdh_mem_page_remove',
    says: 'TDH.MEM.PAGE.REMOVE: the VM is bugged (TDX_BUG_ON()), nobody else is told',
  },
] as const satisfies readonly Named[];

const verdicts =
  (assumed: Assumed): Verdicts =>
  (dma) =>
    match<DmaCase, Outcome>(dma)
      .with({ page: P.union(...PRIVATE), write: true }, () => 'host fatal')
      .with({ page: P.union(...PRIVATE), write: false }, () =>
        assumed['tdx.shared-read-of-private-is-fatal'] ? 'host fatal' : 'ciphertext read',
      )
      .with({ page: P.union(...HOSTS) }, unhindered)
      .exhaustive();

/** TDH.MEM.RANGE.BLOCK, TRACK and kick, PAGE.REMOVE, WBINVD: tdx_sept_remove_leaf_spte(). Under mmu_lock. */
function* tdx_sept_remove_leaf_spte(gfn: number): Steps<void> {
  if (!(yield* tdh_mem_range_block(gfn))) return;
  yield* tdh_mem_track(gfn);
  /* TDX_BUG_ON: the VM is dead, the leaf and the page stay as they are, and nobody is told */
  if (!(yield* tdh_mem_page_remove(gfn))) return;
  yield* tdh_phymem_page_wbinvd(gfn);
}

/** tdx_gmem_post_populate(): TDH.MEM.PAGE.ADD through the S-EPT, and the measurement that user space may ask for. */
function* tdx_gmem_post_populate(gfn: number, pfn: Pfn): Steps<Result> {
  if (!(yield* tdh_mem_page_add(gfn, pfn))) return '-EIO';
  return (yield* tdh_mr_extend(gfn)) ? 0 : '-EIO';
}

const initMemRegion = ({ arch, mayFail, page }: LaunchParts) => {
  const refused = (result: Result): Populated => ({ result, last: false });
  /** kvm_gmem_populate() of one page, whose slot is looked up in every call: slots_lock keeps what was found. */
  function* populate_one(gfn: number, sameSlot: boolean): Steps<Populated> {
    if (yield* mayFail('signal_pending')) return refused('-EINTR');
    if (!sameSlot && (yield* gfn_to_memslot(gfn)) !== 'valid') return refused('-EINVAL');
    if (!(yield* get_file_active(gfn))) return refused('-EFAULT');
    const result = yield* call(page, gfn, arch);
    return { result, last: yield* fput() };
  }
  /** The errno of the page that fails, also where others were done before it: the region says how many. */
  return function* tdx_vcpu_init_mem_region(range: Range): Steps<Populated> {
    /* TD_STATE_RUNNABLE */
    if (yield* launch_finished()) return refused('-EINVAL');
    let last = false;
    for (const gfn of each_page(range)) {
      const sameSlot = gfn > range.start && in_same_slot(gfn - 1, gfn, arch);
      const done = yield* call(populate_one, gfn, sameSlot);
      if (done.last) last = true;
      if (done.result !== 0) return { result: done.result, last };
    }
    return { result: 0, last };
  };
};

const septFact =
  ({ at }: Machine) =>
  (gfn: number): Fact => ({
    field: `S-EPT[gfn ${gfn}]`,
    slots: [at.sept + gfn, at.sept_pfn + gfn],
    value: (m) => {
      const state = SEPT_NAMES[m[at.sept + gfn]] ?? 'unknown';
      return m[at.sept + gfn] === SEPT.free ? state : `pfn ${m[at.sept_pfn + gfn] - 1}, ${state}`;
    },
  });
const pamtFact =
  ({ at }: Machine) =>
  (pfn: number): Fact => ({
    field: `PAMT[pfn ${pfn}]`,
    slots: [at.td_owned + pfn, at.td_dirty + pfn],
    value: (m) => {
      if (m[at.td_owned + pfn] === 1) return 'owned by the TD';
      return m[at.td_dirty + pfn] === 1 ? 'removed, caches not written back' : 'not owned';
    },
  });

export const tdx = {
  arch: { maps_private: false, leaf_size_is_checked: false },
  streams: [T0, T1],
  vmsa: false,
  fields: ({ pages, pfns, PFN }) => [
    ['sept', 'sept', 2, pages, 'gfn'],
    ['sept_pfn', 'pfn', PFN, pages, 'gfn'],
    ['td_owned', 'flag', 1, pfns, 'pfn'],
    ['td_dirty', 'flag', 1, pfns, 'pfn'],
  ],
  owned: 'td_owned',
  dirty: 'td_dirty',
  rmp: null,
  mirror: {
    remove_external_spte: tdx_sept_remove_leaf_spte,
    reads: ({ sept, sept_pfn }) => ({
      leaf: (m, gfn) => (m[sept + gfn] === SEPT.mapped ? m[sept_pfn + gfn] : 0),
      isPresent: (m, gfn) => m[sept + gfn] !== SEPT.free,
    }),
    repair: {
      says: (gfn) => `removing S-EPT[gfn ${gfn}]`,
      field: 'sept',
      steps: (index) => [
        { op: 'tdh_mem_range_block', index },
        { op: 'tdh_mem_track', index },
        { op: 'tdh_mem_page_remove', index },
        { op: 'tdh_phymem_page_wbinvd', index },
      ],
    },
  },
  verdicts,
  unchecked: verdicts,
  guestPage: () => () => 'private 4K',
  guestAccess:
    ({ td_owned, td_dirty }) =>
    (m, _gfn, isPrivate, pfn) =>
      isPrivate === (m[td_owned + pfn] === 1) && (isPrivate || m[td_dirty + pfn] === 0)
        ? 'passes'
        : 'machine check',
  mistakes: { sharedDma: 'machine check', hostAccess: 'machine check' },
  gmem_invalidate: null,
  launch: { region: initMemRegion, post_populate: tdx_gmem_post_populate, refusesPrepared: false },
  assumptions: ASSUMPTIONS,
  granted: [{ name: 'tdx.trusted-iotlb-flushed-by-module', says: 'no switch' }],
  failures: FAILURES,
  facts: (machine) => [
    ...range(machine.pages).map(septFact(machine)),
    ...range(machine.pfns).map(pamtFact(machine)),
  ],
  leak: 'a device reads a page that was freed',
  letThrough: () => null,
} satisfies Platform;

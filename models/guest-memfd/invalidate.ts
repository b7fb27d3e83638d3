// The bracket of guest_memfd: kvm_gmem_invalidate_start() and _end(), and the zap inside. A consumer that is no VM
// (the proposed IOMMU side) is told after KVM, outside mmu_lock.

import {
  type Arch,
  type BracketBy,
  type Policy,
  type Range,
  type Reason,
  type Steps,
  type ZapFilter,
  call,
  each_page,
  gmem_invalidate_end,
  gmem_invalidate_start,
  isNotified,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_range_add,
  kvm_mmu_invalidate_start,
  kvm_arch_gmem_invalidate_range,
  kvm_flush_remote_tlbs,
  lock,
  slot_in_range,
  tdp_mmu_zap_leafs,
  unlock,
  unmap_mapping_pages,
} from '../../api/index.ts';
import { platformOf } from '../platforms/index.ts';
import type { Mirror } from '../platforms/row.ts';

/**
 * tdp_mmu_iter_cond_resched() before a leaf that is not the first: flush what is pending, then let others have
 * mmu_lock. Taken each time: that nobody wants the lock is one of the schedules.
 */
function* tdp_mmu_iter_cond_resched(flush: boolean): Steps<void> {
  if (flush) yield* kvm_flush_remote_tlbs();
  yield* unlock('mmu_lock');
  yield* lock('mmu_lock');
}

/** kvm_tdp_mmu_unmap_gfn_range() of the direct roots: leaf by leaf. True: TLBs are to be flushed. */
function* zap_direct_roots(range: Range, filter: ZapFilter): Steps<boolean> {
  let flush = false;
  for (const gfn of each_page(range)) {
    if (gfn > range.start) {
      yield* tdp_mmu_iter_cond_resched(flush);
      flush = false;
    }
    if (yield* tdp_mmu_zap_leafs({ start: gfn, end: gfn + 1 }, filter)) flush = true;
  }
  return flush;
}

/** The same of the mirror root: each leaf goes with its TLB entries. `flush`: of the direct roots. */
function* zap_mirror_root({ remove_external_spte }: Mirror, range: Range, flush: boolean): Steps<boolean> {
  let pending = flush;
  for (const gfn of each_page(range)) {
    if (gfn > range.start) {
      yield* tdp_mmu_iter_cond_resched(pending);
      pending = false;
    }
    yield* call(remove_external_spte, gfn);
  }
  return pending;
}

/**
 * Zap, under mmu_lock, which is yielded in between. True: TLBs are to be flushed. With mirror roots private
 * leaves go one by one; elsewhere the filter is ignored.
 */
export function* kvm_unmap_gfn_range(range: Range, filter: ZapFilter, arch: Arch): Steps<boolean> {
  const { mirror } = platformOf(arch);
  const direct = mirror === null || filter !== 'private';
  const flush = direct && (yield* zap_direct_roots(range, filter));
  return mirror !== null && filter !== 'shared' ? yield* zap_mirror_root(mirror, range, flush) : flush;
}

/** The same, and the flush that comes before mmu_lock is dropped. */
export function* kvm_unmap_and_flush(range: Range, filter: ZapFilter, arch: Arch): Steps<void> {
  if (yield* kvm_unmap_gfn_range(range, filter, arch)) yield* kvm_flush_remote_tlbs();
}

/** The gfns of a range of indices, a piece for each slot, in the order of the indices. */
export function gfn_ranges(range: Range, arch: Arch): Range[] {
  const slots = [...(arch.memslots ?? [])].sort((a, b) => a.pgoff - b.pgoff);
  if (slots.length === 0) return [range];
  return slots.flatMap(({ base_gfn, npages, pgoff }) => {
    const start = base_gfn + Math.max(pgoff, range.start) - pgoff;
    const end = base_gfn + Math.min(pgoff + npages, range.end) - pgoff;
    return start < end ? [{ start, end }] : [];
  });
}

/** A range of gfns, a piece for each slot. */
export function slot_ranges(range: Range, arch: Arch): Range[] {
  return (arch.memslots ?? [{ base_gfn: range.start, npages: range.end - range.start }]).flatMap(
    ({ base_gfn, npages }) => {
      const start = Math.max(base_gfn, range.start);
      const end = Math.min(base_gfn + npages, range.end);
      return start < end ? [{ start, end }] : [];
    },
  );
}

/** From the first to the last gfn of the pieces. */
export const hull = (pieces: readonly Range[]): Range => ({
  start: Math.min(...pieces.map(({ start }) => start)),
  end: Math.max(...pieces.map(({ end }) => end)),
});

/**
 * The slots found in the pieces: in_progress++ for the first, range_add and zap for each, one flush before mmu_lock
 * is dropped. True: the bracket is open.
 */
export function* invalidate_slots(
  pieces: readonly Range[],
  by: BracketBy,
  filter: ZapFilter,
  arch: Arch,
): Steps<boolean> {
  let open = false;
  let flush = false;
  for (const piece of pieces) {
    if (!open) open = yield* kvm_mmu_invalidate_start(piece, by);
    else if (yield* slot_in_range(piece, by)) yield* kvm_mmu_invalidate_range_add(piece);
    else continue;
    if (!open) continue;
    if (yield* kvm_unmap_gfn_range(piece, filter, arch)) flush = true;
    if (by === 'binding' && arch.guest_vmsa === true) yield* kvm_arch_gmem_invalidate_range(piece);
  }
  if (flush) yield* kvm_flush_remote_tlbs();
  if (open) yield* unlock('mmu_lock');
  return open;
}

/** in_progress++ and range_add for KVM and for consumers that are no VMs; no zap. */
export function* kvm_gmem_invalidate_begin(range: Range, consumer: boolean): Steps<void> {
  if (consumer) yield* gmem_invalidate_start(range);
  if (yield* kvm_mmu_invalidate_start(range)) yield* unlock('mmu_lock');
}

/** linux-7.2: count, range_add, zap and flush, all before mmu_lock is dropped. */
export function* kvm_gmem_invalidate_start(
  range: Range,
  filter: ZapFilter,
  consumer: boolean,
  arch: Arch,
): Steps<void> {
  if (consumer) yield* gmem_invalidate_start(range);
  yield* invalidate_slots(gfn_ranges(range, arch), 'binding', filter, arch);
}

/** The same on rfc-v2; release and memory failure of RFC v2 call it as well. */
export function* kvm_gmem_invalidate_begin_and_zap(
  range: Range,
  filter: ZapFilter,
  consumer: boolean,
  arch: Arch,
): Steps<void> {
  yield* kvm_gmem_invalidate_start(range, filter, consumer, arch);
}
/** By the name that the base has for it. */
export const invalidateStart = ({ base }: Arch): typeof kvm_gmem_invalidate_start =>
  base === 'rfc-v2' ? kvm_gmem_invalidate_begin_and_zap : kvm_gmem_invalidate_start;

/** seq++, then in_progress--: once, where any binding is found. */
export function* kvm_gmem_invalidate_end(range: Range, consumer: boolean, arch: Arch): Steps<void> {
  yield* kvm_mmu_invalidate_end(hull(gfn_ranges(range, arch)));
  if (consumer) yield* gmem_invalidate_end();
}

/** rfc-v2: zap inside a bracket that is open already. */
export function* kvm_gmem_unmap_private(range: Range, arch: Arch): Steps<void> {
  yield* lock('mmu_lock');
  yield* kvm_unmap_and_flush(range, 'private', arch);
  yield* unlock('mmu_lock');
}

/*
 * MODEL: a notifier that finds no slot does not count; the kernel raises mn_active_invalidate_count before it looks,
 * and no slot comes until it has ended.
 */
/**
 * unmap_mapping_pages(): the host PTEs of the range go. Where the slot's userspace_addr maps the file, the
 * mmu notifier zaps the shared SPTEs first, in a bracket of its own.
 */
export function* unmap_mapping_range(range: Range, notifies: boolean, arch: Arch): Steps<void> {
  const pieces = gfn_ranges(range, arch);
  const open = notifies && (yield* invalidate_slots(pieces, 'notifier', 'shared', arch));
  for (const index of each_page(range)) yield* unmap_mapping_pages(index);
  if (open) yield* kvm_mmu_invalidate_end(hull(pieces), 'notifier');
}

/** The IOMMU side of a proposal, with missing hooks doing nothing. */
export interface Consumer {
  /** False: the policy has no hook, nobody but KVM listens, the inode-level bracket is not kept. */
  readonly present: boolean;
  readonly prepare: (range: Range, reason: Reason) => Steps<string | number>;
  readonly start: (range: Range, reason: Reason) => Steps<void>;
  readonly end: (range: Range, reason: Reason, committed: boolean) => Steps<void>;
}

export function consumerOf(policy: Policy, arch: Arch): Consumer {
  const { invalidate_prepare, invalidate_start, invalidate_end } = policy;
  return {
    present: isNotified(policy),
    *prepare(range, reason) {
      return invalidate_prepare === undefined ? 0 : yield* call(invalidate_prepare, range, reason, arch);
    },
    *start(range, reason) {
      if (invalidate_start !== undefined) yield* call(invalidate_start, range, reason, arch);
    },
    *end(range, reason, committed) {
      if (invalidate_end !== undefined) yield* call(invalidate_end, range, reason, committed, arch);
    },
  };
}

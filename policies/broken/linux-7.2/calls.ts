// The calls of Linux 7.2 that faults are planted into, without the fault, and short of what the faults do not need:
// nobody but KVM listens, the fd is not held, no private leaf of an S-EPT is removed.

import {
  type Arch,
  type Index,
  type Range,
  type Result,
  type Steps,
  call,
  down_write,
  each_page,
  filemap_lock_folio,
  synchronize_srcu,
  slot_state,
  gfn_to_memslot,
  filemap_remove_folio,
  folio_put,
  folio_unlock,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  lock,
  unlock,
  up_write,
} from '../../../api/index.ts';

/* ---- linux-7.2: kvm_gmem_punch_hole() ---- */

export interface HoleParts {
  /** Leaves nothing mapped, and mmu_lock free. */
  readonly kvm_gmem_invalidate_start: (range: Range) => Steps<void>;
  readonly kvm_gmem_invalidate_end: (range: Range) => Steps<void>;
}

/** In linux-7.2 no host PTE reaches the page. */
export function* truncate_inode_folio(index: Index): Steps<void> {
  const pfn = yield* filemap_lock_folio(index);
  if (pfn === null) return;
  yield* filemap_remove_folio(index);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
}

const HOLE: HoleParts = {
  *kvm_gmem_invalidate_start(range) {
    if (!(yield* kvm_mmu_invalidate_start(range))) return;
    yield* kvm_mmu_unmap_gfn_range(range, 'private');
    yield* unlock('mmu_lock');
  },
  *kvm_gmem_invalidate_end(range) {
    yield* kvm_mmu_invalidate_end(range);
  },
};

export function punchHole(broken: Partial<HoleParts>) {
  const parts = { ...HOLE, ...broken };
  return function* kvm_gmem_punch_hole(range: Range): Steps<Result> {
    yield* down_write('invalidate_lock');
    yield* call(parts.kvm_gmem_invalidate_start, range);
    for (const index of each_page(range)) yield* call(truncate_inode_folio, index);
    yield* call(parts.kvm_gmem_invalidate_end, range);
    yield* up_write('invalidate_lock');
    return 0;
  };
}

/** The gfns of a range of indices, a piece for each slot (cast slots). */
export function gfn_ranges(range: Range, { memslots = [] }: Arch): Range[] {
  return memslots.flatMap(({ base_gfn, npages, pgoff }) => {
    const start = base_gfn + Math.max(pgoff, range.start) - pgoff;
    const end = base_gfn + Math.min(pgoff + npages, range.end) - pgoff;
    return start < end ? [{ start, end }] : [];
  });
}

/* ---- linux-7.2: KVM_SET_USER_MEMORY_REGION2, slot deleted ---- */

export function deleteMemslot(kvm_gmem_unbind: () => Steps<void>) {
  return function* kvm_delete_memslot(all: Range): Steps<Result> {
    yield* lock('slots_lock');
    if ((yield* gfn_to_memslot()) === 'none') {
      yield* unlock('slots_lock');
      return '-EINVAL';
    }
    yield* slot_state('invalid');
    yield* synchronize_srcu();
    yield* lock('mmu_lock');
    yield* kvm_mmu_unmap_gfn_range(all, 'both');
    yield* unlock('mmu_lock');
    yield* slot_state('deleted');
    yield* synchronize_srcu();
    yield* call(kvm_gmem_unbind);
    yield* slot_state('none');
    yield* unlock('slots_lock');
    return 0;
  };
}

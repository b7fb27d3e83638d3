// The conversion of v8 that faults are planted into, without the fault, and short of what the faults do not need:
// nobody but KVM listens, the fd is not held, the mmu notifier of the slot's mapping does not fire.

import {
  type Arch,
  type ConvertResult,
  type Index,
  type Range,
  type Result,
  type Steps,
  call,
  down_write,
  each_page,
  filemap_get_folios,
  filemap_lock_folio,
  filemap_remove_folio,
  folio_put,
  folio_ref_count_is_expected,
  folio_unlock,
  kvm_gmem_get_invalidate_filter,
  kvm_gmem_has_safe_refcount,
  kvm_gmem_range_has_attributes,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  lru_add_drain_all,
  mas_preallocate,
  rmp_make_shared,
  store_attributes,
  tdh_mem_page_remove,
  tdh_mem_range_block,
  tdh_mem_track,
  tdh_phymem_page_wbinvd,
  type ZapFilter,
  unlock,
  unmap_mapping_pages,
  up_write,
} from '../../../api/index.ts';

/** Of a failure: what is returned. null: go on. */
type Refusal = Exclude<ConvertResult, 0> | null;

export interface SetAttributesParts {
  readonly kvm_gmem_mas_preallocate: (range: Range) => Steps<Refusal>;
  /** Unmap from user space, then count references; nothing of it where the range becomes shared. */
  readonly kvm_gmem_is_safe_for_conversion: (range: Range) => Steps<Refusal>;
  readonly kvm_gmem_invalidate_start: (range: Range) => Steps<void>;
  /** Page state and attribute. null, or why it failed: in v8 it cannot. */
  readonly commit: (range: Range) => Steps<Refusal>;
  readonly kvm_gmem_invalidate_end: (range: Range) => Steps<void>;
}

function* tdx_sept_remove_leaf_spte(gfn: Index): Steps<void> {
  if (!(yield* tdh_mem_range_block(gfn))) return;
  yield* tdh_mem_track(gfn);
  if (!(yield* tdh_mem_page_remove(gfn))) return;
  yield* tdh_phymem_page_wbinvd(gfn);
}

/** Count, range_add, zap and flush. */
export function* invalidate_start(range: Range, filter: ZapFilter, arch: Arch): Steps<void> {
  if (!(yield* kvm_mmu_invalidate_start(range))) return;
  yield* kvm_mmu_unmap_gfn_range(range, arch.platform === 'tdx' ? 'shared' : filter);
  if (arch.platform === 'tdx' && filter !== 'shared')
    for (const gfn of each_page(range)) yield* call(tdx_sept_remove_leaf_spte, gfn);
  yield* unlock('mmu_lock');
}

/** -EAGAIN and where, or null. `drains`: the LRU batches, once. */
export function* check_references(range: Range, drains: boolean): Steps<Refusal> {
  let drained = !drains;
  for (const index of yield* filemap_get_folios(range)) {
    if (!drained) {
      if (yield* folio_ref_count_is_expected(index)) continue;
      yield* lru_add_drain_all();
      drained = true;
    }
    const unsafe = yield* kvm_gmem_has_safe_refcount({ start: index, end: index + 1 });
    if (unsafe !== null) return { errno: '-EAGAIN', error_offset: unsafe };
  }
  return null;
}

export function* unmap_from_user(range: Range): Steps<void> {
  for (const index of each_page(range)) yield* unmap_mapping_pages(index);
}

export const setAttributesParts = (to: 'private' | 'shared', arch: Arch): SetAttributesParts => ({
  *kvm_gmem_mas_preallocate(range) {
    return (yield* mas_preallocate(range, to)) ? null : { errno: '-ENOMEM', error_offset: range.start };
  },
  *kvm_gmem_is_safe_for_conversion(range) {
    if (to === 'shared') return null;
    yield* unmap_from_user(range);
    return yield* check_references(range, true);
  },
  *kvm_gmem_invalidate_start(range) {
    yield* call(invalidate_start, range, yield* kvm_gmem_get_invalidate_filter(range), arch);
  },
  *commit(range) {
    if (to === 'shared' && arch.platform === 'sev-snp')
      for (const index of each_page(range)) yield* rmp_make_shared(index);
    yield* store_attributes(range, to);
    return null;
  },
  *kvm_gmem_invalidate_end(range) {
    yield* kvm_mmu_invalidate_end(range);
  },
});

export function setAttributes(to: 'private' | 'shared', arch: Arch, broken: Partial<SetAttributesParts>) {
  const parts = { ...setAttributesParts(to, arch), ...broken };

  function* checkAndCommit(range: Range): Steps<ConvertResult> {
    if (yield* kvm_gmem_range_has_attributes(range, to)) return 0;
    const refused =
      (yield* call(parts.kvm_gmem_mas_preallocate, range)) ??
      (yield* call(parts.kvm_gmem_is_safe_for_conversion, range));
    if (refused !== null) return refused;
    yield* call(parts.kvm_gmem_invalidate_start, range);
    const failed = yield* call(parts.commit, range);
    yield* call(parts.kvm_gmem_invalidate_end, range);
    return failed ?? 0;
  }
  return function* __kvm_gmem_set_attributes(range: Range): Steps<ConvertResult> {
    yield* down_write('invalidate_lock');
    const result = yield* call(checkAndCommit, range);
    yield* up_write('invalidate_lock');
    return result;
  };
}

/** PUNCH_HOLE of v8. */
export function punchHoleOfV8(
  arch: Arch,
  filter: ZapFilter | 'attributes',
  remove: (index: Index) => Steps<void> = filemap_remove_folio,
) {
  function* truncate_inode_folio(index: Index): Steps<void> {
    const pfn = yield* filemap_lock_folio(index);
    if (pfn === null) return;
    yield* unmap_mapping_pages(index);
    yield* remove(index);
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
  }
  return function* kvm_gmem_punch_hole(range: Range): Steps<Result> {
    yield* down_write('invalidate_lock');
    const kinds = filter === 'attributes' ? yield* kvm_gmem_get_invalidate_filter(range) : filter;
    yield* call(invalidate_start, range, kinds, arch);
    for (const index of each_page(range)) yield* call(truncate_inode_folio, index);
    yield* kvm_mmu_invalidate_end(range);
    yield* up_write('invalidate_lock');
    return 0;
  };
}

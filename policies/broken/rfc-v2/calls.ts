// The conversion of rfc-v2 that faults are planted into, without the fault, and short of what the faults do not need:
// nobody but KVM listens, the fd is not held, no private leaf of an S-EPT is removed.

import {
  type Arch,
  type ConvertResult,
  type Index,
  type Range,
  type Steps,
  call,
  down_write,
  each_page,
  kvm_gmem_has_safe_refcount,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  lock,
  psmash,
  repeat,
  rmp_make_shared,
  split_folio,
  store_attributes,
  unlock,
  unmap_mapping_pages,
  up_write,
  wait_for_folio_refs,
} from '../../../api/index.ts';

export interface ConvertParts {
  readonly kvm_gmem_invalidate_begin: (range: Range) => Steps<void>;
  /** null, or the index at which a reference forbids it. */
  readonly kvm_gmem_convert_should_proceed: (range: Range) => Steps<Index | null>;
  readonly kvm_gmem_convert_execute_work: (range: Range) => Steps<void>;
  readonly kvm_gmem_invalidate_end: (range: Range, unsafe: boolean) => Steps<void>;
}

/** Freeze the references of the huge folio at the index, then split it. */
function* split(index: Index): Steps<void | 'again'> {
  if ((yield* split_folio(index)) !== 'busy') return;
  yield* wait_for_folio_refs(index);
  return 'again';
}

const convertParts = (to: 'private' | 'shared', arch: Arch): ConvertParts => ({
  *kvm_gmem_invalidate_begin(range) {
    if (yield* kvm_mmu_invalidate_start(range)) yield* unlock('mmu_lock');
  },
  *kvm_gmem_convert_should_proceed(range) {
    yield* lock('mmu_lock');
    yield* kvm_mmu_unmap_gfn_range(range, to === 'private' ? 'shared' : 'private');
    yield* unlock('mmu_lock');
    if (to === 'shared') return null;
    for (const index of each_page(range)) yield* unmap_mapping_pages(index);
    return yield* kvm_gmem_has_safe_refcount(range);
  },
  *kvm_gmem_convert_execute_work(range) {
    for (const index of to === 'shared' && arch.platform === 'sev-snp' ? each_page(range) : []) {
      yield* psmash(index);
      yield* rmp_make_shared(index);
    }
    yield* store_attributes(range, to);
    for (const index of to === 'shared' ? each_page(range) : []) yield* repeat(split, index);
  },
  *kvm_gmem_invalidate_end(range) {
    yield* kvm_mmu_invalidate_end(range);
  },
});

export function convertRange(to: 'private' | 'shared', arch: Arch, broken: Partial<ConvertParts>) {
  const parts = { ...convertParts(to, arch), ...broken };
  return function* kvm_gmem_convert_range(range: Range): Steps<ConvertResult> {
    yield* down_write('invalidate_lock');
    yield* call(parts.kvm_gmem_invalidate_begin, range);
    const unsafe = yield* call(parts.kvm_gmem_convert_should_proceed, range);
    if (unsafe === null) yield* call(parts.kvm_gmem_convert_execute_work, range);
    yield* call(parts.kvm_gmem_invalidate_end, range, unsafe !== null);
    yield* up_write('invalidate_lock');
    return unsafe === null ? 0 : { errno: '-EAGAIN', error_offset: unsafe };
  };
}

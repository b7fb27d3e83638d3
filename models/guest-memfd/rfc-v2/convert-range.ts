// KVM_GMEM_CONVERT_SHARED and _PRIVATE of RFC v2 (Ackerley Tng, 14 May 2025): kvm_gmem_convert_range(), in
// the order that
// mail 001 (Vishal Annapurve, 27 Jun 2025) describes: bracket, should_proceed, execute_work, bracket.

import {
  type Arch,
  type ConvertResult,
  type Range,
  type Reason,
  type Steps,
  call,
  down_write,
  each_page,
  kvm_gmem_convert_compute_work,
  kvm_gmem_has_safe_refcount,
  merge_folio,
  psmash,
  repeat,
  rmp_make_shared,
  split_folio,
  store_attributes,
  up_write,
  wait_for_folio_refs,
} from '../../../api/index.ts';
import {
  type Consumer,
  kvm_gmem_invalidate_begin,
  kvm_gmem_invalidate_end,
  kvm_gmem_unmap,
  unmap_mapping_range,
} from '../invalidate.ts';

export interface ConvertOptions {
  readonly arch: Arch;
  readonly consumer: Consumer;
  /** The mmu notifier of the slot's mapping fires. */
  readonly notifies: boolean;
  /** Assumption rfc-v2.snp-as-in-v8. */
  readonly snpAsInV8: boolean;
}

/* MODEL: execute_work cannot fail (-ENOMEM of the store, of split, of merge), so there is no rollback. */
/** The range rounded out to huge pages, where the inode has them. */
const roundOut = ({ start, end }: Range, hugeInode: boolean, size: number): Range =>
  hugeInode ? { start: start - (start % size), end: Math.ceil(end / size) * size } : { start, end };

/**
 * filemap_remove_folio_for_restructuring() freezes the references, or spins until it can; then the huge page
 * at the index is split.
 */
function* kvm_gmem_split_folio_in_filemap(index: number): Steps<void | 'again'> {
  if ((yield* split_folio(index)) !== 'busy') return;
  yield* wait_for_folio_refs(index);
  return 'again';
}

/** The same for each 4K folio of the huge page at the index, which are then merged. */
function* kvm_gmem_merge_folio_in_filemap(index: number): Steps<void | 'again'> {
  if ((yield* merge_folio(index)) !== 'busy') return;
  yield* wait_for_folio_refs(index);
  return 'again';
}

export function makeConvertRange(to: 'private' | 'shared', options: ConvertOptions) {
  const { arch, consumer, notifies, snpAsInV8 } = options;
  const reason: Reason = to === 'private' ? 'to private' : 'to shared';
  const hugeIn = (range: Range, hugeInode: boolean): number[] =>
    hugeInode
      ? each_page(roundOut(range, true, arch.huge_pages)).filter((index) => index % arch.huge_pages === 0)
      : [];

  /** null, or the index at which a reference forbids it. */
  function* kvm_gmem_convert_should_proceed(work: Range): Steps<number | null> {
    if (to === 'shared') {
      yield* kvm_gmem_unmap(work, 'private', arch);
    } else {
      yield* unmap_mapping_range(work, notifies, arch);
      const unsafe = yield* kvm_gmem_has_safe_refcount(work);
      if (unsafe !== null) return unsafe;
    }
    yield* consumer.start(work, reason);
    return null;
  }

  /** Shareability first, so that split and merge see the new state. */
  function* kvm_gmem_convert_execute_work(work: Range, huge_inode: boolean): Steps<void> {
    if (to === 'shared' && snpAsInV8 && arch.platform === 'sev-snp') {
      for (const index of each_page(work)) {
        yield* psmash(index);
        yield* rmp_make_shared(index);
      }
    }
    yield* store_attributes(work, to);
    for (const index of hugeIn(work, huge_inode)) {
      if (to === 'shared') yield* repeat(kvm_gmem_split_folio_in_filemap, index);
      else yield* repeat(kvm_gmem_merge_folio_in_filemap, index);
    }
  }

  return function* kvm_gmem_convert_range(range: Range): Steps<ConvertResult> {
    yield* down_write('invalidate_lock');
    const { works, huge_inode } = yield* kvm_gmem_convert_compute_work(range, to);
    let error_index: number | null = null;
    let refused = false;
    for (const work of works) if ((yield* consumer.prepare(work, reason)) !== 0) refused = true;
    if (refused) {
      yield* up_write('invalidate_lock');
      return { errno: '-EAGAIN', error_offset: range.start };
    }
    for (const work of works)
      yield* call(kvm_gmem_invalidate_begin, roundOut(work, huge_inode, arch.huge_pages), consumer.present);
    for (const work of works) {
      if (error_index === null) error_index = yield* call(kvm_gmem_convert_should_proceed, work);
    }
    if (error_index === null)
      for (const work of works) yield* call(kvm_gmem_convert_execute_work, work, huge_inode);
    for (const work of works) {
      yield* call(kvm_gmem_invalidate_end, roundOut(work, huge_inode, arch.huge_pages), consumer.present);
      yield* consumer.end(work, reason, error_index === null);
    }
    yield* up_write('invalidate_lock');
    return error_index === null ? 0 : { errno: '-EAGAIN', error_offset: error_index };
  };
}

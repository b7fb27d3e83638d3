// PUNCH_HOLE and fallocate() of RFC v2 where the inode is backed by huge pages: kvm_gmem_truncate_inode_range().

import {
  type Arch,
  type Range,
  type Result,
  type Steps,
  call,
  each_page,
  gmem_zero_range,
  kvm_gmem_has_safe_refcount,
  kvm_gmem_has_some_shared,
  unmap_mapping_pages,
} from '../../../api/index.ts';
import { truncate_inode_folio } from '../page-cache.ts';
import { merge_for_truncation } from './restructure.ts';

/** kvm_gmem_truncate_indices() */
function* kvm_gmem_truncate_indices(block: Range): Steps<void> {
  for (const index of each_page(block)) yield* call(truncate_inode_folio, index, true);
}

/** A huge page with a shared index is merged before it is freed: -EAGAIN where a reference forbids it. */
function* kvm_gmem_merge_truncate_indices(block: Range): Steps<Result> {
  for (const index of each_page(block)) yield* unmap_mapping_pages(index);
  if ((yield* kvm_gmem_has_safe_refcount(block)) !== null) return '-EAGAIN';
  /* WARN_ON(): what is left in 4K folios stays but for the first */
  const merged = (yield* merge_for_truncation(block.start)) === 0;
  yield* call(kvm_gmem_truncate_indices, merged ? block : { start: block.start, end: block.start + 1 });
  return 0;
}

/** Stops at the first huge page that may not go; those before are gone. */
function* kvm_gmem_truncate_inode_aligned_pages(range: Range, size: number): Steps<Result> {
  for (let start = range.start; start < range.end; start += size) {
    const block = { start, end: start + size };
    if (!(yield* kvm_gmem_has_some_shared(block))) {
      yield* call(kvm_gmem_truncate_indices, block);
      continue;
    }
    const result = yield* call(kvm_gmem_merge_truncate_indices, block);
    if (result !== 0) return result;
  }
  return 0;
}

/** Head zeroed, whole huge pages freed, tail zeroed, also where the middle has failed. */
export function* kvm_gmem_truncate_inode_range({ start, end }: Range, arch: Arch): Steps<Result> {
  const size = arch.huge_pages;
  const whole = { start: Math.ceil(start / size) * size, end: Math.floor(end / size) * size };
  if (start < whole.start) yield* gmem_zero_range({ start, end: Math.min(whole.start, end) });
  const result =
    whole.end > whole.start ? yield* call(kvm_gmem_truncate_inode_aligned_pages, whole, size) : 0;
  if (end > whole.end && end > whole.start)
    yield* gmem_zero_range({ start: Math.max(whole.end, start), end });
  return result;
}

/** kvm_gmem_allocate() rounds both ends down: of a huge page at the end that is asked for in part, nothing. */
export const allocated = ({ start, end }: Range, size: number): Range => ({
  start: start - (start % size),
  end: end - (end % size),
});

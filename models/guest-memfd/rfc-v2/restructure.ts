// Split and merge in the page cache of RFC v2 (Ackerley Tng, 14 May 2025): kvm_gmem_restructure_folios_in_range()
// and what it calls. Under invalidate_lock.

import {
  type Range,
  type Result,
  type Steps,
  loop_wraps,
  merge_folio,
  repeat,
  split_folio,
  wait_for_folio_refs,
} from '../../../api/index.ts';

/** The range rounded out to huge pages. */
export const roundOut = ({ start, end }: Range, size: number): Range => ({
  start: start - (start % size),
  end: Math.ceil(end / size) * size,
});

/*
 * MODEL: freeze, removal from the page cache, split and re-insertion are one step, and so is the way back where
 * one of them fails; that the way back fails as well (WARN_ON()) takes two failures.
 */
/**
 * filemap_remove_folio_for_restructuring() freezes the references, or spins until it can; then the huge page
 * at the index is split.
 */
function* kvm_gmem_split_folio_in_filemap(index: number): Steps<Result | 'again'> {
  const answer = yield* split_folio(index);
  if (answer !== 'busy') return answer === 'failed' ? '-ENOMEM' : 0;
  yield* wait_for_folio_refs(index);
  return 'again';
}

/** The same for each 4K folio of the huge page at the index, which are then merged. */
function* kvm_gmem_merge_folio_in_filemap(index: number, mixed: boolean): Steps<Result | 'again'> {
  const answer = yield* merge_folio(index, mixed);
  if (answer !== 'busy') return answer === 'failed' ? '-ENOMEM' : 0;
  yield* wait_for_folio_refs(index);
  return 'again';
}

export const merge_for_truncation = (index: number): Steps<Result> =>
  repeat(kvm_gmem_merge_folio_in_filemap, index, true);

/**
 * Split, or merge where no shared index is left, each huge page that the range touches. On error the huge
 * pages before are put back; the index of that loop is a pgoff_t, unsigned, and `index >= start` is true for
 * ever where start is 0.
 */
export function* kvm_gmem_restructure_folios_in_range(
  range: Range,
  split: boolean,
  size: number,
  undoEnds: boolean,
): Steps<Result> {
  const { start, end } = roundOut(range, size);
  for (let index = start; index < end; index += size) {
    const result = split
      ? yield* repeat(kvm_gmem_split_folio_in_filemap, index)
      : yield* repeat(kvm_gmem_merge_folio_in_filemap, index, false);
    if (result === 0) continue;
    for (let back = index - size; back >= start; back -= size) {
      if (split) yield* repeat(kvm_gmem_merge_folio_in_filemap, back, true);
      else yield* repeat(kvm_gmem_split_folio_in_filemap, back);
    }
    if (start === 0 && !undoEnds) yield* loop_wraps(start);
    return result;
  }
  return 0;
}

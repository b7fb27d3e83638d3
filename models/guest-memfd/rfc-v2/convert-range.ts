// KVM_GMEM_CONVERT_SHARED and _PRIVATE of RFC v2 (Ackerley Tng, 14 May 2025): kvm_gmem_convert_range(), in
// the order that Vishal Annapurve's mail of 24 Jun 2025 describes: bracket, should_proceed, execute_work,
// bracket.

import {
  type Arch,
  type ConvertResult,
  type Range,
  type Reason,
  type Result,
  type Steps,
  call,
  convert_returns,
  down_write,
  each_page,
  kvm_gmem_convert_compute_work,
  kvm_gmem_has_safe_refcount,
  store_attributes,
  up_write,
} from '../../../api/index.ts';
import { platformOf } from '../../platforms/index.ts';
import type { MayFail } from '../failure.ts';
import {
  type Consumer,
  kvm_gmem_invalidate_begin,
  kvm_gmem_invalidate_end,
  kvm_gmem_unmap_private,
  unmap_mapping_range,
} from '../invalidate.ts';
import { kvm_gmem_restructure_folios_in_range, roundOut } from './restructure.ts';

export interface ConvertOptions {
  readonly arch: Arch;
  readonly consumer: Consumer;
  /** The mmu notifier of the slot's mapping fires. */
  readonly notifies: boolean;
  /** Pages that become shared leave the page state of the guest first, as in v8. */
  readonly invalidates: boolean;
  /** Assumption rfc-v2.undo-loop-ends. */
  readonly undoEnds: boolean;
  readonly mayFail: MayFail;
  /** A step may fail in this run: how the conversion ends is looked at. */
  readonly judged: boolean;
}

type To = 'private' | 'shared';

/** kvm_gmem_convert_compute_work(): an inner `ret` hides the outer one, so that -ENOMEM cuts the list short. */
function* compute_work(
  range: Range,
  to: To,
  mayFail: MayFail,
): Steps<{ works: Range[]; huge_inode: boolean }> {
  const { works, huge_inode } = yield* kvm_gmem_convert_compute_work(range, to);
  const list: Range[] = [];
  for (const work of works) {
    if (yield* mayFail('add_to_work_list')) break;
    list.push(work);
  }
  return { works: list, huge_inode };
}

export function makeConvertRange(to: To, options: ConvertOptions) {
  const { arch, consumer, notifies, invalidates, undoEnds, mayFail, judged } = options;
  const gmem_invalidate = invalidates ? platformOf(arch).gmem_invalidate : null;
  const size = arch.huge_pages;
  const reason: Reason = to === 'private' ? 'to private' : 'to shared';
  const opposite: To = to === 'private' ? 'shared' : 'private';
  const invalidated = (work: Range, huge_inode: boolean): Range => (huge_inode ? roundOut(work, size) : work);

  /** null, or the index at which a reference forbids it. */
  function* kvm_gmem_convert_should_proceed(work: Range): Steps<number | null> {
    if (to === 'shared') {
      yield* call(kvm_gmem_unmap_private, work, arch);
    } else {
      yield* unmap_mapping_range(work, notifies, arch);
      const unsafe = yield* kvm_gmem_has_safe_refcount(work);
      if (unsafe !== null) return unsafe;
    }
    yield* consumer.start(work, reason);
    return null;
  }

  /** Shareability first, so that split and merge see the new state. */
  function* kvm_gmem_convert_execute_work(work: Range, huge_inode: boolean, kind: To): Steps<Result> {
    if (kind === 'shared' && gmem_invalidate !== null)
      for (const index of each_page(work)) yield* gmem_invalidate(index, true);
    if (yield* mayFail('mas_store_gfp')) return '-ENOMEM';
    yield* store_attributes(work, kind);
    if (!huge_inode) return 0;
    return yield* kvm_gmem_restructure_folios_in_range(work, kind === 'shared', size, undoEnds);
  }

  /** On error the works are done the other way round, up to and including the one that has failed. */
  function* execute(works: readonly Range[], huge_inode: boolean): Steps<Result> {
    for (const [k, work] of works.entries()) {
      const result = yield* call(kvm_gmem_convert_execute_work, work, huge_inode, to);
      if (result === 0) continue;
      /* WARN_ON() each: a second failure */
      for (const back of works.slice(0, k + 1))
        yield* call(kvm_gmem_convert_execute_work, back, huge_inode, opposite);
      return result;
    }
    return 0;
  }

  return function* kvm_gmem_convert_range(range: Range): Steps<ConvertResult> {
    yield* down_write('invalidate_lock');
    const { works, huge_inode } = yield* compute_work(range, to, mayFail);
    let error_index: number | null = null;
    let refused = false;
    for (const work of works) if ((yield* consumer.prepare(work, reason)) !== 0) refused = true;
    if (refused) {
      yield* up_write('invalidate_lock');
      return { errno: '-EAGAIN', error_offset: range.start };
    }
    for (const work of works)
      yield* call(kvm_gmem_invalidate_begin, invalidated(work, huge_inode), consumer.present);
    for (const work of works) {
      if (error_index === null) error_index = yield* call(kvm_gmem_convert_should_proceed, work);
    }
    const result = error_index === null ? yield* execute(works, huge_inode) : '-EAGAIN';
    for (const work of works) {
      yield* call(kvm_gmem_invalidate_end, invalidated(work, huge_inode), consumer.present, arch);
      yield* consumer.end(work, reason, result === 0);
    }
    if (judged) yield* convert_returns(range, to, result !== 0);
    yield* up_write('invalidate_lock');
    if (result === 0) return 0;
    /* pgoff_t error_index of the ioctl has no initial value; -EAGAIN alone sets it */
    return { errno: result, error_offset: error_index ?? 'uninitialised' };
  };
}

// KVM_SET_MEMORY_ATTRIBUTES2 on the gmem fd, [PATCH v8 00/46] (Ackerley Tng, 18 Jun 2026):
// __kvm_gmem_set_attributes(). Whatever can fail comes before the point of no return, so nothing is rolled back.

import {
  type Arch,
  type ConvertResult,
  type Range,
  type Reason,
  type Steps,
  call,
  down_write,
  each_page,
  kvm_gmem_get_invalidate_filter,
  kvm_gmem_range_has_attributes,
  mas_preallocate,
  store_attributes,
  up_write,
} from '../../../api/index.ts';
import { platformOf } from '../../platforms/index.ts';
import {
  type Consumer,
  kvm_gmem_invalidate_end,
  kvm_gmem_invalidate_start,
  unmap_mapping_range,
} from '../invalidate.ts';
import { kvm_gmem_is_safe_for_conversion } from './is-safe-for-conversion.ts';

export interface SetAttributesOptions {
  readonly arch: Arch;
  readonly consumer: Consumer;
  /** The mmu notifier of the slot's mapping fires. */
  readonly notifies: boolean;
  /** Assumption v8.conversion-zaps-one-kind. */
  readonly zapsOneKind: boolean;
}

export function makeSetAttributes(to: 'private' | 'shared', options: SetAttributesOptions) {
  const { arch, consumer, notifies, zapsOneKind } = options;
  const { gmem_invalidate } = platformOf(arch);
  const reason: Reason = to === 'private' ? 'to private' : 'to shared';

  /**
   * kvm_gmem_make_shared() in later code: what becomes shared leaves the page state of the guest, by the hook that also
   * runs when a folio is freed (docs/objections.md D29). Folios are 4K, so no RMP entry is 2M. Not under mmu_lock.
   */
  const kvm_gmem_invalidate =
    gmem_invalidate === null
      ? null
      : function* kvm_gmem_invalidate(range: Range): Steps<void> {
          for (const index of each_page(range)) yield* gmem_invalidate(index, false);
        };

  /** Past the point of no return: nothing here can fail. */
  function* commit(range: Range): Steps<void> {
    const ended = to === 'private' ? 'shared' : 'private';
    const filter = zapsOneKind ? ended : yield* kvm_gmem_get_invalidate_filter(range);
    yield* call(kvm_gmem_invalidate_start, range, filter, consumer.present, arch);
    yield* consumer.start(range, reason);
    if (to === 'shared' && kvm_gmem_invalidate !== null) yield* call(kvm_gmem_invalidate, range);
    yield* store_attributes(range, to);
    yield* call(kvm_gmem_invalidate_end, range, consumer.present, arch);
    yield* consumer.end(range, reason, true);
  }

  /** What runs under invalidate_lock. */
  function* checkAndCommit(range: Range): Steps<ConvertResult> {
    if (yield* kvm_gmem_range_has_attributes(range, to)) return 0;
    if (!(yield* mas_preallocate(range, to))) return { errno: '-ENOMEM', error_offset: range.start };
    /* the proposals' own: may refuse, and is told by end() where something after it refuses */
    if ((yield* consumer.prepare(range, reason)) !== 0)
      return { errno: '-EAGAIN', error_offset: range.start };
    if (to === 'private') {
      yield* call(unmap_mapping_range, range, notifies, arch);
      const unsafe = yield* call(kvm_gmem_is_safe_for_conversion, range);
      if (unsafe !== null) {
        yield* consumer.end(range, reason, false);
        return { errno: '-EAGAIN', error_offset: unsafe };
      }
    }
    yield* call(commit, range);
    return 0;
  }

  return function* __kvm_gmem_set_attributes(range: Range): Steps<ConvertResult> {
    yield* down_write('invalidate_lock');
    const result = yield* call(checkAndCommit, range);
    yield* up_write('invalidate_lock');
    return result;
  };
}

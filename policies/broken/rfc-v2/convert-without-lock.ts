// rfc-v2, broken: a conversion to private does not keep host faults out (docs/objections.md D7).

import {
  type ConvertResult,
  type Policy,
  type Range,
  type Steps,
  each_page,
  kvm_gmem_has_safe_refcount,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  store_attributes,
  unlock,
  unmap_mapping_pages,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_gmem_convert_range(range: Range): Steps<ConvertResult> {
  if (yield* kvm_mmu_invalidate_start(range)) {
    yield* kvm_mmu_unmap_gfn_range(range, 'shared');
    yield* unlock('mmu_lock');
  }
  for (const index of each_page(range)) yield* unmap_mapping_pages(index);
  const unsafe = yield* kvm_gmem_has_safe_refcount(range);
  if (unsafe === null) yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  return unsafe === null ? 0 : { errno: '-EAGAIN', error_offset: unsafe };
}

export const convertWithoutLock: Policy = {
  ...none,
  name: 'convert-without-lock',
  title: 'rfc-v2: a conversion does not take invalidate_lock',
  source: 'docs/objections.md D7: check shared, fault in, conversion between',
  planted: {
    invariant: 'no-plaintext-to-untrusted',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A host fault that has seen a shared index maps a private one.',
  },
  replaces: () => ({ convert_private: kvm_gmem_convert_range }),
};

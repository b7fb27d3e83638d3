// v8, broken: the PTE is installed when the folio is free again (docs/objections.md D7: what protects is the
// reference).

import {
  type Policy,
  type Result,
  type Steps,
  clear_highpage,
  down_read,
  folio_put,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  map_host_pte,
  up_read,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_gmem_fault_user_mapping(index: number): Steps<Result> {
  yield* down_read('invalidate_lock');
  if (yield* gmem_is_private(index)) {
    yield* up_read('invalidate_lock');
    return '-SIGBUS';
  }
  const pfn = yield* kvm_gmem_get_folio(index);
  yield* up_read('invalidate_lock');
  if (pfn === null) return '-SIGBUS';
  yield* clear_highpage(pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  yield* map_host_pte(index, pfn);
  return 0;
}

export const pteAfterUnlock: Policy = {
  ...none,
  name: 'pte-after-unlock',
  title: 'v8: a page fault drops its reference before it installs the PTE',
  source: 'docs/objections.md D7; kvm_gmem_fault_user_mapping(): VM_FAULT_LOCKED',
  base: 'v8',
  planted: {
    invariant: 'no-host-mapping-of-private',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A conversion finds neither PTE nor reference, and the PTE comes after it.',
  },
  replaces: () => ({ fault_user_mapping: kvm_gmem_fault_user_mapping }),
};

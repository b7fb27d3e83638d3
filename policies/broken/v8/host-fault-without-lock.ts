// v8, broken: a host fault looks at the attribute without invalidate_lock (docs/objections.md D7).

import {
  type Policy,
  type Result,
  type Steps,
  clear_highpage,
  folio_put,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  map_host_pte,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_gmem_fault_user_mapping(index: number): Steps<Result> {
  if (yield* gmem_is_private(index)) return '-SIGBUS';
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) return '-SIGBUS';
  yield* clear_highpage(pfn);
  yield* map_host_pte(index, pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  return 0;
}

export const hostFaultWithoutLock: Policy = {
  ...none,
  name: 'host-fault-without-lock',
  title: 'v8: kvm_gmem_fault_user_mapping() takes no invalidate_lock',
  source: 'Sean Christopherson, 1 Oct 2025, Re: [RFC v2 02/51]; docs/objections.md D7',
  base: 'v8',
  planted: {
    invariant: 'no-host-mapping-of-private',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A conversion between the check and the lookup: user space maps a private page.',
  },
  replaces: () => ({ fault_user_mapping: kvm_gmem_fault_user_mapping }),
};

// linux-7.2, broken: KVM_MEM_GUEST_MEMFD is cleared on a slot that exists, and the old slot stays bound
// (docs/objections.md D2).

import {
  type Policy,
  type Result,
  type Steps,
  gfn_to_memslot,
  lock,
  slot_state,
  synchronize_srcu,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

/** KVM_MR_FLAGS_ONLY: the new slot takes the place of the old one, which is freed. Linux 7.2: -EINVAL. */
function* kvm_update_flags_memslot(): Steps<Result> {
  yield* lock('slots_lock');
  if ((yield* gfn_to_memslot()) === 'none') {
    yield* unlock('slots_lock');
    return '-EINVAL';
  }
  yield* slot_state('deleted');
  yield* synchronize_srcu();
  yield* slot_state('none');
  yield* unlock('slots_lock');
  return 0;
}

export const flagsChangeKeepsBinding: Policy = {
  ...none,
  name: 'flags-change-keeps-binding',
  title: 'linux-7.2: a change of flags frees a bound slot',
  source: 'docs/objections.md D2: KASAN use after free in kvm_gmem_release(), 6.18-rc6',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-dangling-binding',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The file is bound to a memslot that was freed.',
  },
  replaces: () => ({ unbind: kvm_update_flags_memslot }),
};

// linux-7.2, broken: a new slot takes slots_lock inside invalidate_lock (kvm_gmem_release() takes them the other way
// round).

import {
  type Policy,
  type Result,
  type Steps,
  down_write,
  gfn_to_memslot,
  kvm_gmem_store_bindings,
  lock,
  slot_state,
  unlock,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_gmem_bind(): Steps<Result> {
  yield* down_write('invalidate_lock');
  yield* lock('slots_lock');
  const bound = (yield* gfn_to_memslot()) === 'none' && (yield* kvm_gmem_store_bindings());
  if (bound) yield* slot_state('valid');
  yield* unlock('slots_lock');
  yield* up_write('invalidate_lock');
  return bound ? 0 : '-EEXIST';
}

export const bindLocksInverted: Policy = {
  ...none,
  name: 'bind-locks-inverted',
  title: 'linux-7.2: slots_lock inside invalidate_lock',
  source: 'kvm_gmem_release(): slots_lock, then invalidate_lock',
  base: 'linux-7.2',
  planted: {
    invariant: 'lock-order-acyclic',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Deletion of the slot and release of the file take the two locks the other way round.',
  },
  replaces: () => ({ bind: kvm_gmem_bind }),
};

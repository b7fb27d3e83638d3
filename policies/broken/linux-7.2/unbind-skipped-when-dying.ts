// linux-7.2, broken: a memslot goes and its bindings stay, because the gmem file is dying (docs/objections.md D1, fixed
// by ae431059e75d).

import {
  type Policy,
  type Steps,
  down_write,
  fput,
  get_file_active,
  kvm_gmem_erase_bindings,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { deleteMemslot } from './calls.ts';

/** "The file is going away, so its release will clean up": it does, after the slot was freed. */
function* kvm_gmem_unbind(): Steps<void> {
  if (!(yield* get_file_active())) return;
  yield* down_write('invalidate_lock');
  yield* kvm_gmem_erase_bindings();
  yield* up_write('invalidate_lock');
  yield* fput();
}

export const unbindSkippedWhenDying: Policy = {
  ...none,
  name: 'unbind-skipped-when-dying',
  title: 'linux-7.2: bindings stay where the file is dying',
  source: 'docs/objections.md D1: syzbot 2479e53d0db9b32ae2aa, fixed by ae431059e75d',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-dangling-binding',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'kvm_gmem_release() writes to a memslot that was freed.',
  },
  replaces: () => ({ unbind: deleteMemslot(kvm_gmem_unbind) }),
};

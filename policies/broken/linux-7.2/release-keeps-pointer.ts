// linux-7.2, broken: kvm_gmem_release() does not clear slot->gmem.file.

import {
  type Policy,
  type Result,
  type Steps,
  close_file,
  down_write,
  fput,
  kvm_gmem_list_del,
  lock,
  unlock,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

/** Short of the bracket and of the truncation: neither has to do with the pointer. */
function* kvm_gmem_release(): Steps<Result> {
  if (!(yield* close_file())) return '-EBADF';
  if (!(yield* fput())) return 0;
  yield* lock('slots_lock');
  yield* down_write('invalidate_lock');
  yield* kvm_gmem_list_del();
  yield* up_write('invalidate_lock');
  yield* unlock('slots_lock');
  return 0;
}

export const releaseKeepsPointer: Policy = {
  ...none,
  name: 'release-keeps-pointer',
  title: 'linux-7.2: the slot keeps its pointer to the file',
  source: 'kvm_gmem_release(): slot->gmem.file is weak, never used after release has cleared it',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-dangling-binding',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A fault, or the deletion of the slot, follows a pointer to a freed file.',
  },
  replaces: () => ({ close: kvm_gmem_release }),
};

// linux-7.2, broken: the release invalidates [0, -1ul + 1), which is empty (docs/objections.md D25: -1ul as the end of
// a range).

import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  close_file,
  down_write,
  each_page,
  fput,
  kvm_gmem_forget_file,
  kvm_gmem_list_del,
  lock,
  unlock,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { truncate_inode_folio } from './calls.ts';

/** An end that is counted up to be exclusive wraps to 0: no binding lies in the range, and nothing is zapped. */
function* close_gmem(all: Range): Steps<Result> {
  if (!(yield* close_file())) return '-EBADF';
  if (!(yield* fput())) return 0;
  yield* lock('slots_lock');
  yield* down_write('invalidate_lock');
  yield* kvm_gmem_forget_file();
  yield* kvm_gmem_list_del();
  yield* up_write('invalidate_lock');
  yield* unlock('slots_lock');
  for (const index of each_page(all)) yield* call(truncate_inode_folio, index);
  return 0;
}

export const releaseOfEmptyRange: Policy = {
  ...none,
  name: 'release-of-empty-range',
  title: 'linux-7.2: the end of the range wraps at release',
  source: 'docs/objections.md D25: -1ul as end in kvm_gmem_release()',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Pages are freed with their SPTEs left.',
  },
  replaces: () => ({ close: close_gmem }),
};

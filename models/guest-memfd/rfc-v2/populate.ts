// kvm_gmem_populate() of RFC v2: invalidate_lock is held for the lookup alone.

import {
  type Arch,
  type Result,
  type Steps,
  call,
  down_write,
  folio_mark_uptodate,
  folio_put,
  folio_test_hwpoison,
  folio_test_uptodate,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  up_write,
} from '../../../api/index.ts';
import { kvm_gmem_get_index } from '../../kvm/memslots.ts';
import { launchOf } from '../../platforms/index.ts';

/*
 * MODEL: RFC v2 populates the pages of a huge folio in one turn, and marks all of the folio up to date, also where the
 * range ends inside it; here each page comes by itself. TDX Module and firmware are asked as in Linux 7.2.
 */
/** One turn of its loop. The folio is held until the end; what it backs may change as soon as the lock is dropped. */
export function* populateUnlocked(gfn: number, arch: Arch): Steps<Result> {
  const index = kvm_gmem_get_index(gfn, arch);
  yield* down_write('invalidate_lock');
  const pfn = yield* kvm_gmem_get_folio(index);
  let result: Result = pfn === null ? '-ENOMEM' : 0;
  if (pfn !== null && (yield* folio_test_hwpoison(pfn))) {
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    result = '-EHWPOISON';
  }
  yield* up_write('invalidate_lock');
  if (pfn === null || result !== 0) return result;
  const { post_populate, refusesPrepared } = launchOf(arch);
  /* is_prepared: read in the lookup, under the same folio lock */
  if (refusesPrepared && (yield* folio_test_uptodate(pfn))) result = '-EEXIST';
  yield* folio_unlock(pfn);
  if (result === 0 && !(yield* gmem_is_private(index))) result = '-EINVAL';
  if (result === 0) result = yield* call(post_populate, gfn, pfn);
  if (result === 0) yield* folio_mark_uptodate(pfn);
  yield* folio_put(pfn);
  return result;
}

// linux-7.2, broken: populate does not take invalidate_lock (tdx_gmem_post_populate()).

import {
  type Policy,
  type Result,
  type Steps,
  folio_mark_uptodate,
  folio_put,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  tdh_mem_page_add,
  tdh_mr_extend,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* __kvm_gmem_populate(gfn: number): Steps<Result> {
  const pfn = yield* kvm_gmem_get_folio(gfn);
  if (pfn === null) return '-ENOMEM';
  yield* folio_unlock(pfn);
  let result: Result = (yield* gmem_is_private(gfn)) ? 0 : '-EINVAL';
  if (result === 0 && !(yield* tdh_mem_page_add(gfn, pfn))) result = '-EIO';
  if (result === 0 && !(yield* tdh_mr_extend(gfn))) result = '-EIO';
  if (result === 0) yield* folio_mark_uptodate(pfn);
  yield* folio_put(pfn);
  return result;
}

export const populateWithoutLock: Policy = {
  ...none,
  name: 'populate-without-lock',
  title: 'linux-7.2: populate does not take invalidate_lock',
  source: 'comment in tdx_gmem_post_populate()',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['launch'] },
    invariant: 'populate-keeps-its-leaf',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A hole removes the leaf between TDH.MEM.PAGE.ADD and the measurement.',
  },
  replaces: () => ({ populate_page: __kvm_gmem_populate }),
};

// linux-7.2, broken: populate does not look at the RMP entry; what it copies goes to an assigned page.

import {
  type Policy,
  type Result,
  type Steps,
  down_write,
  folio_mark_uptodate,
  folio_put,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  snp_launch_update,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* __kvm_gmem_populate(gfn: number): Steps<Result> {
  yield* down_write('invalidate_lock');
  const pfn = yield* kvm_gmem_get_folio(gfn);
  let result: Result = pfn === null ? '-ENOMEM' : 0;
  if (pfn !== null) {
    yield* folio_unlock(pfn);
    if (!(yield* gmem_is_private(gfn))) result = '-EINVAL';
    if (result === 0 && !(yield* snp_launch_update(gfn, pfn))) result = '-EIO';
    if (result === 0) yield* folio_mark_uptodate(pfn);
    yield* folio_put(pfn);
  }
  yield* up_write('invalidate_lock');
  return result;
}

export const populatesAssigned: Policy = {
  ...none,
  name: 'populates-assigned',
  title: 'linux-7.2: populate does not refuse a page that is assigned',
  source: 'sev_gmem_post_populate(): -EEXIST where the RMP entry is assigned',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['launch'] },
    invariant: 'populate-of-unassigned-private',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'Firmware is given a page twice.',
  },
  replaces: () => ({ populate_page: __kvm_gmem_populate }),
};

// linux-7.2, broken: populate does not look at the attribute (__kvm_gmem_populate()).

import {
  type Policy,
  type Result,
  type Steps,
  copy_to_page,
  down_write,
  folio_mark_uptodate,
  folio_put,
  folio_unlock,
  kvm_gmem_get_folio,
  snp_launch_update,
  snp_lookup_rmpentry,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* __kvm_gmem_populate(gfn: number): Steps<Result> {
  yield* down_write('invalidate_lock');
  const pfn = yield* kvm_gmem_get_folio(gfn);
  let result: Result = pfn === null ? '-ENOMEM' : 0;
  if (pfn !== null) {
    yield* folio_unlock(pfn);
    if (result === 0 && (yield* snp_lookup_rmpentry(pfn))) result = '-EEXIST';
    if (result === 0) yield* copy_to_page(pfn);
    if (result === 0 && !(yield* snp_launch_update(gfn, pfn))) result = '-EIO';
    if (result === 0) yield* folio_mark_uptodate(pfn);
    yield* folio_put(pfn);
  }
  yield* up_write('invalidate_lock');
  return result;
}

export const populatesShared: Policy = {
  ...none,
  name: 'populates-shared',
  title: 'linux-7.2: populate takes a shared gfn',
  source: '__kvm_gmem_populate(): -EINVAL where the index is not private',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['launch'] },
    invariant: 'populate-of-unassigned-private',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'The initial image goes to a shared gfn.',
  },
  replaces: () => ({ populate_page: __kvm_gmem_populate }),
};

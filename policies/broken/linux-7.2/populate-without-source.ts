// linux-7.2, broken: populate of a page that is not up to date, without a source (docs/objections.md D31).

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
    if (!(yield* gmem_is_private(gfn))) result = '-EINVAL';
    if (result === 0 && (yield* snp_lookup_rmpentry(pfn))) result = '-EEXIST';
    if (result === 0 && !(yield* snp_launch_update(gfn, pfn))) result = '-EIO';
    if (result === 0) yield* folio_mark_uptodate(pfn);
    yield* folio_put(pfn);
  }
  yield* up_write('invalidate_lock');
  return result;
}

export const populateWithoutSource: Policy = {
  ...none,
  name: 'populate-without-source',
  title: 'linux-7.2: populate measures what the page happens to hold',
  source: 'docs/objections.md D31: [PATCH v8 21/46]',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['launch'] },
    invariant: 'zeroed-before-first-use',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'Stale host data is measured, and shown to the guest.',
  },
  replaces: () => ({ populate_page: __kvm_gmem_populate }),
};

// invalidate-callback, broken: what was looked up is installed, whatever has happened since (docs/objections.md D6,
// D7).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  folio_put,
  gmem_is_private,
  iommu_map,
  iova_of,
  kvm_gmem_get_pfn,
  lock,
  psmash,
  rmp_level_is_2m,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, zap } from '../../invalidate-callback.ts';

function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
  yield* lock('pages_mutex');
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const noRecheck: Policy = {
  ...invalidateCallback,
  name: 'no-recheck',
  title: 'invalidate-callback: the bracket is not looked at',
  source:
    'docs/objections.md D6, D7: a pfn looked up is stale at once; __sev_snp_reload_vmsa() is the shape that it takes',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A pfn is mapped although a bracket was open, or has been closed, since it was looked up.',
  },
  ...callbackHooks({ map_page, zap }),
};

// invalidate-callback, broken: an inclusive end is taken for a half-open one (docs/objections.md D25, docs/iommufd.md
// K27).

import {
  type Policy,
  type Range,
  type Steps,
  iommu_unmap_fast,
  iotlb_sync,
  lock,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page } from '../../invalidate-callback.ts';

function* zap(range: Range): Steps<void> {
  const { start, end } = range;
  yield* lock('pages_mutex');
  yield* iommu_unmap_fast({ start, end: end - 1 });
  yield* iotlb_sync({ start, end: end - 1 });
  yield* unlock('pages_mutex');
}

export const callbackAPageShort: Policy = {
  ...invalidateCallback,
  name: 'callback-a-page-short',
  title: 'invalidate-callback: the callback ends a page too early',
  source: 'docs/objections.md D25, docs/iommufd.md K27: inclusive against half-open ends',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The last page of every range stays mapped.',
  },
  ...callbackHooks({ map_page, zap }),
};

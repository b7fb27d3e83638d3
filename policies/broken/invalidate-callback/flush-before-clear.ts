// invalidate-callback, broken: the IOTLB is flushed while the IOPTE is still there to fill it again (docs/iommufd.md
// K05, K36).

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
  yield* lock('pages_mutex');
  yield* iotlb_sync(range);
  yield* iommu_unmap_fast(range);
  yield* unlock('pages_mutex');
}

export const flushBeforeClear: Policy = {
  ...invalidateCallback,
  name: 'flush-before-clear',
  title: 'invalidate-callback: the flush comes before the clear',
  source: 'docs/iommufd.md K05, K36: iommu_unmap(), then iommu_iotlb_sync()',
  planted: {
    invariant: 'no-iotlb-after-sync',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The IOTLB is filled again between its flush and the clear.',
  },
  ...callbackHooks({ map_page, zap }),
};

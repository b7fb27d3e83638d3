// invalidate-callback, broken: IOPTEs are cleared, the IOTLB is left as it is (docs/iommufd.md K28, K05).

import { type Policy, type Range, type Steps, iommu_unmap_fast, lock, unlock } from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page } from '../../invalidate-callback.ts';

function* zap(range: Range): Steps<void> {
  yield* lock('pages_mutex');
  yield* iommu_unmap_fast(range);
  yield* unlock('pages_mutex');
}

export const clearWithoutFlush: Policy = {
  ...invalidateCallback,
  name: 'clear-without-flush',
  title: 'invalidate-callback: the IOPTE is cleared and never flushed',
  source: 'docs/iommufd.md K28: dma-buf revoke without flush; K05',
  planted: {
    invariant: 'no-iotlb-after-sync',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Cleared IOPTEs live on in the IOTLB.',
  },
  ...callbackHooks({ map_page, zap }),
};

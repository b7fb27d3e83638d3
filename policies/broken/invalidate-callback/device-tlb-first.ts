// invalidate-callback, broken: the devices are told first, and ask the IOTLB again before it is.

import { iotlb_gather_sync_with } from '../../../api/faulty.ts';
import {
  type Policy,
  type Range,
  type Steps,
  iommu_completion_wait,
  iommu_unmap_fast,
  lock,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page } from '../../invalidate-callback.ts';

function* zap(range: Range): Steps<void> {
  yield* lock('pages_mutex');
  yield* iommu_unmap_fast(range);
  yield* iotlb_gather_sync_with(range, 'device-tlb-first');
  yield* iommu_completion_wait(range);
  yield* unlock('pages_mutex');
}

export const deviceTlbFirst: Policy = {
  ...invalidateCallback,
  name: 'device-tlb-first',
  title: 'invalidate-callback: the device TLB is invalidated before the IOTLB',
  source:
    'amd_iommu_domain_flush_pages(): INVALIDATE_IOMMU_PAGES, then INVALIDATE_IOTLB_PAGES for each device',
  planted: {
    invariant: 'no-iotlb-after-sync',
    platform: 'bare',
    vmm: 'adversarial',
    settings: { ats: true },
    fault: 'A device TLB that was invalidated before the IOTLB fills up from it again.',
  },
  ...callbackHooks({ map_page, zap }),
};

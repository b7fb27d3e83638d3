// invalidate-callback, broken: no INVALIDATE_IOTLB_PAGES is queued for the devices with ATS.

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
  yield* iotlb_gather_sync_with(range, 'no-device-tlb');
  yield* iommu_completion_wait(range);
  yield* unlock('pages_mutex');
}

export const deviceTlbForgotten: Policy = {
  ...invalidateCallback,
  name: 'device-tlb-forgotten',
  title: 'invalidate-callback: only the IOTLB is invalidated',
  source:
    'amd_iommu_domain_flush_pages(): INVALIDATE_IOTLB_PAGES for each device with ATS, then COMPLETION_WAIT',
  planted: {
    invariant: 'no-iotlb-after-sync',
    platform: 'bare',
    vmm: 'adversarial',
    settings: { ats: true },
    fault: 'The device keeps its translation of a page that is given back.',
  },
  ...callbackHooks({ map_page, zap }),
};

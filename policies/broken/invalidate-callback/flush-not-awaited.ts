// invalidate-callback, broken: the invalidation is queued, and nobody waits for its completion (docs/iommufd.md K06).

import {
  type Policy,
  type Range,
  type Steps,
  iommu_unmap_fast,
  iotlb_gather_sync,
  lock,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page } from '../../invalidate-callback.ts';

function* zap(range: Range): Steps<void> {
  yield* lock('pages_mutex');
  yield* iommu_unmap_fast(range);
  yield* iotlb_gather_sync(range);
  yield* unlock('pages_mutex');
}

export const flushNotAwaited: Policy = {
  ...invalidateCallback,
  name: 'flush-not-awaited',
  title: 'invalidate-callback: the flush is queued, not awaited',
  source: 'docs/iommufd.md K06: iommu_completion_wait() returns at once',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The page is freed before the flush is done.',
  },
  ...callbackHooks({ map_page, zap }),
};

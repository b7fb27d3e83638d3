// Paths of the kernel of which nothing but the locks is here, with cast domains: the order of lock classes is learned
// from them (properties/lock-order.ts), no search starts them.

import { type Steps, down_read, lock, unlock, up_read } from '../../api/index.ts';

/** IOMMU_IOAS_MAP: pin_user_pages_remote(), or pin_user_pages_fast() on its slow path. */
export function* iommufd_ioas_map(): Steps<void> {
  yield* down_read('domains_rwsem');
  yield* lock('user_pages_mutex');
  yield* down_read('mmap_lock');
  yield* up_read('mmap_lock');
  yield* unlock('user_pages_mutex');
  yield* up_read('domains_rwsem');
}

/** IOMMU_IOAS_MAP_FILE of a dma-buf: iopt_map_dmabuf() attaches, then the area is filled. */
export function* iopt_map_dmabuf(): Steps<void> {
  yield* lock('dma_resv');
  yield* lock('dmabuf_pages_mutex');
  yield* unlock('dmabuf_pages_mutex');
  yield* unlock('dma_resv');
  yield* down_read('domains_rwsem');
  yield* lock('dmabuf_pages_mutex');
  yield* unlock('dmabuf_pages_mutex');
  yield* up_read('domains_rwsem');
}

/** dma_buf_invalidate_mappings(), by an exporter that holds its dma_resv. */
export function* iopt_revoke_notify(): Steps<void> {
  yield* lock('dma_resv');
  yield* lock('dmabuf_pages_mutex');
  yield* unlock('dmabuf_pages_mutex');
  yield* unlock('dma_resv');
}

/** A page fault of a mapping of a dma-buf. That of a mapping of the gmem file is in models/kvm/host-mapping.ts. */
export function* dma_buf_fault(): Steps<void> {
  yield* down_read('mmap_lock');
  yield* lock('dma_resv');
  yield* unlock('dma_resv');
  yield* up_read('mmap_lock');
}

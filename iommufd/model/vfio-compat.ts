// vfio_compat.c: VFIO_IOMMU_UNMAP_DMA.

import type { Kernel } from './kernel.ts';
import { EINVAL, ULONG_MAX } from './kernel.ts';
import type { io_pagetable } from './objects.ts';
import { type Unmapped, iopt_cut_iova, iopt_unmap_all, iopt_unmap_iova } from './unmap.ts';

export const VFIO_DMA_UNMAP_FLAG_ALL = 2;

/** `iova + size - 1` of unsigned longs: not looked at for an overflow, which comes to light in iopt_unmap_iova(). */
function lastOf(iova: number, size: number): number {
  const end = size > ULONG_MAX - iova ? iova - (ULONG_MAX - size) - 1 : iova + size;
  return end === 0 ? ULONG_MAX : end - 1;
}

/** Type 1 cuts areas, which needs IOPTEs of one page; the size comes back on an error, too. */
export function iommufd_vfio_unmap_dma(
  k: Kernel,
  ioas: io_pagetable,
  unmap: { readonly flags: number; readonly iova: number; readonly size: number },
): Unmapped {
  if ((unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL) !== 0) return { rc: EINVAL, unmapped: 0 };
  if ((unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0)
    return unmap.iova !== 0 || unmap.size !== 0 ? { rc: EINVAL, unmapped: 0 } : iopt_unmap_all(k, ioas);
  if (ioas.disable_large_pages) {
    const last = lastOf(unmap.iova, unmap.size);
    const rc = iopt_cut_iova(k, ioas, unmap.iova === 0 ? [last] : [last, unmap.iova - 1]);
    if (rc !== 0) return { rc, unmapped: 0 };
  }
  const { rc, unmapped } = iopt_unmap_iova(k, ioas, unmap.iova, unmap.size);
  return { rc: rc === 0 && unmapped === 0 ? k.fn.vfio_unmap_of_nothing() : rc, unmapped };
}

/** An empty range is no error for VFIO. */
export const vfio_unmap_of_nothing = (): number => 0;

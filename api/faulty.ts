// Steps that do less than the kernel's: for planted faults (policies/broken), and no part of the package. What each
// leaves out is a label of the step, which its row knows, and reports print.

import { type Steps, iovasIn } from './steps.ts';
import type { Index, Iova, Pfn, Range } from './units.ts';

/** in_progress++ and no range. */
export function* kvm_mmu_invalidate_start_without_range({ start, end }: Range): Steps<boolean> {
  return (yield { op: 'kvm_mmu_invalidate_start', start, end, fault: 'no-range' }) !== 0;
}
/** in_progress-- and no seq++. */
export function* kvm_mmu_invalidate_end_without_seq({ start, end }: Range): Steps<void> {
  yield { op: 'kvm_mmu_invalidate_end', start, end, fault: 'no-seq' };
}
/** The leaf is installed, stale or not. */
export function* kvm_tdp_mmu_map_unchecked(
  index: Index,
  pfn: Pfn,
  isPrivate: boolean,
  seq: number,
): Steps<boolean> {
  return (yield { op: 'kvm_tdp_mmu_map', index, pfn, private: isPrivate, seq, fault: 'no-recheck' }) !== 0;
}
/** One of the two reads is left out. */
export function* gmem_invalidate_retry_half(
  seq: number,
  index: Index,
  fault: 'ignore-progress' | 'ignore-seq',
): Steps<boolean> {
  return (yield { op: 'gmem_invalidate_retry', seq, index, fault }) !== 0;
}
/** The entries of the range are erased where they are to become private. */
export function* erase_attributes({ start, end }: Range): Steps<void> {
  yield { op: 'store_attributes', start, end, to: 'private', fault: 'erase' };
}
/** Without the free_folio hook. */
export function* filemap_remove_folio_without_hook(index: Index): Steps<void> {
  yield { op: 'filemap_remove_folio', index, fault: 'no-free-folio' };
}
/** The device TLBs come before the IOTLB, or not at all. */
export function* iotlb_gather_sync_with(
  { start, end }: Range,
  fault: 'device-tlb-first' | 'no-device-tlb',
): Steps<void> {
  yield { op: 'iotlb_gather_sync', start, end, fault };
}
/** priv->revoked is not asked. */
export function* vfio_pci_dma_buf_iommufd_map_unasked(): Steps<boolean> {
  return (yield { op: 'vfio_pci_dma_buf_iommufd_map', fault: 'not-asked' }) !== 0;
}
/** phys.len of iopt_pages without an area stays as it is. */
export function* dma_buf_attachments_len_kept(): Steps<Iova[]> {
  return iovasIn((yield { op: 'dma_buf_attachments', fault: 'len-kept' }) as number);
}

// dma-buf as a source: the tracker, and what an exporter's invalidation does.

import type { iommu_domain } from './iommu.ts';
import { type Kernel, EINVAL, ENODEV, ENOMEM, PAGE_SIZE, U32_MAX, should_fail, warn_on } from './kernel.ts';
import type { File } from './memory.ts';
import {
  type Source,
  type iopt_area,
  type iopt_pages,
  iopt_area_index,
  iopt_area_index_to_iova,
  iopt_area_last_iova,
  iopt_dmabuf_revoked,
  mutex_lock,
  mutex_unlock,
} from './objects.ts';
import { tree } from './interval-tree.ts';

type Tracker = (Source & { type: 'DMABUF' })['tracker'];

const trackerOf = (pages: iopt_pages): Tracker => (pages.from.type === 'DMABUF' ? pages.from.tracker : []);

export function iopt_alloc_dmabuf_pages(
  k: Kernel,
  dmabuf: File,
  start_byte: number,
  start: number,
  length: number,
  writable: boolean,
): iopt_pages | number {
  if (dmabuf.pages * PAGE_SIZE <= start + length - 1) return EINVAL;
  if (Math.floor(length / PAGE_SIZE) >= U32_MAX) return EINVAL;
  if (should_fail(k, 'kmalloc')) return ENOMEM;
  /* The exporter refuses at once. */
  if (dmabuf.revoked) return ENODEV;
  dmabuf.refs++;
  return {
    id: k.nextId++,
    kref: 1,
    locked: false,
    npages: k.fn.pages_for(start_byte, length),
    npinned: 0,
    last_npinned: 0,
    source: k.current,
    from: {
      type: 'DMABUF',
      dmabuf,
      phys: { paddr: dmabuf.mmio * PAGE_SIZE, len: dmabuf.pages * PAGE_SIZE },
      start: start - start_byte,
      tracker: [],
    },
    writable,
    account_mode: 'NONE',
    pinned_pfns: new Map(),
    access_itree: tree(),
    domains_itree: tree(),
  };
}

export function iopt_dmabuf_track_domain(
  k: Kernel,
  pages: iopt_pages,
  area: iopt_area,
  domain: iommu_domain,
): number {
  const tracker = trackerOf(pages);
  const twice = tracker.some((track) => track.area === area && track.domain === domain);
  if (warn_on(k, twice, 'iopt_dmabuf_track_domain', 'tracked twice')) return EINVAL;
  if (should_fail(k, 'kmalloc')) return ENOMEM;
  tracker.push({ domain, area });
  return 0;
}

export function iopt_dmabuf_untrack_domain(
  k: Kernel,
  pages: iopt_pages,
  area: iopt_area,
  domain: iommu_domain,
): void {
  const tracker = trackerOf(pages);
  const at = tracker.findIndex((track) => track.area === area && track.domain === domain);
  if (!warn_on(k, at < 0, 'iopt_dmabuf_untrack_domain', 'not tracked')) tracker.splice(at, 1);
}

/** iopt_dmabuf_track_all_domains() */
export function track_all_domains(k: Kernel, area: iopt_area, pages: iopt_pages): number {
  const early = trackerOf(pages).some((track) => track.area === area);
  if (warn_on(k, early, 'iopt_dmabuf_track_all_domains', 'tracked before')) return EINVAL;
  for (const domain of area.iopt.domains) {
    const rc = iopt_dmabuf_track_domain(k, pages, area, domain);
    if (rc === 0) continue;
    untrack_all_domains(area, pages);
    return rc;
  }
  return 0;
}

/** iopt_dmabuf_untrack_all_domains() */
export function untrack_all_domains(area: iopt_area, pages: iopt_pages): void {
  const tracker = trackerOf(pages);
  const rest = tracker.filter((track) => track.area !== area);
  tracker.splice(0, tracker.length, ...rest);
}

/** Unmapped and synced on return; never mapped again. */
export function iopt_revoke_notify(k: Kernel, pages: iopt_pages): void {
  mutex_lock(k, pages);
  if (!iopt_dmabuf_revoked(pages) && pages.from.type === 'DMABUF') {
    for (const { area, domain } of pages.from.tracker) {
      const start = iopt_area_index_to_iova(k, area, iopt_area_index(area));
      k.fn.iommu_unmap_nofail(k, domain, start, iopt_area_last_iova(area) - start + 1);
    }
    k.fn.set_revoked(pages);
  }
  mutex_unlock(pages);
}

export function set_revoked(pages: iopt_pages): void {
  if (pages.from.type === 'DMABUF') pages.from.phys.len = 0;
}

/** The exporter: dma_buf_invalidate_mappings() of all its importers. */
export function dma_buf_invalidate_mappings(k: Kernel, dmabuf: File, importers: readonly iopt_pages[]): void {
  dmabuf.revoked = true;
  for (const pages of importers)
    if (pages.from.type === 'DMABUF' && pages.from.dmabuf === dmabuf) k.fn.iopt_revoke_notify(k, pages);
}

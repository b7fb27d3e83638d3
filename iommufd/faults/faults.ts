// Planted faults, after fixes and comments in the history of iommufd and iommupt: variants of one function each,
// on Linux 7.2 with its own weaknesses repaired, so that whatever a run shows is the fault.

import { batch_clear_carry } from '../model/batch.ts';
import {
  iopt_area_unfill_partial_domain,
  iopt_area_unmap_domain,
  iopt_area_unmap_domain_range,
} from '../model/domain.ts';
import type { Functions } from '../model/functions.ts';
import { interval_tree_double_span_iter_first } from '../model/interval-tree.ts';
import * as table from '../model/io-page-table.ts';
import {
  iommu_iotlb_gather_add_range,
  iommu_iotlb_gather_is_disjoint,
  iommu_put_pages_list,
  wait_on_sem,
} from '../model/iotlb.ts';
import { BITS_PER_ITEM, u64 } from '../model/iova-bitmap.ts';
import { PAGE_SIZE, oops, warn_on } from '../model/kernel.ts';
import { iopt_area_iova, iopt_area_last_iova, iopt_area_index } from '../model/objects.ts';
import { tablesOf } from '../model/pt-table.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';

export interface Fault {
  readonly id: string;
  readonly says: string;
  readonly by:
    'sequences' | 'domain' | 'IOVA space' | 'dirty tracking' | 'flush queue' | 'equivalent' | 'concurrent';
  readonly change?: Partial<Functions>;
  readonly because?: string;
  /** The invariant that its trace is to break, where it breaks several. */
  readonly breaks?: string;
}

const seq = (id: string, says: string, change: Partial<Functions>): Fault => ({
  id,
  says,
  by: 'sequences',
  change,
});
const dom = (id: string, says: string, change: Partial<Functions>): Fault => ({
  id,
  says,
  by: 'domain',
  change,
});
const dirty = (id: string, says: string, change: Partial<Functions>): Fault => ({
  id,
  says,
  by: 'dirty tracking',
  change,
});
const space = (id: string, says: string, change: Partial<Functions>): Fault => ({
  id,
  says,
  by: 'IOVA space',
  change,
});
const other = (id: string, by: Fault['by'], says: string, because: string): Fault => ({
  id,
  says,
  by,
  because,
});

const swapped: Functions['pfn_reader_spans'] = (pages, start, last) =>
  interval_tree_double_span_iter_first(pages.domains_itree, pages.access_itree, start, last);

/* The size goes to npfns[0] before the last run is read. */
const carryOverwrites: Functions['batch_clear_carry'] = (k, batch, keep) => {
  if (keep > 0) batch.npfns[0] = keep;
  batch_clear_carry(k, batch, keep);
};

const unpinFirst: Functions['unmap_and_unpin'] = (k, u, start, last) => {
  k.fn.batch_unpin(k, u.batch, u.pages, 0, last - start + 1);
  if (u.unmapped_end_index > last) return;
  const end = start + u.batch.total_pfns;
  iopt_area_unmap_domain_range(k, u.area, u.domain, u.unmapped_end_index, end - 1);
  u.unmapped_end_index = end;
};

const unmapWithoutSync: Functions['iommu_unmap_nofail'] = (k, domain, iova, size) => {
  const ret = k.fn.unmap_range(k, domain, iova, size, k.fn.iommu_iotlb_gather_init());
  warn_on(k, ret !== size, 'iommu_unmap_nofail', `unmapped ${ret} of ${size} bytes at iova ${iova}`);
};

const storageStays: Functions['unfill_one_of_several'] = (k, area, pages, domain) => {
  iopt_area_unmap_domain(k, area, domain);
  if (pages.from.type !== 'DMABUF') return;
  const at = pages.from.tracker.findIndex((each) => each.area === area && each.domain === domain);
  pages.from.tracker.splice(at, 1);
};

const endOf = (unmap_index: number, filled: Parameters<Functions['fill_domains_unmap']>[3]): number =>
  unmap_index < filled.index ? filled.done_first_end_index : filled.done_all_end_index;

const everyDomainUnpins: Functions['fill_domains_unmap'] = (k, area, pages, filled) => {
  area.iopt.domains.forEach((domain, i) => {
    iopt_area_unfill_partial_domain(k, area, pages, domain, endOf(i, filled));
  });
};

const noDomainUnpins: Functions['fill_domains_unmap'] = (k, area, _pages, filled) => {
  area.iopt.domains.forEach((domain, i) => {
    if (endOf(i, filled) !== iopt_area_index(area))
      iopt_area_unmap_domain_range(k, area, domain, iopt_area_index(area), endOf(i, filled) - 1);
  });
};

const overlapping: Functions['iopt_pages_get_exact_access'] = (pages, index, last) =>
  pages.access_itree.nodes.find(({ node }) => node.start <= last && node.last >= index)?.of ?? null;

const revokeWithoutFlush: Functions['iopt_revoke_notify'] = (k, pages) => {
  if (pages.from.type !== 'DMABUF' || pages.from.phys.len === 0) return;
  for (const { area, domain } of pages.from.tracker)
    unmapWithoutSync(k, domain, iopt_area_iova(area), iopt_area_last_iova(area) - iopt_area_iova(area) + 1);
  pages.from.phys.len = 0;
};

/* The range of an early flush only, where there may be gaps. */
const noRange: Functions['gather_range_pending'] = (k, domain, gather, iova, len, pending) => {
  if (domain.noGaps) {
    if (iommu_iotlb_gather_is_disjoint(gather, iova, len)) k.fn.iommu_iotlb_sync(k, domain, gather);
  } else {
    iommu_iotlb_gather_add_range(gather, iova, len);
  }
  gather.freelist.push(...pending);
};

const waitsForNobody: Functions['iommu_completion_wait'] = (_k, domain) => {
  const { iommu } = domain;
  if (!iommu.need_sync) return;
  iommu.cmd_sem_val++;
  iommu.queue.push({ domain, cmd: { kind: 'wait', data: iommu.cmd_sem_val } });
  iommu.need_sync = false;
  wait_on_sem(domain, iommu.cmd_sem_val);
};

const clearsFirst: Functions['unmap_child'] = (k, domain, child, range, out, clear) => {
  const size = 2 ** (domain.pgsizes[0] + 9 * (child.level + 1));
  if (range.va % size === 0 && range.last === range.va + size - 1) clear();
  return table.unmap_child(k, domain, child, range, out, clear);
};

const freesWhatIsNotCovered: Functions['unmap_child'] = (k, domain, child, range, out, clear) => {
  const rc = table.unmap_child(k, domain, child, range, out, clear);
  if (rc === 0 && tablesOf(domain).includes(child)) {
    out.pending.push(child);
    clear();
  }
  return rc;
};

const flushesWhatWasAsked: Functions['unmap_range'] = (k, domain, iova, len, gather) => {
  const gather_range_pending: Functions['gather_range_pending'] = (k2, d, g, i, _len, pending) => {
    k.fn.gather_range_pending(k2, d, g, i, len, pending);
  };
  return table.unmap_range({ ...k, fn: { ...k.fn, gather_range_pending } }, domain, iova, len, gather);
};

const gatherStays: Functions['iommu_iotlb_sync'] = (k, domain, gather) => {
  if (gather.start < gather.end) k.fn.amd_iommu_iotlb_sync(k, domain, gather);
};

const freesBeforeFlush: Functions['amd_iommu_iotlb_sync'] = (k, domain, gather) => {
  iommu_put_pages_list(k, gather.freelist);
  k.fn.amd_iommu_domain_flush_pages(k, domain, gather.start, gather.end, gather.freelist.length > 0);
};

/* Before cb30dfa75d55: a size of 2^61 or more, times the bits of an item, is 0. */
const dividesBySize: Functions['iova_bitmap_offset_to_index'] = (k, pgshift, iova) => {
  const size = u64(BITS_PER_ITEM << pgshift);
  if (size === 0n) oops(k, 'divide-error', 'iova_bitmap_offset_to_index', `page_size 2^${pgshift}`);
  return iova / size;
};

export const FAULTS: readonly Fault[] = [
  seq('K01', 'batch_clear_carry() writes npfns[0] before it reads the last run', {
    batch_clear_carry: carryOverwrites,
  }),
  space('K03', 'uptr + length is not checked for overflow', { uptr_overflows: () => false }),
  space('K04', 'vfio-compat unmap of an empty range fails', {
    vfio_unmap_of_nothing: () => -2,
  }),
  dom('K05', 'gather_range_pending() adds no range where only NO_GAPS is set', {
    gather_range_pending: noRange,
  }),
  dom('K06', 'the completion wait returns at once where another CPU has queued it', {
    iommu_completion_wait: waitsForNobody,
  }),
  dom('K08', 'the item of a table is cleared before its children have succeeded', {
    unmap_child: clearsFirst,
  }),
  dom('K08b', 'a table is freed though the range does not cover it', { unmap_child: freesWhatIsNotCovered }),
  dom('K09', 'a table is replaced by a leaf without a flush of the walk caches', {
    map_range_flush: () => undefined,
  }),
  dom('K10', 'the flush covers what was asked for, not what was unmapped', {
    unmap_range: flushesWhatWasAsked,
  }),
  seq('K11', 'no batch_from_domain_continue(): the unmap stops inside a contiguous run', {
    batch_from_domain_continue: () => undefined,
  }),
  seq('K12', 'unpin before unmap', { unmap_and_unpin: unpinFirst }),
  seq('K12b', 'unmap without sync, then unpin', { iommu_unmap_nofail: unmapWithoutSync }),
  seq('K14', 'the storage domain is not switched when it departs', { unfill_one_of_several: storageStays }),
  seq('K15', 'error path of iopt_area_fill_domains(): every domain unpins', {
    fill_domains_unmap: everyDomainUnpins,
  }),
  seq('K15b', 'error path of iopt_area_fill_domains(): no domain unpins', {
    fill_domains_unmap: noDomainUnpins,
  }),
  other(
    'K16',
    'concurrent',
    'area->pages set outside of domains_rwsem',
    'planted in the machine: check pages-set-outside-domains-rwsem --cast domains --platform bare: domain-maps-the-areas; map, and an attach between the two sections: 2 calls, 2 switches, 14 steps, certified',
  ),
  other(
    'K18',
    'concurrent',
    'the IOVA is freed before the domains are unmapped',
    'planted in the machine: check iova-freed-before-unmap --platform bare: iova-is-empty-when-reused; map, unmap, and a map of the same IOVA between its two steps: 3 calls, 1 switch, 18 steps, certified',
  ),
  seq('K20', 'an access is matched by overlap', { iopt_pages_get_exact_access: overlapping }),
  seq('K22', 'num_locks is ignored by unmap', { is_locked: () => false }),
  seq('K24', 'npages without start_byte', { pages_for: (_start, length) => Math.ceil(length / PAGE_SIZE) }),
  seq('K25', 'priority of the spans swapped in iopt_pages_unfill_xarray()', { unfill_xarray_spans: swapped }),
  {
    id: 'K25b',
    by: 'equivalent',
    says: 'priority of the spans swapped in pfn_reader',
    change: { pfn_reader_spans: swapped },
    because:
      'both trees store the same pfn of an index; generated sequences see no difference (rows.test.ts)',
  },
  seq('K27', 'a cut at the last IOVA of an area is taken for one', { is_no_cut: () => false }),
  seq('K28', 'revoke without flush', { iopt_revoke_notify: revokeWithoutFlush }),
  seq('K28b', 'revoke leaves phys.len as it was', { set_revoked: () => undefined }),
  seq('K28c', 'a revoked area is unmapped again', { skips_revoked: () => false }),
  other(
    'K28d',
    'concurrent',
    'revoke of an area that is tracked and not filled yet',
    'planted in the machine: check fill-drops-mutex --cast dmabuf --platform bare: no-access-after-revoke; a map, and a revoke between its look at phys and its fill: 2 calls, 4 switches, 30 steps, certified. For a guest_memfd: check revoke-not-rechecked',
  ),
  { id: 'K30', says: 'flush queue: counter compared with <=', by: 'flush queue' },
  { id: 'K30b', says: 'flush queue: a full ring is emptied without a flush', by: 'flush queue' },
  {
    id: 'K30c',
    says: 'flush queue: no smp_mb() before start_cnt is read',
    by: 'flush queue',
  },
  seq('K32', 'IOAS_CHANGE_PROCESS counts shared pages once for each area', {
    clear_last_npinned: () => undefined,
  }),
  space('K33', 'a fixed IOVA is checked against the allowed list', {
    iopt_check_iova: (iopt, iova, length) => {
      const allowed = iopt.allowed_itree.nodes;
      const inside = allowed.some(({ node }) => iova >= node.start && iova + length - 1 <= node.last);
      return allowed.length > 0 && !inside ? -22 : LINUX_7_2_REPAIRED.iopt_check_iova(iopt, iova, length);
    },
  }),
  {
    ...space('K33b', 'an automatic IOVA ignores the allowed list', {
      allowed_spans: () => [[PAGE_SIZE, Number.MAX_SAFE_INTEGER - PAGE_SIZE]],
    }),
    breaks: 'automatic-iova-fits',
  },
  dirty('K35', 'a dirty bitmap is indexed by a division: page_size 2^61 and more divide by 0', {
    iova_bitmap_offset_to_index: dividesBySize,
  }),
  dirty('K35b', 'a dirty bitmap with page_size 0 is not refused', { is_no_page_size: () => false }),
  dirty('K35c', 'iova + length - 1 of a dirty bitmap is not checked for overflow', {
    dirty_last_iova: (iova, length) => u64(iova + length - 1n),
  }),
  dirty('K35d', 'dirty bits are cleared without a flush', { flush_dirty: () => undefined }),
  dom('K36', 'the gather is not made anew after a sync', { iommu_iotlb_sync: gatherStays }),
  dom('K36b', 'tables are freed before the flush', { amd_iommu_iotlb_sync: freesBeforeFlush }),
  other(
    'K38',
    'equivalent',
    'iova_to_phys() of 0 taken for a pfn',
    'Linux 7.2 does it; without a zap from outside it never comes to that (rows.test.ts, R28)',
  ),
];

export const faulty = (fault: Fault): Functions => ({ ...LINUX_7_2_REPAIRED, ...fault.change });

export function planted(id: string): Functions {
  const fault = FAULTS.find((each) => each.id === id);
  if (fault === undefined) throw new Error(`there is no ${id}`);
  return faulty(fault);
}

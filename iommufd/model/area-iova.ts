// Which IOVA an area may have: io_pagetable.c, iopt_alloc_iova() to iopt_insert_area().

import {
  interval_tree_double_span_iter_first,
  interval_tree_double_span_iter_next,
  interval_tree_insert,
  interval_tree_iter_first,
} from './interval-tree.ts';
import { IOMMU_WRITE } from './iommu.ts';
import {
  type Kernel,
  EEXIST,
  EINVAL,
  ENOSPC,
  EOVERFLOW,
  EPERM,
  PAGE_SIZE,
  ULONG_MAX,
  check_add,
  isAligned,
  lowestBit,
  roundup_pow_of_two,
  warn_on,
} from './kernel.ts';
import type { io_pagetable, iopt_area, iopt_pages } from './objects.ts';

const HPAGE_SIZE = 2 ** 21;

/** Where in [start, last] an aligned length begins, or null. */
function __alloc_iova_check_range(
  start: number,
  last: number,
  length: number,
  iova_alignment: number,
  page_offset: number,
): number | null {
  const up = check_add(start, iova_alignment - 1);
  if (up === null) return null;
  const up_aligned = up - (up % iova_alignment);
  const low = up_aligned % PAGE_SIZE;
  const aligned = up_aligned - low + (low | page_offset);
  if (aligned >= last || last - aligned < length - 1) return null;
  return aligned;
}

/** What allows an address: everything, where nothing is listed. */
export function allowed_spans(iopt: io_pagetable): [number, number][] {
  if (iopt.allowed_itree.nodes.length === 0) return [[PAGE_SIZE, ULONG_MAX - PAGE_SIZE]];
  const out: [number, number][] = [];
  for (const { node } of iopt.allowed_itree.nodes) {
    const start = Math.max(node.start, PAGE_SIZE);
    const last = Math.min(node.last, ULONG_MAX - PAGE_SIZE);
    if (start > last) continue;
    const before = out.at(-1);
    if (before !== undefined && start <= before[1] + 1) before[1] = Math.max(before[1], last);
    else out.push([start, last]);
  }
  return out;
}

function searchSpan(
  iopt: io_pagetable,
  allowed: readonly [number, number],
  length: number,
  alignment: number,
  page_offset: number,
): number | null {
  const from = __alloc_iova_check_range(allowed[0], allowed[1], length, alignment, page_offset);
  if (from === null) return null;
  const span = interval_tree_double_span_iter_first(iopt.reserved_itree, iopt.area_itree, from, allowed[1]);
  for (; span.is_used !== -1; interval_tree_double_span_iter_next(span)) {
    if (span.is_used !== 0) continue;
    const iova = __alloc_iova_check_range(span.start, span.last, length, alignment, page_offset);
    if (iova !== null) return iova;
  }
  return null;
}

/** Never returns IOVA 0. */
export function iopt_alloc_iova(
  k: Kernel,
  iopt: io_pagetable,
  addr: number,
  length: number,
): { readonly rc: number; readonly iova: number } {
  if (length === 0 || length >= Math.floor(ULONG_MAX / 2)) return { rc: EOVERFLOW, iova: 0 };
  const power = roundup_pow_of_two(length);
  let alignment = addr === 0 ? power : Math.min(power, lowestBit(addr));
  alignment = Math.min(alignment, HPAGE_SIZE);
  if (alignment < iopt.iova_alignment) return { rc: EINVAL, iova: 0 };
  for (const allowed of k.fn.allowed_spans(iopt)) {
    const iova = searchSpan(iopt, allowed, length, alignment, addr % PAGE_SIZE);
    if (iova !== null) return { rc: 0, iova };
  }
  return { rc: ENOSPC, iova: 0 };
}

/** For a fixed IOVA: the allowed list is not asked. */
export function iopt_check_iova(iopt: io_pagetable, iova: number, length: number): number {
  if (!isAligned(iova, iopt.iova_alignment)) return EINVAL;
  const last = check_add(iova, length - 1);
  if (last === null) return EOVERFLOW;
  if (interval_tree_iter_first(iopt.reserved_itree, iova, last) !== null) return EINVAL;
  if (interval_tree_iter_first(iopt.area_itree, iova, last) !== null) return EEXIST;
  return 0;
}

/** With pages of NULL: not set up yet. */
export function iopt_insert_area(
  k: Kernel,
  iopt: io_pagetable,
  area: iopt_area,
  pages: iopt_pages,
  iova: number,
  start_byte: number,
  length: number,
  iommu_prot: number,
): number {
  if ((iommu_prot & IOMMU_WRITE) !== 0 && !pages.writable) return EPERM;
  area.iommu_prot = iommu_prot;
  area.page_offset = start_byte % PAGE_SIZE;
  if (!isAligned(area.page_offset, iopt.iova_alignment)) return EINVAL;
  const last = check_add(iova, length - 1);
  if (last === null) return EOVERFLOW;
  area.node.start = iova;
  area.node.last = last;
  const last_byte = check_add(start_byte, length - 1);
  if (last_byte === null) return EOVERFLOW;
  area.pages_node.start = Math.floor(start_byte / PAGE_SIZE);
  area.pages_node.last = Math.floor(last_byte / PAGE_SIZE);
  const beyond = area.pages_node.last >= pages.npages;
  if (warn_on(k, beyond, 'iopt_insert_area', `index ${area.pages_node.last} of ${pages.npages} pages`))
    return EOVERFLOW;
  area.iopt = iopt;
  area.inserted = true;
  interval_tree_insert(iopt.area_itree, area.node, area);
  return 0;
}

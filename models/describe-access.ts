// Words for the steps of in-kernel access (cast `access`).

import { area, iova } from './describe-words.ts';

type Words = readonly [text: string, answer?: (answer: number) => string];
interface OfRange {
  readonly start: number;
  readonly end: number;
}
interface AtIova {
  readonly iova: number;
  readonly pfn?: number;
}

export const ACCESS_WORDS = {
  iopt_area_num_accesses: (s: OfRange): Words => [
    `area->num_accesses in ${iova(s)}`,
    (a) => (a === 0 ? 'none' : `of ${area(a - 1)}`),
  ],
  iopt_area_prevent_access: (s: OfRange): Words => [`area->prevent_access = true, ${iova(s)}`],
  iopt_area_contig: (s: AtIova): Words => [
    `iopt_area_contig_init() iova ${s.iova}`,
    (a) => (a < 2 ? (a === 0 ? 'no area' : 'prevent_access') : area(a - 2)),
  ],
  iopt_area_add_access: (s: OfRange): Words => [`area->num_accesses++ ${iova(s)}`],
  iopt_area_remove_access: (s: OfRange): Words => [`area->num_accesses-- ${iova(s)}`],
  iopt_pages_xa_store: (s: AtIova): Words => [`xa_store(&pages->pinned_pfns) iova ${s.iova} -> pfn ${s.pfn}`],
  iopt_pages_xa_erase: (s: OfRange): Words => [`xa_erase(&pages->pinned_pfns) ${iova(s)}`],
  staccess_items: (): Words => ['the pages that the driver has', (a) => (a === 0 ? 'none' : area(a - 1))],
  batch_rw: (s: AtIova & { readonly write: boolean }): Words => [
    `batch_rw(): ${s.write ? 'memcpy() to' : 'memcpy() from'} iova ${s.iova}, pfn ${s.pfn}`,
  ],
};

// Alexey Kardashevskiy, [RFC PATCH kernel] iommufd: Allow mapping from KVM's guest_memfd, 25 Feb 2026.
// No reference, no notification: page state changes and shrinking are the VMM's to handle.
// The functions that the mail changes; what it leaves alone is in api/pages.ts. The mail is a diff against a tree of
// its own, with KVM_SET_MEMORY_ATTRIBUTES2: rfc-v2 stands in for it, as it has large folios and conversion in place.

import {
  type Errno,
  type Pfn,
  type PfnBatch,
  type PfnReader,
  type Pinned,
  type Policy,
  type Result,
  type Steps,
  batch_add_pfn_num,
  call,
  folio_order,
  folio_put,
  folio_test_large,
  folio_unlock,
  iopt_pages_of,
  iopt_pages_sub_npinned,
  kvm_gmem_get_folio,
  wild_pointer,
} from '../api/index.ts';

/** Of a folio that may no longer be what it was. */
function* folio_nr_pages(folio: Pfn, huge: number): Steps<number> {
  return huge > 1 && (yield* folio_test_large(folio)) ? huge : 1;
}

/**
 * Returns a bare pointer and the size of its folio: the reference is dropped (before the unlock) and none is kept.
 * Neither cleared nor prepared, and no look at the attribute.
 */
function* kvm_gmemfd_get_pfn(index: number, huge: number): Steps<{ folio: Pfn; nr_pages: number } | null> {
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) {
    /* `if (!folio)`: an ERR_PTR passes, and folio_pfn() follows it */
    yield* wild_pointer('ERR_PTR');
    return null;
  }
  const nr_pages = huge > 1 && (yield* folio_order(pfn)) ? huge : 1;
  yield* folio_put(pfn);
  yield* folio_unlock(pfn);
  return { folio: pfn - (index % nr_pages), nr_pages };
}

/* MODEL: offset_in_folio() is read once for each folio; for the first one the mail reads it twice. */
function* pin_guest_memfd_pages(start: number, npages: number, huge: number): Steps<Pinned | Errno> {
  const ufolios: Pfn[] = [];
  let offset = 0;
  let uptr = start;
  while (uptr - start < npages) {
    const found = yield* call(kvm_gmemfd_get_pfn, uptr, huge);
    if (found === null) return '-ENOMEM';
    const { folio, nr_pages } = found;
    const offset_in_folio = uptr % (yield* folio_nr_pages(folio, huge));
    if (uptr === start) offset = offset_in_folio;
    ufolios.push(folio);
    uptr += nr_pages - offset_in_folio;
  }
  return { ufolios, offset, npages };
}

/** do_pin is false: no folio_add_pins(). The size of each folio is read anew, without a lock or a reference. */
function* batch_from_folios(pfns: PfnReader, npages: number, huge: number): Steps<Result> {
  while (npages > 0) {
    if (pfns.ufolios_next >= pfns.ufolios.length) {
      yield* wild_pointer('ufolios');
      return '-EFAULT';
    }
    const folio = pfns.ufolios[pfns.ufolios_next];
    const rest = (yield* folio_nr_pages(folio, huge)) - pfns.ufolios_offset;
    /* unsigned: below 0 it is more than any npages */
    const nr = rest < 0 ? npages : Math.min(rest, npages);
    npages -= nr;
    if (!batch_add_pfn_num(pfns.batch, folio + pfns.ufolios_offset, nr)) break;
    pfns.ufolios_next++;
    pfns.ufolios_offset = 0;
  }
  return 0;
}

/** do_unpin is false: nothing is unpinned, and npinned goes down all the same. */
function* batch_unpin(batch: PfnBatch): Steps<void> {
  for (const npfns of batch.npfns) yield* iopt_pages_sub_npinned(npfns);
}

const { iopt_area_fill_domains, iopt_area_unfill_domains } = iopt_pages_of({
  pin_pages: pin_guest_memfd_pages,
  batch_from_folios,
  batch_unpin,
});

export const vmmRemap: Policy = {
  name: 'vmm-remap',
  title: 'vmm-remap (RFC, 25 Feb 2026)',
  source: 'Alexey Kardashevskiy, 25 Feb 2026, [RFC PATCH kernel] iommufd: Allow mapping from KVM guest_memfd',
  base: 'rfc-v2',
  vmm: { unmap_before: true, map_after: true, unmap_before_punch: true },
  ioas_map_file: iopt_area_fill_domains,
  ioas_unmap: iopt_area_unfill_domains,
  /* iommufd_access_rw() and iommufd_access_pin_pages() are left as they are: no look at what the page is */
  *access_page() {
    return 0;
  },
};

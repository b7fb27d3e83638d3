// Pages and their content.

import { inEachPage } from './questions.ts';
import { AXIOM, type Invariant } from './row.ts';

export const CONTENT_OF_PAGES = [
  {
    ...AXIOM,
    name: 'size-in-sync-with-shareability',
    says: 'Outside invalidate_lock a huge folio holds no shared index.',
    source: 'Ackerley Tng, Jun 2025, Re: [RFC PATCH v2 38/51]',
    partner: 'folio-split',
    breaches: [
      {
        outcome: 'huge folio',
        at: (q) => {
          const { page_cache, private: attribute } = q.at;
          const { pages, lockAt } = q.machine;
          const { writer } = lockAt.invalidate_lock;
          return (m) => {
            if (m[writer] !== 0) return -1;
            for (let index = 0; index < pages; index++) {
              const pfn = m[page_cache + index] - 1;
              if (pfn < 0 || m[attribute + index] !== 0) continue;
              if (q.view.folioPages(m, q.view.head(m, pfn)) > 1) return index;
            }
            return -1;
          };
        },
        witness: (q, m, index) =>
          `index ${index} is shared and inside the huge folio of pfn ${m[q.at.page_cache + index] - 1}`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'zeroed-before-first-use',
    says: 'Nobody reads a page of guest_memfd before it was cleared.',
    source: '[PATCH v8 21/46]: zeroed at most once; kvm_gmem_get_pfn() clears what is not up to date',
    partner: 'page-cleared',
    breaches: [
      {
        outcome: 'stale data',
        event: 'stale-data-used',
        witness: 'a page is read that still holds what its last owner left',
      },
      {
        outcome: 'measured',
        event: 'stale-data-measured',
        witness: "what the last owner of a page has left becomes part of the guest's image",
      },
    ],
  },
  {
    ...AXIOM,
    name: 'populate-of-unassigned-private',
    says: 'The initial image goes to private gfns, and on SNP to pages that no guest has.',
    source: '__kvm_gmem_populate(): -EINVAL; sev_gmem_post_populate(): -EEXIST',
    partner: 'populated',
    breaches: [
      {
        outcome: 'shared gfn',
        event: 'populated-shared',
        witness: 'a page of a shared gfn becomes part of the image',
      },
      {
        outcome: 'assigned page',
        event: 'populated-assigned',
        witness: 'firmware is given a page that is assigned already',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'populate-keeps-its-leaf',
    says: 'While populate runs, the S-EPT leaf that it has added stays: slots_lock keeps memslots out, invalidate_lock guest_memfd.',
    source: 'tdx_gmem_post_populate(), comment',
    partner: 'populated',
    breaches: [
      {
        outcome: 'S-EPT',
        event: 'populated-leaf-gone',
        witness: 'TDH.MR.EXTEND finds no leaf where populate has just added one',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'neighbour-content-survives',
    says: 'What guest or device has written stays as it is until its page is truncated, or changes from private to shared or back; the kernel itself does not zero it then.',
    source:
      'kvm_gmem_get_pfn() clears what is not up to date; kvm_gmem_zero_range() of RFC v2; Suzuki K Poulose, 5 Jul 2026, Re: [PATCH v8 13/46]; Fuad Tabba, 19 Jun 2026, Re: [PATCH v8 15/46]',
    partner: 'page-cleared',
    breaches: [
      { outcome: 'wiped by a hole', event: 'data-wiped', witness: 'a hole zeroes data outside its range' },
      {
        outcome: 'cleared after use',
        event: 'data-cleared',
        witness: 'a page is cleared that guest or device had written to',
      },
      {
        outcome: 'zapped with the range',
        event: 'content-lost-beside',
        witness: 'a conversion has taken the data of a page from the guest that stays private all along',
      },
      {
        outcome: 'wiped by a conversion',
        event: 'wiped-by-conversion',
        witness: 'a conversion zeroes a page that guest or device had written to',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'same-pfn-across-conversion',
    says: 'A conversion in place leaves each page in the page cache: the other kind is the same page.',
    source:
      '[PATCH v8 00/46], cover letter, on a test that converted and looked at another page (docs/objections.md D38)',
    partner: 'converted-to-shared',
    breaches: [
      {
        outcome: 'page cache',
        event: 'converted-page-removed',
        witness: 'a conversion takes a page of its range out of the page cache',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'attributes-total',
    says: 'Every index has an attribute: the tree has no gap, for a lookup that finds none can only guess.',
    source: 'Binbin Wu, 22 Jun 2026, Sean Christopherson, 23 Jun 2026, Re: [PATCH v8 01/46]',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'gap',
        at: (q) =>
          q.at.attribute_missing === undefined
            ? null
            : (m) => inEachPage(q, (index) => m[q.at.attribute_missing + index] === 1),
        witness: (_q, _m, index) => `index ${index} has no entry in the tree of attributes`,
      },
    ],
  },
] satisfies readonly Invariant[];

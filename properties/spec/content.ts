// Pages and their content.

import { SEPT } from '../../models/machine.ts';
import type { StepOf } from '../../models/steps/row.ts';
import { cpuTouch, dmaMade } from './access-made.ts';
import {
  type Made,
  cachedAt,
  either,
  holdsForWrite,
  isStale,
  on,
  somePage,
  somePfn,
  zeroes,
} from './made.ts';
import { type Questions, inEachPage } from './questions.ts';
import { AXIOM, type Invariant, type M } from './row.ts';

/** invalidate_lock is dropped by a conversion that has something to change. */
export const endsConversion = ({ at }: Questions, step: StepOf<'unlock'>, m: M): boolean =>
  step.lock === 'invalidate_lock' &&
  step.mode === 'write' &&
  at.converting !== undefined &&
  m[at.converting] !== 0;
/** It has taken the data of a page from the guest, whose page it is after all. */
export const lostByConversion = (q: Questions, m: M): boolean =>
  somePage(q, (index) => m[q.at.private + index] === 1 && ((m[q.at.content_lost] >> index) & 1) === 1);
const isConverting = (q: Questions, { before, thread }: Made): boolean =>
  q.at.converting !== undefined &&
  before[q.at.converting] !== 0 &&
  holdsForWrite(q, before, thread, 'invalidate_lock');

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
        definition: (q, made) => {
          const dma = dmaMade(q, made);
          if (dma !== null) return !dma.write && dma.outcome === 'ok' && isStale(q, made.before, dma.pfn);
          const cpu = cpuTouch(q, made);
          return cpu !== null && cpu.outcome === 'ok' && cpu.reads && isStale(q, made.before, cpu.pfn);
        },
        witness: 'a page is read that still holds what its last owner left',
      },
      {
        outcome: 'measured',
        event: 'stale-data-measured',
        /* TDH.MEM.PAGE.ADD copies the source: what the page held is gone */
        definition: on(
          'snp_launch_update',
          (q, { pfn }, { before, answer }) => answer === 1 && isStale(q, before, pfn),
        ),
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
        definition: either(
          on(
            'snp_launch_update',
            (q, { index }, { before, answer }) => answer === 1 && !q.view.isPrivate(before, index),
          ),
          on(
            'tdh_mem_page_add',
            (q, { index }, { before, answer }) => answer === 1 && !q.view.isPrivate(before, index),
          ),
        ),
        witness: 'a page of a shared gfn becomes part of the image',
      },
      {
        outcome: 'assigned page',
        event: 'populated-assigned',
        definition: on(
          'snp_launch_update',
          (q, { pfn }, { before }) => before[q.at.rmp_assigned + pfn] === 1,
        ),
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
        definition: on(
          'tdh_mr_extend',
          (q, { index }, { before }) => before[q.at.sept + index] !== SEPT.mapped,
        ),
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
      {
        outcome: 'wiped by a hole',
        event: 'data-wiped',
        definition: on('gmem_zero_range', (q, { start, end }, made) =>
          somePfn(q, (pfn) => {
            const index = q.view.indexOf(made.before, pfn);
            return zeroes(q, made, pfn) && !(index >= start && index < end);
          }),
        ),
        witness: 'a hole zeroes data outside its range',
      },
      {
        outcome: 'cleared after use',
        event: 'data-cleared',
        definition: on('clear_highpage', (q, _step, made) => somePfn(q, (pfn) => zeroes(q, made, pfn))),
        witness: 'a page is cleared that guest or device had written to',
      },
      {
        outcome: 'zapped with the range',
        event: 'content-lost-beside',
        definition: on(
          'unlock',
          (q, step, { before }) =>
            endsConversion(q, step, before) && lostByConversion(q, before) && before[q.at.converted] !== 0,
        ),
        witness: 'a conversion has taken the data of a page from the guest that stays private all along',
      },
      {
        outcome: 'wiped by a conversion',
        event: 'wiped-by-conversion',
        definition: on(
          'gmem_zero_range',
          (q, _step, made) => isConverting(q, made) && somePfn(q, (pfn) => zeroes(q, made, pfn)),
        ),
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
        definition: on(
          'filemap_remove_folio',
          (q, _step, made) =>
            isConverting(q, made) &&
            somePage(
              q,
              (index) =>
                cachedAt(q, made.before, index) >= 0 &&
                cachedAt(q, made.after, index) < 0 &&
                ((made.before[q.at.converting] >> index) & 1) === 1,
            ),
        ),
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

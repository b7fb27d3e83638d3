// What calls return, and that they do.

import { AREA } from '../../models/machine.ts';
import { endsConversion, lostByConversion } from './content.ts';
import { cachedAt, either, on, resultText, some, somePage } from './made.ts';
import type { Questions } from './questions.ts';
import { AXIOM, type Invariant, type M } from './row.ts';

const hasFailed = (result: unknown): boolean => resultText(result) !== '0';

/** Answer of a split or a merge that finds an extra reference. */
const BUSY = 2;
const isInHugeFolio = (q: Questions, m: M, index: number): boolean => {
  const pfn = cachedAt(q, m, index);
  return pfn >= 0 && q.view.folioPages(m, q.view.head(m, pfn)) > 1;
};
/** A page of the huge page that the index is in has a pin. */
function isPinnedAround(q: Questions, m: M, index: number): boolean {
  const { huge } = q.machine;
  const pfn = cachedAt(q, m, index);
  const start = pfn - (pfn % huge);
  return some({ start, end: start + huge }, (page) => m[q.at.pins + page] > 0);
}

export const CALLS = [
  {
    ...AXIOM,
    name: 'all-or-nothing',
    says: 'A map that fails leaves no IOPTE behind; a conversion is whole when it returns 0, and undone where it returns an error.',
    source:
      'iopt_area_fill_domains(): "All domains are left unchanged"; Ackerley Tng, Jun 2025, Re: [RFC PATCH v2 38/51]',
    partner: 'call-failed',
    breaches: [
      {
        outcome: 'map',
        event: 'map-failed-leaving-ioptes',
        definition: (q, { after, returned }) =>
          returned !== null &&
          hasFailed(returned.result) &&
          returned.call.word.startsWith('map') &&
          some(
            returned.call.range,
            (iova) => after[q.at.iopte + iova] !== 0 && after[q.at.area + iova] === AREA.none,
          ),
        witness: 'IOMMU_IOAS_MAP_FILE has failed and IOPTEs of its range are left',
      },
      {
        outcome: 'not converted',
        event: 'conversion-not-done',
        definition: on(
          'convert_returns',
          (q, step, { before }) =>
            !step.failed &&
            some(step, (index) => before[q.at.private + index] !== (step.to === 'private' ? 1 : 0)),
        ),
        witness: 'a conversion returns 0 and an index of its range has the old attribute',
      },
      {
        outcome: 'attributes',
        event: 'conversion-half-done',
        definition: on(
          'convert_returns',
          (q, { failed }, { before }) =>
            failed &&
            somePage(
              q,
              (index) => before[q.at.private + index] !== ((before[q.at.convert_private] >> index) & 1),
            ),
        ),
        witness: 'a conversion has failed and an attribute is not what it was before',
      },
      {
        outcome: 'part of the range',
        event: 'conversion-partial',
        definition: on(
          'unlock',
          (q, step, { before }) =>
            endsConversion(q, step, before) &&
            before[q.at.converted] !== 0 &&
            before[q.at.converted] !== before[q.at.converting],
        ),
        witness: 'a conversion drops invalidate_lock with a part of its range changed',
      },
      {
        outcome: 'folios',
        event: 'conversion-left-structure',
        definition: on(
          'convert_returns',
          (q, { failed }, { before }) =>
            failed &&
            somePage(
              q,
              (index) =>
                isInHugeFolio(q, before, index) !== (((before[q.at.convert_huge] >> index) & 1) === 1),
            ),
        ),
        witness: 'a conversion has failed and a folio has not the size that it had before',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-zap-before-point-of-no-return',
    says: 'A conversion that fails has taken nothing from the guest: no private leaf of the S-EPT, whose removal destroys what the page holds, no RMP entry.',
    source:
      'Yan Zhao, Jun 2025, Re: [RFC PATCH v2 38/51] and the TDX thread: what can fail comes before the unmap',
    partner: 'call-failed',
    breaches: [
      {
        outcome: 'S-EPT',
        event: 'conversion-failed-after-remove',
        definition: on(
          'convert_returns',
          (q, { failed }, { before }) => failed && before[q.at.convert_lost] === 1,
        ),
        witness:
          'a conversion has failed after it removed a private leaf; the guest finds its page not accepted',
      },
      {
        outcome: 'data',
        event: 'content-lost-in-refusal',
        definition: on(
          'unlock',
          (q, step, { before }) =>
            endsConversion(q, step, before) && lostByConversion(q, before) && before[q.at.converted] === 0,
        ),
        witness:
          'a conversion that changes nothing has removed the S-EPT leaf or RMP entry of a page with data',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'errno-as-documented',
    says: 'A call returns 0 or one of its documented errnos.',
    source: 'Documentation/virt/kvm/api.rst, include/uapi/linux/iommufd.h',
    partner: 'call-failed',
    breaches: [
      {
        outcome: 'errno',
        event: 'errno-undocumented',
        definition: (_q, { returned }) =>
          returned !== null &&
          hasFailed(returned.result) &&
          !returned.call.errnos.includes(resultText(returned.result)),
        witness: 'a call returns an errno that it does not document',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'error-offset-in-range',
    says: 'A refused conversion says where, inside its range.',
    source: 'KVM_GMEM_CONVERT_*: error_offset',
    partner: 'conversion-refused',
    breaches: [
      {
        outcome: 'error_offset',
        event: 'error-offset-out-of-range',
        definition: (q, { returned }) => {
          if (returned === null || !hasFailed(returned.result)) return false;
          const { call, result } = returned;
          /* of v8: -EAGAIN and -ENOMEM have an offset */
          if (
            q.machine.config.base === 'v8' &&
            call.word.startsWith('convert') &&
            (result === '-EAGAIN' || result === '-ENOMEM')
          )
            return true;
          if (typeof result !== 'object' || result === null || !('error_offset' in result)) return false;
          const offset = Number(result.error_offset);
          return !(offset >= call.range.start && offset < call.range.end);
        },
        witness: 'error_offset lies outside the range of the call',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-unbounded-retry',
    says: 'The kernel does not busy-wait for something that user space may hold for ever.',
    source: 'Yan Zhao, Jun 2025: filemap_remove_folio_for_restructuring() spins with invalidate_lock held',
    partner: 'call-returned',
    gravity: 10,
    breaches: [
      {
        outcome: 'spin',
        event: 'spin-on-user-reference',
        definition: either(
          on(
            'split_folio',
            (q, { index }, { before, answer }) => answer === BUSY && isPinnedAround(q, before, index),
          ),
          on(
            'merge_folio',
            (q, { index }, { before, answer }) => answer === BUSY && isPinnedAround(q, before, index),
          ),
        ),
        witness: 'folio_ref_freeze() spins on a pin, invalidate_lock held',
      },
      {
        outcome: 'unsigned index',
        event: 'loop-without-end',
        definition: (_q, { step }) => step?.op === 'index_wraps',
        witness: 'a loop counts an unsigned index down to a start of 0, invalidate_lock held',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'every-call-returns',
    says: 'No deadlock: while a call is in flight there is somebody who can go on.',
    source: 'lockdep, hung task detector; rmpupdate() loops for ever on RMPUPDATE_FAIL_OVERLAP',
    partner: 'call-returned',
    gravity: 12,
    breaches: [
      {
        outcome: 'stuck',
        event: 'stuck',
        definition: 'of the search',
        witness: 'a call is blocked, and nobody is left who could unblock it',
      },
    ],
  },
] satisfies readonly Invariant[];

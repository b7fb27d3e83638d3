// What calls return, and that they do.

import { AXIOM, type Invariant } from './row.ts';

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
        witness: 'IOMMU_IOAS_MAP_FILE has failed and IOPTEs of its range are left',
      },
      {
        outcome: 'not converted',
        event: 'conversion-not-done',
        witness: 'a conversion returns 0 and an index of its range has the old attribute',
      },
      {
        outcome: 'attributes',
        event: 'conversion-half-done',
        witness: 'a conversion has failed and an attribute is not what it was before',
      },
      {
        outcome: 'part of the range',
        event: 'conversion-partial',
        witness: 'a conversion drops invalidate_lock with a part of its range changed',
      },
      {
        outcome: 'folios',
        event: 'conversion-left-structure',
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
        witness:
          'a conversion has failed after it removed a private leaf; the guest finds its page not accepted',
      },
      {
        outcome: 'data',
        event: 'content-lost-in-refusal',
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
        witness: 'folio_ref_freeze() spins on a pin, invalidate_lock held',
      },
      {
        outcome: 'unsigned index',
        event: 'loop-without-end',
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
        witness: 'a call is blocked, and nobody is left who could unblock it',
      },
    ],
  },
] satisfies readonly Invariant[];

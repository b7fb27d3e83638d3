// AMD SEV-SNP: the RMP check of one DMA access, after the IO page table. The RMP does not translate and does not fix
// sizes: yes or no. One host-owned table per domain holds private and shared pages at their GPA.

import { P, match } from 'ts-pattern';
import {
  type Pfn,
  type Range,
  type Result,
  type Steps,
  call,
  copy_to_page,
  fput,
  get_file_active,
  gfn_to_memslot,
  psmash,
  rmp_make_shared,
  snp_launch_update as firmware_launch_update,
  snp_lookup_rmpentry,
} from '../../api/index.ts';
import { type Fact, range } from '../describe-iommu.ts';
import type { Machine } from '../machine.ts';
import { type DmaCase, HOSTS, type Outcome, PRIVATE, type Verdicts, unhindered } from './outcomes.ts';
import { type Assumption, type LaunchParts, type Platform, type Populated, T0, T1 } from './row.ts';

const ASSUMPTIONS = [
  {
    name: 'snp.rmpupdate-flushes-iotlb',
    default: true,
    says:
      'RMPUPDATE and PSMASH drop IOTLB entries of the page, and what was translated through them is checked again ' +
      '(of RMPUPDATE: A. Kardashevskiy, 24 Jun 2025; of PSMASH nothing was found; no manual read).',
    otherwise: 'a warm IOTLB entry from before the conversion is used unchecked',
  },
  {
    name: 'snp.io-read-of-private-faults',
    default: true,
    says: 'An untrusted device that reads a private page gets a fault; otherwise it reads ciphertext.',
    otherwise: 'an untrusted read of a private page returns ciphertext',
  },
  {
    name: 'snp.2m-iopte-over-4k-shared-rmp-is-ok',
    default: true,
    says: 'A 2M IOPTE over 4K RMP entries that are all shared passes the check.',
    otherwise: 'a 2M IOPTE over 4K RMP entries fails the check',
  },
  {
    name: 'snp.dma-to-unvalidated-faults',
    default: true,
    says: 'A trusted device that touches an assigned page before PVALIDATE gets a fault.',
    otherwise: 'a trusted device reaches a page before PVALIDATE',
  },
  {
    name: 'snp.translated-requests-are-checked',
    default: true,
    ats: true,
    says: 'A translated request of a device with ATS is checked against the RMP as any other (no manual read).',
    otherwise: 'a translation that the device has kept is used unchecked',
  },
] as const satisfies readonly Assumption[];
type Assumed = { readonly [K in (typeof ASSUMPTIONS)[number]['name']]: boolean };

const OF_ITS_GFN = P.union('private 4K', 'private 2M', 'private unaccepted', 'private unaccepted 2M');
const verdicts =
  (assumed: Assumed): Verdicts =>
  (dma) =>
    match<DmaCase, Outcome>(dma)
      /* a trusted device's private-type access: assigned, ASID, gfn and size must match */
      .with({ trusted: true, private: true, page: 'private 4K', leaf: '4K' }, () => 'ok')
      .with({ trusted: true, private: true, page: 'private 2M', leaf: '2M' }, () => 'ok')
      .with(
        { trusted: true, private: true, page: 'private unaccepted', leaf: '4K' },
        { trusted: true, private: true, page: 'private unaccepted 2M', leaf: '2M' },
        () => (assumed['snp.dma-to-unvalidated-faults'] ? 'contained fault' : 'ok'),
      )
      .with({ trusted: true, private: true }, () => 'contained fault')
      /* every other access is the hypervisor's: no page in the region may be assigned */
      .with({ page: P.union(...PRIVATE), write: false }, () =>
        assumed['snp.io-read-of-private-faults'] ? 'contained fault' : 'ciphertext read',
      )
      .with({ page: P.union(...PRIVATE), write: true }, () => 'contained fault')
      .with({ page: 'shared in mixed 2M', leaf: '2M', write: false }, () =>
        assumed['snp.io-read-of-private-faults'] ? 'contained fault' : 'ok',
      )
      .with({ page: 'shared in mixed 2M', leaf: '2M', write: true }, () => 'contained fault')
      .with({ page: 'shared in mixed 2M', leaf: '4K' }, () => 'ok')
      .with({ page: 'shared', leaf: '2M' }, () =>
        assumed['snp.2m-iopte-over-4k-shared-rmp-is-ok'] ? 'ok' : 'contained fault',
      )
      .with({ page: 'shared', leaf: '4K' }, () => 'ok')
      .with({ page: P.union(...HOSTS) }, unhindered)
      .exhaustive();

/**
 * The access went through an IOTLB entry whose check was made when the page was shared: RMPUPDATE did not
 * flush it.
 */
const unchecked = (dma: DmaCase): Outcome =>
  match<DmaCase, Outcome>(dma)
    .with({ trusted: true, private: true, page: OF_ITS_GFN }, () => 'ok')
    .with({ page: P.union(...PRIVATE), write: true }, () => 'integrity violation')
    .with({ page: P.union(...PRIVATE), write: false }, () => 'ciphertext read')
    .with({ page: P.union(...HOSTS) }, unhindered)
    .exhaustive();

/** sev_gmem_post_populate() */
function* sev_gmem_post_populate(gfn: number, pfn: Pfn): Steps<Result> {
  if (yield* snp_lookup_rmpentry(pfn)) return '-EEXIST';
  yield* copy_to_page(pfn);
  /* nobody has looked at the RMP entry again; where firmware refuses, the page is shared after this step */
  return (yield* firmware_launch_update(gfn, pfn)) ? 0 : '-EIO';
}

const launchUpdate = ({ populate }: LaunchParts) => {
  const refused = (result: Result): Populated => ({ result, last: false });
  /** One call of kvm_gmem_populate() for all of the range. Whatever failed in it, user space is told -EIO. */
  return function* snp_launch_update(range: Range): Steps<Populated> {
    if ((yield* gfn_to_memslot(range.start)) !== 'valid') return refused('-EINVAL');
    if (!(yield* get_file_active(range.start))) return refused('-EIO');
    const failed = (yield* call(populate, range)) !== 0;
    return { result: failed ? '-EIO' : 0, last: yield* fput() };
  };
};

const rmpFact =
  ({ at }: Machine) =>
  (pfn: number): Fact => ({
    field: `RMP[pfn ${pfn}]`,
    slots: ['rmp_assigned', 'rmp_2m', 'rmp_gfn', 'rmp_validated'].map((name) => at[name] + pfn),
    value: (m) => {
      if (m[at.rmp_assigned + pfn] === 0) return 'shared';
      const size = m[at.rmp_2m + pfn] === 1 ? '2M' : '4K';
      const validated = m[at.rmp_validated + pfn] === 1 ? '' : 'not ';
      return `gfn ${m[at.rmp_gfn + pfn]}, ${size}, ${validated}validated`;
    },
  });

export const sevSnp = {
  arch: { maps_private: true, leaf_size_is_checked: true },
  streams: [T0, T1],
  vmsa: true,
  fields: ({ pfns, PAGE }) => [
    ['rmp_assigned', 'flag', 1, pfns, 'pfn'],
    ['rmp_2m', 'flag', 1, pfns, 'pfn'],
    ['rmp_gfn', 'index', PAGE, pfns, 'pfn'],
    ['rmp_validated', 'flag', 1, pfns, 'pfn'],
  ],
  owned: 'rmp_assigned',
  dirty: null,
  rmp: (assumed: Assumed) => ({
    flushesIotlb: assumed['snp.rmpupdate-flushes-iotlb'],
    checksTranslated: assumed['snp.translated-requests-are-checked'],
    checksReads: assumed['snp.io-read-of-private-faults'],
  }),
  mirror: null,
  verdicts,
  unchecked: () => unchecked,
  guestPage: (at) => (m, pfn, gfn) => {
    if (m[at.rmp_gfn + pfn] !== gfn) return 'private elsewhere';
    const is2m = m[at.rmp_2m + pfn] === 1;
    if (m[at.rmp_validated + pfn] === 0) return is2m ? 'private unaccepted 2M' : 'private unaccepted';
    return is2m ? 'private 2M' : 'private 4K';
  },
  /* #NPF with the RMP bit; user space hears of it only where the attribute is of the other kind */
  guestAccess: (at) => (m, gfn, isPrivate, pfn) => {
    const assigned = m[at.rmp_assigned + pfn] === 1;
    return isPrivate === assigned && (!assigned || m[at.rmp_gfn + pfn] === gfn) ? 'passes' : 'refused';
  },
  mistakes: { sharedDma: 'contained', hostAccess: 'machine check' },
  /** sev_gmem_invalidate() */
  *gmem_invalidate(index, huge) {
    if (huge) yield* psmash(index);
    yield* rmp_make_shared(index);
  },
  launch: { region: launchUpdate, post_populate: sev_gmem_post_populate, refusesPrepared: true },
  assumptions: ASSUMPTIONS,
  granted: [],
  failures: [],
  facts: (machine) => range(machine.pfns).map(rmpFact(machine)),
  leak: 'a device reads a page that was freed',
  letThrough: (at, m, pfn) =>
    m[at.rmp_assigned + pfn] === 0
      ? `RMP[pfn ${pfn}] is not assigned, so its check lets the access through`
      : null,
} satisfies Platform;

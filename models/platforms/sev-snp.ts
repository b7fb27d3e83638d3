// AMD SEV-SNP: the RMP check of one DMA access, after the IO page table. The RMP does not translate and does
// not fix sizes: yes or no.
// One host-owned table per domain holds private and shared pages at their GPA.

import { P, match } from 'ts-pattern';
import type { Assumptions } from '../bounds.ts';
import type { DmaCase, Outcome, Verdicts } from './outcomes.ts';

const OF_ITS_GFN = P.union('private 4K', 'private 2M', 'private unaccepted', 'private unaccepted 2M');
const PRIVATE = P.union(OF_ITS_GFN, 'private elsewhere', 'private removed');

export const sevSnpVerdicts =
  (assumed: Assumptions): Verdicts =>
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
      .with({ page: PRIVATE, write: false }, () =>
        assumed['snp.io-read-of-private-faults'] ? 'contained fault' : 'ciphertext read',
      )
      .with({ page: PRIVATE, write: true }, () => 'contained fault')
      .with({ page: 'shared in mixed 2M', leaf: '2M', write: false }, () =>
        assumed['snp.io-read-of-private-faults'] ? 'contained fault' : 'ok',
      )
      .with({ page: 'shared in mixed 2M', leaf: '2M', write: true }, () => 'contained fault')
      .with({ page: 'shared in mixed 2M', leaf: '4K' }, () => 'ok')
      .with({ page: 'shared', leaf: '2M' }, () =>
        assumed['snp.2m-iopte-over-4k-shared-rmp-is-ok'] ? 'ok' : 'contained fault',
      )
      .with({ page: 'shared', leaf: '4K' }, () => 'ok')
      .with({ page: 'live elsewhere', write: true }, () => 'integrity violation')
      .with({ page: P.union('stale', 'live elsewhere') }, () => 'DMA lost silently')
      .with({ page: 'free', write: true }, () => 'host corruption')
      .with({ page: 'free', write: false }, () => 'confidential leak')
      .exhaustive();

/**
 * The access went through an IOTLB entry whose check was made when the page was shared: RMPUPDATE did not
 * flush it.
 */
export const uncheckedSnpVerdict = (dma: DmaCase): Outcome =>
  match<DmaCase, Outcome>(dma)
    .with({ trusted: true, private: true, page: OF_ITS_GFN }, () => 'ok')
    .with({ page: PRIVATE, write: true }, () => 'integrity violation')
    .with({ page: PRIVATE, write: false }, () => 'ciphertext read')
    .with({ page: P.union('shared', 'shared in mixed 2M') }, () => 'ok')
    .with({ page: 'live elsewhere', write: true }, () => 'integrity violation')
    .with({ page: P.union('stale', 'live elsewhere') }, () => 'DMA lost silently')
    .with({ page: 'free', write: true }, () => 'host corruption')
    .with({ page: 'free', write: false }, () => 'confidential leak')
    .exhaustive();

// Intel TDX: no table stops a shared-KeyID access to TD memory; it reaches the memory-encryption engine. Leaf
// size is irrelevant.
// T=1 private accesses walk the S-EPT itself and are judged there, not here.

import { P, match } from 'ts-pattern';
import type { Assumptions } from '../bounds.ts';
import type { DmaCase, Outcome, Verdicts } from './outcomes.ts';

export const tdxVerdicts =
  (assumed: Assumptions): Verdicts =>
  (dma) =>
    match<DmaCase, Outcome>(dma)
      .with(
        {
          page: P.union(
            'private 4K',
            'private 2M',
            'private elsewhere',
            'private unaccepted',
            'private unaccepted 2M',
            'private removed',
          ),
          write: true,
        },
        () => 'host fatal',
      )
      .with(
        {
          page: P.union(
            'private 4K',
            'private 2M',
            'private elsewhere',
            'private unaccepted',
            'private unaccepted 2M',
            'private removed',
          ),
          write: false,
        },
        () => (assumed['tdx.shared-read-of-private-is-fatal'] ? 'host fatal' : 'ciphertext read'),
      )
      .with({ page: P.union('shared', 'shared in mixed 2M') }, () => 'ok')
      .with({ page: 'live elsewhere', write: true }, () => 'integrity violation')
      .with({ page: P.union('stale', 'live elsewhere') }, () => 'DMA lost silently')
      .with({ page: 'free', write: true }, () => 'host corruption')
      .with({ page: 'free', write: false }, () => 'confidential leak')
      .exhaustive();

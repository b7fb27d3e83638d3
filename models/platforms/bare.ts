// No confidential hardware: nothing stops a DMA that has a translation. Private is a promise of software only.

import { P, match } from 'ts-pattern';
import type { DmaCase, Outcome, Verdicts } from './outcomes.ts';

export const bareVerdicts = (): Verdicts => (dma) =>
  match<DmaCase, Outcome>(dma)
    .with({ page: P.union('shared', 'shared in mixed 2M') }, () => 'ok')
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
      () => 'integrity violation',
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
      () => 'confidential leak',
    )
    .with({ page: 'live elsewhere', write: true }, () => 'integrity violation')
    .with({ page: P.union('stale', 'live elsewhere') }, () => 'DMA lost silently')
    .with({ page: 'free', write: true }, () => 'host corruption')
    .with({ page: 'free', write: false }, () => 'confidential leak')
    .exhaustive();

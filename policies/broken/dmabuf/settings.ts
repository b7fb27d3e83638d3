// Where the faults in the revoke of a dma-buf are judged: one page, with the cast that brings it.

import type { Policy } from '../../../api/index.ts';

export const withDmabuf = {
  settings: { cast: ['dmabuf'] },
  platform: 'bare',
  vmm: 'adversarial',
  pages: 1,
} as const satisfies Partial<Policy['planted']>;

// What an access comes to.

import { cpuTouch, dmaMade } from './access-made.ts';
import { guestOf } from '../../models/bounds.ts';
import { platformOf } from '../../models/platforms/index.ts';
import { type Questions } from './questions.ts';
import { AXIOM, type Invariant } from './row.ts';

export const ACCESSES = [
  {
    ...AXIOM,
    name: 'no-host-fatal',
    says: 'No access takes the host down.',
    source: 'Xu Yilun, 27 Feb 2026: host machine check and restart; RMP faults of host writes',
    partner: 'access-made',
    gravity: 1,
    breaches: [
      {
        outcome: 'DMA',
        needsIommu: true,
        event: 'access.host-fatal',
        definition: (q, made) => dmaMade(q, made)?.outcome === 'host fatal',
        witness: 'DMA takes the host down: machine check',
      },
      {
        outcome: 'CPU',
        event: 'access.cpu-fatal',
        definition: (q, made) => cpuTouch(q, made)?.outcome === 'fatal',
        witness: 'a CPU access takes the host down',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-host-corruption',
    says: 'No access changes memory of the host or of another owner.',
    source: 'page-state hardware does not protect host-owned pages from one another',
    partner: 'access-made',
    gravity: 2,
    breaches: [
      {
        outcome: 'DMA',
        needsIommu: true,
        event: 'access.host-corruption',
        definition: (q, made) => dmaMade(q, made)?.outcome === 'host corruption',
        witness: 'DMA writes to a page that belongs to somebody else',
      },
      {
        outcome: 'CPU',
        event: 'access.cpu-corruption',
        definition: (q, made) => cpuTouch(q, made)?.outcome === 'corruption',
        witness: 'a CPU writes to a page that belongs to somebody else',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-plaintext-to-untrusted',
    says: 'No device and no host user reads plaintext that is not theirs.',
    source: 'page-state hardware protects private pages only; Ackerley Tng, 18 Jun 2026',
    partner: 'access-made',
    gravity: 5,
    breaches: [
      {
        outcome: 'DMA',
        needsIommu: true,
        event: 'access.leak',
        definition: (q, made) => dmaMade(q, made)?.outcome === 'confidential leak',
        witness: (q: Questions) =>
          `${platformOf(q.machine.config).leak}; the access is judged, whatever the page holds at that moment`,
      },
      {
        outcome: 'CPU',
        event: 'access.cpu-leak',
        definition: (q, made) => cpuTouch(q, made)?.outcome === 'leak',
        witness: 'user space touches a private page',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-integrity-violation',
    says: 'Private guest data is not altered undetected.',
    source: 'what the RMP is for',
    partner: 'access-made',
    gravity: 6,
    breaches: [
      {
        outcome: 'DMA',
        needsIommu: true,
        event: 'access.integrity',
        definition: (q, made) => dmaMade(q, made)?.outcome === 'integrity violation',
        witness: 'untrusted DMA alters a private page and nobody is told',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-silent-lost-dma',
    says: 'DMA issued with no page-state change going on reaches the page that backs the GPA, or raises an event.',
    source: 'canonical/tdx issue 395: the driver reads zeros for ever, no fault',
    partner: 'dma-completed',
    /* liveness of the guest's devices is user space's to keep: judged where it does as documented */
    judged: (config) =>
      config.vmm === 'adversarial' || guestOf(config) === 'malicious' ? 'not judged' : 'axiom',
    breaches: [
      {
        outcome: 'DMA',
        needsIommu: true,
        event: 'access.dma-lost-clean',
        definition: (q, made) => {
          const dma = dmaMade(q, made);
          return dma?.outcome === 'DMA lost silently' && dma.clean;
        },
        witness: 'DMA lands in a page that nobody reads any more, without an event',
      },
    ],
  },
] satisfies readonly Invariant[];

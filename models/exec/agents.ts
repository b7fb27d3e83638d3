// Movers and agents: which steps commute with what others do, and what the hardware and the allocator do by themselves.

import type { Step } from '../../api/index.ts';
import type { Machine } from '../machine.ts';
import { streamsOf } from '../platforms/arch.ts';
import { platformOf } from '../platforms/index.ts';
import type { View } from '../view.ts';
import type { State } from '../steps/context.ts';
import type { Iommu } from '../steps/iommu.ts';
import { type Subjects, rowOf } from '../steps/index.ts';

interface Asked {
  readonly fill: (iova: number, pfn: number) => boolean;
  readonly count: (index: number) => boolean;
}
const never = (): boolean => false;
function askedBy(step: Step): Asked {
  const { forbidsFill, usesFill, countsRefs } = rowOf(step);
  return {
    fill:
      forbidsFill !== null
        ? (iova, pfn) => forbidsFill(step, iova, pfn)
        : usesFill !== null
          ? (iova) => usesFill(step, iova)
          : never,
    count: countsRefs === null ? never : (index) => countsRefs(step, index),
  };
}

/**
 * An IOTLB fill may wait until a pending step would forbid it, or the page behind it is no longer the
 * mapper's. The drain of an LRU batch may wait until references are counted.
 */
export function timelyOf(
  machine: Machine,
  view: View,
  steps: readonly Step[],
  agents: readonly Agent[],
): (m: State, agent: number, pending: Int32Array) => boolean {
  const { iopte, page_cache, inv_queue, private: attribute } = machine.at;
  const threads = machine.threads.length;
  /** By the number of the step: what its row says of a fill, and of the count of references. */
  const asked: Asked[] = [];
  const askedOf = (op: number): Asked => {
    for (let k = asked.length; k <= op; k++) asked.push(askedBy(steps[k]));
    return asked[op];
  };
  /** Somebody is about to count the references of the page, or it has left the page cache. */
  const isDrainTimely = (m: State, pfn: number, pending: Int32Array): boolean => {
    const index = view.indexOf(m, pfn);
    if (index < 0) return true;
    for (let thread = 0; thread < pending.length; thread++) {
      if (pending[thread] >= 0 && askedOf(pending[thread]).count(index)) return true;
    }
    return false;
  };
  return (m, agent, pending) => {
    const { fills: iova, drains } = agents[agent];
    if (drains !== undefined) return isDrainTimely(m, drains, pending);
    if (iova === undefined || m[iopte + iova] === 0) return true;
    /* an invalidation is queued that would drop the entry: seen by the agent that executes it */
    for (let t = 0; t < threads; t++) if (((m[inv_queue + t] >> iova) & 1) === 1) return true;
    const pfn = m[iopte + iova] - 1;
    if (
      view.isFree(m, pfn) ||
      m[page_cache + iova] !== pfn + 1 ||
      view.isGuestOwned(m, pfn) ||
      m[attribute + iova] === 1
    )
      return true;
    for (let thread = 0; thread < pending.length; thread++)
      if (pending[thread] >= 0 && askedOf(pending[thread]).fill(iova, pfn)) return true;
    return false;
  };
}

export interface Agent {
  readonly name: string;
  readonly act: (m: State) => boolean;
  /** It fills the IOTLB at this iova. */
  readonly fills?: number;
  /** It drains the LRU batch that holds this page. */
  readonly drains?: number;
  /** Somebody may wait for it. */
  readonly helps?: boolean;
  /** It acts on what this thread has written down; those of its kind are listed by thread. */
  readonly serves?: number;
}

/** The devices ask for translations, and drop what they are told to drop. */
function deviceTlbAgents(
  { threads, pages, devices, config }: Machine,
  iommu: Iommu,
  stream: { readonly trusted: boolean; readonly private: boolean } | undefined,
): readonly Agent[] {
  const asks = stream !== undefined && !(stream.private && platformOf(config).mirror !== null);
  return [
    ...threads.map((thread, t) => ({
      name: `IOMMU: device TLB invalidation queued by ${thread.name}`,
      helps: true,
      serves: t,
      act: (m: State) => iommu.invalidateDevices(m, t),
    })),
    ...Array.from({ length: asks ? devices * pages : 0 }, (_, k) => {
      const device = Math.floor(k / pages);
      const iova = k % pages;
      return {
        name: `DEV ${device}: device TLB fill iova ${iova}`,
        act: (m: State) =>
          iommu.ask(m, device, iova, stream?.trusted === true ? 1 : 0, stream?.private === true ? 1 : 0),
      };
    }),
  ];
}

export function agentsOf({ machine, iommu, pageCache }: Subjects): readonly Agent[] {
  const { threads, pages, config, at } = machine;
  const stream = streamsOf(config)[0];
  const prefetched = stream.private && platformOf(config).mirror !== null ? undefined : stream;
  return [
    ...threads.map((thread, t) => ({
      name: `IOMMU: invalidation queued by ${thread.name}`,
      helps: true,
      serves: t,
      act: (m: State) => iommu.invalidate(m, t),
    })),
    ...(config.ats === true ? deviceTlbAgents(machine, iommu, stream) : []),
    ...Array.from({ length: prefetched === undefined ? 0 : pages }, (_, iova) => ({
      name: `IOMMU: IOTLB fill iova ${iova}`,
      fills: iova,
      act: (m: State) =>
        iommu.prefetch(m, iova, prefetched?.trusted === true ? 1 : 0, prefetched?.private === true ? 1 : 0),
    })),
    { name: 'host: allocator reuses a free page', act: pageCache.reuse },
    ...Array.from({ length: config.base === 'v8' ? 2 * pages : 0 }, (_, pfn) => ({
      name: `host: the LRU batch that holds pfn ${pfn} is drained`,
      drains: pfn,
      act: (m: State) => pageCache.drain(m, pfn),
    })),
    ...(config.fail === null
      ? []
      : [
          {
            name: `host: next ${config.fail} fails`,
            act: (m: State) => {
              if (m[at.fail_next] === 1 || m[at.fail_used] === 1) return false;
              m[at.fail_next] = 1;
              return true;
            },
          },
        ]),
  ];
}

// The host's IO page table, the gather, the invalidation queue, the IOTLB.

import type { Machine } from '../machine.ts';
import { BLOCKED, type Exec, type State, maskOf } from './context.ts';
import type { Bracket } from './bracket.ts';
import type { PageCache } from './page-cache.ts';
import type { Areas } from './areas.ts';
import type { Verdict } from './verdict.ts';
import { type Ats, ORDER } from './ats.ts';
import { type Context, PLAIN, type Rows, type StepOf, pfnsOrNone } from './row.ts';
import { either, iova, pfnOr } from './words.ts';

export type Iommu = ReturnType<typeof makeIommu>;

export interface Translation {
  readonly pfn: number;
  readonly leafHuge: number;
  readonly uncached?: true;
}

export function makeIommu(
  exec: Exec,
  pageCache: PageCache,
  bracket: Bracket,
  areas: Areas,
  ats: Ats,
  { mayFill }: Verdict,
) {
  const { machine, view, note } = exec;
  const { maps_private } = exec.platform.arch;
  const { mirror } = view;
  const { at, pages, huge, devices, config, lockAt } = machine;
  const { iopte, iopte_huge, iotlb, iotlb_huge, gather, inv_queue } = at;
  const drains = config.assumptions['iommu.sync-drains-dma'];

  const ownsBracket = (m: State, thread: number): boolean =>
    m[lockAt.invalidate_lock.writer] === thread + 1 ||
    ((m[lockAt.invalidate_lock.readers] >> thread) & 1) === 1;
  const block = (iova: number): number => iova - (iova % huge);

  const fill = (m: State, iova: number, isPrivate: number): void => {
    const isHuge = m[iopte_huge + iova] === 1;
    const first = isHuge ? block(iova) : iova;
    const last = isHuge ? first + huge : iova + 1;
    for (let i = first; i < last; i++) {
      m[iotlb + i] = m[iopte + i];
      m[iotlb_huge + i] = isHuge ? 1 : 0;
      if (maps_private) m[at.iotlb_private + i] = isPrivate;
    }
    if (bracket.covers(m, iova)) note('iotlb-filled-in-bracket');
  };
  const dropIotlb = (m: State, mask: number): void => {
    for (let iova = 0; iova < pages; iova++) {
      if (((mask >> iova) & 1) === 0 || m[iotlb + iova] === 0) continue;
      note('iotlb-entry-dropped');
      const first = m[iotlb_huge + iova] === 1 ? block(iova) : iova;
      const last = m[iotlb_huge + iova] === 1 ? first + huge : iova + 1;
      for (let i = first; i < last; i++) {
        m[iotlb + i] = m[iotlb_huge + i] = 0;
        if (maps_private) m[at.iotlb_private + i] = 0;
      }
    }
  };
  const complete = (m: State, thread: number, mask: number): void => {
    for (let iova = 0; iova < pages; iova++)
      if (((mask >> iova) & 1) === 1 && m[gather + iova] === thread + 1) m[gather + iova] = 0;
  };
  const inFlightOn = (m: State, mask: number): boolean => {
    for (let d = 0; d < devices; d++)
      if (m[at.dma + d] !== 0 && ((mask >> m[at.dma_iova + d]) & 1) === 1) return true;
    return false;
  };
  /* MODEL: where a read passes the RMP check and a write would not, the read leaves nothing in IOTLB or device TLB. */
  /** What the IOMMU answers to an access, or null: a fault. */
  const translation = (
    m: State,
    iova: number,
    trusted: number,
    isPrivate: number,
    write: number,
  ): Translation | null => {
    if (mirror !== null && isPrivate === 1) {
      const found = mirror.leaf(m, iova);
      return found === 0 ? null : { pfn: found - 1, leafHuge: 0 };
    }
    if (m[iotlb + iova] !== 0 && (!maps_private || m[at.iotlb_private + iova] === isPrivate))
      return { pfn: m[iotlb + iova] - 1, leafHuge: m[iotlb_huge + iova] };
    if (m[iopte + iova] === 0) return null;
    const pfn = m[iopte + iova] - 1;
    const leafHuge = m[iopte_huge + iova];
    if (mayFill(m, iova, pfn, leafHuge, trusted, isPrivate)) {
      fill(m, iova, isPrivate);
      return { pfn, leafHuge };
    }
    const passes = write === 0 && mayFill(m, iova, pfn, leafHuge, trusted, isPrivate, 0);
    return passes ? { pfn, leafHuge, uncached: true } : null;
  };
  return {
    translation,
    map: (m: State, thread: number, iova: number, pfn: number, count: number): number => {
      if (pageCache.failsNow(m, 'iommu_map')) return 0;
      for (let k = 0; k < count; k++)
        if (m[iopte + iova + k] !== 0) {
          note('map-over-iopte');
          return 0;
        }
      const isHuge = count === huge && huge > 1 && iova % huge === 0 && pfn % huge === 0;
      for (let k = 0; k < count; k++) {
        m[iopte + iova + k] = pfn + k + 1;
        m[iopte_huge + iova + k] = isHuge ? 1 : 0;
        if (areas.isDmabuf(m, iova)) continue;
        if (maps_private) m[at.iopte_private + iova + k] = m[at.private + iova + k];
        if (((m[at.gmem_zapped] >> (iova + k)) & 1) === 1 && !ownsBracket(m, thread))
          note('iommu-map-in-bracket');
      }
      note('iommu-mapped');
      if (isHuge) note('iommu-mapped-huge');
      return 1;
    },
    unmap: (m: State, thread: number, start: number, end: number, nofail: boolean): number => {
      if (m[at.gmem_in_progress] > 0 && ownsBracket(m, thread))
        m[at.gmem_zapped] |= maskOf(start, end) & m[at.gmem_range];
      for (let iova = start; iova < end; iova++) {
        if (nofail && m[iopte + iova] === 0) note('unmap-found-less');
        if (m[iopte + iova] === 0 || (!nofail && areas.isDmabuf(m, iova))) continue;
        const first = m[iopte_huge + iova] === 1 ? block(iova) : iova;
        const last = m[iopte_huge + iova] === 1 ? first + huge : iova + 1;
        for (let i = first; i < last; i++) {
          m[iopte + i] = m[iopte_huge + i] = 0;
          if (maps_private) m[at.iopte_private + i] = 0;
          m[gather + i] = thread + 1;
        }
        note('iommu-unmapped');
      }
      return 0;
    },
    sync: (
      m: State,
      thread: number,
      start: number,
      end: number,
      fault: StepOf<'iotlb_gather_sync'>['fault'],
    ): number => {
      let mask = maskOf(start, end);
      /* the gather grows with the leaves that were cleared */
      for (let iova = 0; iova < pages; iova++) if (m[gather + iova] === thread + 1) mask |= 1 << iova;
      if (ats.on && fault === 'device-tlb-first') {
        m[at.device_inv_queue + thread] |= mask;
        m[at.inv_order + thread] = ORDER.deviceFirst;
      } else {
        m[inv_queue + thread] |= mask;
        if (ats.on && fault === 'no-device-tlb') m[at.inv_order + thread] = ORDER.iotlbOnly;
      }
      if (inFlightOn(m, mask)) note('dma-in-flight-at-sync');
      return 0;
    },
    completionWait: (m: State, thread: number): number =>
      m[inv_queue + thread] === 0 && (!ats.on || m[at.device_inv_queue + thread] === 0) ? 0 : BLOCKED,
    /** Agent: the IOMMU executes the invalidation that this thread queued, and completes it. */
    invalidate: (m: State, thread: number): boolean => {
      const mask = m[inv_queue + thread];
      if (mask === 0 || (drains && inFlightOn(m, mask))) return false;
      dropIotlb(m, mask);
      m[inv_queue + thread] = 0;
      if (!ats.on || m[at.inv_order + thread] !== ORDER.iotlbFirst) complete(m, thread, mask);
      else m[at.device_inv_queue + thread] |= mask;
      if (ats.on) m[at.inv_order + thread] = ORDER.iotlbFirst;
      return true;
    },
    /** Agent: the devices drop what this thread has the IOMMU tell them to. */
    invalidateDevices: (m: State, thread: number): boolean => {
      const mask = m[at.device_inv_queue + thread];
      if (mask === 0 || (drains && inFlightOn(m, mask))) return false;
      ats.drop(m, mask);
      m[at.device_inv_queue + thread] = 0;
      if (m[at.inv_order + thread] !== ORDER.deviceFirst) {
        complete(m, thread, mask);
        return true;
      }
      m[inv_queue + thread] |= mask;
      m[at.inv_order + thread] = ORDER.iotlbOnly;
      return true;
    },
    /** Agent: a device asks for a translation before it needs it. */
    ask: (m: State, device: number, iova: number, trusted: number, isPrivate: number): boolean => {
      if (ats.isCached(m, device, iova)) return false;
      const found = translation(m, iova, trusted, isPrivate, 1);
      if (found === null) return false;
      ats.fill(m, device, iova, found.pfn, found.leafHuge, isPrivate);
      return true;
    },
    /** Agent: the IOMMU caches a translation that nobody asked for. */
    prefetch: (m: State, iova: number, trusted: number, isPrivate: number): boolean => {
      if (m[iopte + iova] === 0 || m[iotlb + iova] !== 0) return false;
      if (!mayFill(m, iova, m[iopte + iova] - 1, m[iopte_huge + iova], trusted, isPrivate)) return false;
      fill(m, iova, isPrivate);
      return true;
    },
  };
}

function mapText({ machine }: Context, step: StepOf<'iommu_map'>): string {
  const { pages, pfn } = step;
  if (pages === 1) return `iommu_map() iova ${step.iova} -> pfn ${pfn}, 4K`;
  const { huge } = machine;
  const leaf = pages === huge && step.iova % huge === 0 && pfn % huge === 0 ? '2M' : '4K';
  const end = { iova: step.iova + pages, pfn: pfn + pages };
  return `iommu_map() iova [${step.iova},${end.iova}) -> pfn [${pfn},${end.pfn}), ${leaf}`;
}

export const IOMMU_STEPS = {
  iommu_map: {
    ...PLAIN,
    words: (s, c) => [mapText(c, s), either('-ENOMEM', '')],
    touches: 0,
    sleeps: true,
    fails: true,
    run: ({ iommu }, s, m, t) => iommu.map(m, t, s.iova, s.pfn, s.pages),
  },
  iommu_unmap_fast: {
    ...PLAIN,
    words: (s) => [`iommu_unmap_fast() ${iova(s)}`],
    touches: 0,
    mover: 'wait',
    forbidsFill: () => true,
    run: ({ iommu }, s, m, t) => iommu.unmap(m, t, s.start, s.end, s.nofail === true),
  },
  iotlb_gather_sync: {
    ...PLAIN,
    words: (s) => [`iommu_iotlb_sync() ${iova(s)}: queued`],
    touches: 0,
    /* queued at once or later: the agent takes it up when it likes */
    mover: 'release',
    run: ({ iommu }, s, m, t) => iommu.sync(m, t, s.start, s.end, s.fault),
  },
  iommu_completion_wait: {
    ...PLAIN,
    words: (s) => [`iommu_completion_wait() ${iova(s)}`],
    touches: 0,
    /* waits for what nobody takes back */
    mover: 'release',
    run: ({ iommu }, _s, m, t) => iommu.completionWait(m, t),
  },
  iommu_iova_to_phys: {
    ...PLAIN,
    words: (s) => [`iommu_iova_to_phys() iova ${s.iova}`, pfnOr('none')],
    answers: pfnsOrNone,
    touches: 0,
    run: ({ machine: { at } }, s, m) => m[at.iopte + s.iova],
  },
} satisfies Rows<{ readonly machine: Machine; readonly iommu: Iommu }>;

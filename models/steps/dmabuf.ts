// A dma-buf (cast `dmabuf`): what the exporter, iommufd's attachments and their areas hold.
// MODEL: one exporter (vfio-pci) of one page of device memory, which never refuses for another reason than a revoke.
// dma_buf_pin() and the wait for fences and for users of an sg_table do nothing: iommufd has neither.
// MODEL: what a policy clears by index are IOPTEs of areas of the file, none of a dma-buf that is at such an IOVA.
// MODEL: memory that the exporter has taken back is somebody else's: a BAR in D3hot answers nobody, a device that was
// closed may be the next user's.

import { DMABUF } from '../machine.ts';
import type { Exec, State } from './context.ts';
import { ANYTHING, PLAIN, type Rows, type StepOf, pfnsOrNone } from './row.ts';
import { either, pfnOr, subranges, truth } from './words.ts';

export type Dmabuf = ReturnType<typeof makeDmabuf>;

export function makeDmabuf({ machine, note }: Exec) {
  const { at, pages, threads, device_memory } = machine;
  const { dmabuf_revoked, dmabuf_taken, dmabuf_attached, dmabuf_pages, dmabuf_tracked, area } = at;
  const on = dmabuf_pages !== undefined;

  const exporter = threads.findIndex(({ kind }) => kind === 'exporter');
  /** Who asks finds it revoked. An area that is mapped is asked about by an attach or a detach. */
  const met = [null, 'revoke-meets-map', 'revoke-meets-attach', 'revoke-meets-unmap'] as const;
  const put = (slot: number, value: number) => (m: State, k: number) => {
    m[slot + k] = value;
    return 0;
  };
  return {
    attach: (m: State): number => 1 - m[dmabuf_revoked],
    /* what a thread has outside of an area */
    listAdd: put(dmabuf_attached, DMABUF.empty),
    listDel: put(dmabuf_attached, DMABUF.none),
    iommufdMap: (
      m: State,
      thread: number,
      fault: StepOf<'vfio_pci_dma_buf_iommufd_map'>['fault'],
    ): number => {
      if (m[dmabuf_revoked] === 1 && fault !== 'not-asked') return 0;
      m[dmabuf_attached + thread] = DMABUF.filled;
      return 1;
    },
    /** The iopt_pages of the thread become those of its new area, and back. */
    enter: (m: State, thread: number, iova: number): void => {
      m[dmabuf_pages + iova] = m[dmabuf_attached + thread];
      m[dmabuf_attached + thread] = DMABUF.none;
    },
    leave: (m: State, thread: number, iova: number): void => {
      if (!on || m[dmabuf_pages + iova] === DMABUF.none) return;
      m[dmabuf_attached + thread] = m[dmabuf_pages + iova];
      m[dmabuf_pages + iova] = DMABUF.none;
    },
    isDmabuf: (m: State, iova: number): number => (m[dmabuf_pages + iova] === DMABUF.none ? 0 : 1),
    phys: (m: State, thread: number, iova: number): number => {
      if (m[dmabuf_pages + iova] === DMABUF.filled) return device_memory + 1;
      const race = met[m[area + iova]];
      if (thread !== exporter && race !== null) note(race);
      return 0;
    },
    tracker: (m: State, iova: number): number => {
      if (m[dmabuf_tracked + iova] === 1) note('revoke-finds-area');
      return m[dmabuf_tracked + iova];
    },
    track: put(dmabuf_tracked, 1),
    untrack: put(dmabuf_tracked, 0),
    /** The area may have gone in between: who releases its iopt_pages does not look at phys any more. */
    setRevoked: (m: State, iova: number): number => {
      if (m[dmabuf_pages + iova] !== DMABUF.none) m[dmabuf_pages + iova] = DMABUF.empty;
      return 0;
    },
    attachments: (m: State, fault: StepOf<'dma_buf_attachments'>['fault']): number => {
      for (let t = 0; t < threads.length; t++)
        if (m[dmabuf_attached + t] === DMABUF.filled && fault !== 'len-kept')
          m[dmabuf_attached + t] = DMABUF.empty;
      let found = 0;
      for (let iova = 0; iova < pages; iova++) if (m[dmabuf_pages + iova] !== DMABUF.none) found |= 1 << iova;
      return found;
    },
    revoked: (m: State): number => m[dmabuf_revoked],
    revoke: (m: State, revoked: boolean): number => {
      m[dmabuf_revoked] = revoked ? 1 : 0;
      return 0;
    },
    power: (m: State, state: 'PCI_D0' | 'PCI_D3hot'): number => {
      m[dmabuf_taken] = state === 'PCI_D0' ? 0 : 1;
      return 0;
    },
  };
}

const OF_CAST = { ...PLAIN, touches: ANYTHING, cast: 'dmabuf' } as const;
const ofArea = (s: { readonly iova: number }): string => `of the area at iova ${s.iova}`;

export const DMABUF_STEPS = {
  vfio_pci_dma_buf_attach: {
    ...OF_CAST,
    words: () => ['vfio_pci_dma_buf_attach()', either('-ENODEV', '')],
    run: ({ dmabuf }, _s, m) => dmabuf.attach(m),
  },
  dma_buf_dynamic_attach: {
    ...OF_CAST,
    words: () => ['list_add(&attach->node, &dmabuf->attachments)'],
    run: ({ dmabuf }, _s, m, t) => dmabuf.listAdd(m, t),
  },
  dma_buf_detach: {
    ...OF_CAST,
    words: () => ['dma_buf_detach()'],
    run: ({ dmabuf }, _s, m, t) => dmabuf.listDel(m, t),
  },
  vfio_pci_dma_buf_iommufd_map: {
    ...OF_CAST,
    words: () => ['vfio_pci_dma_buf_iommufd_map()', either('-ENODEV', '')],
    run: ({ dmabuf }, s, m, t) => dmabuf.iommufdMap(m, t, s.fault),
  },
  iopt_is_dmabuf: {
    ...OF_CAST,
    words: (s) => [`iopt_is_dmabuf() ${ofArea(s)}`, truth],
    run: ({ dmabuf }, s, m) => dmabuf.isDmabuf(m, s.iova),
  },
  iopt_dmabuf_phys: {
    ...OF_CAST,
    words: (s) => [`read pages->dmabuf.phys ${ofArea(s)}`, pfnOr('len 0, revoked')],
    answers: pfnsOrNone,
    run: ({ dmabuf }, s, m, t) => dmabuf.phys(m, t, s.iova),
  },
  iopt_dmabuf_tracker: {
    ...OF_CAST,
    words: (s) => [`pages->dmabuf.tracker ${ofArea(s)}`, either('empty', 'the domain')],
    run: ({ dmabuf }, s, m) => dmabuf.tracker(m, s.iova),
  },
  iopt_dmabuf_track_domain: {
    ...OF_CAST,
    words: (s) => [`iopt_dmabuf_track_domain() ${ofArea(s)}`],
    run: ({ dmabuf }, s, m) => dmabuf.track(m, s.iova),
  },
  iopt_dmabuf_untrack_domain: {
    ...OF_CAST,
    words: (s) => [`iopt_dmabuf_untrack_domain() ${ofArea(s)}`],
    run: ({ dmabuf }, s, m) => dmabuf.untrack(m, s.iova),
  },
  iopt_dmabuf_set_revoked: {
    ...OF_CAST,
    words: (s) => [`pages->dmabuf.phys.len = 0 ${ofArea(s)}`],
    run: ({ dmabuf }, s, m) => dmabuf.setRevoked(m, s.iova),
  },
  dma_buf_attachments: {
    ...OF_CAST,
    words: () => ['dmabuf->attachments', (a) => (a === 0 ? 'no area' : `iova ${subranges(a, 0)}`)],
    answers: ({ pages }) => 2 ** pages,
    run: ({ dmabuf }, s, m) => dmabuf.attachments(m, s.fault),
  },
  dma_buf_revoked: {
    ...OF_CAST,
    words: () => ['read priv->revoked', truth],
    run: ({ dmabuf }, _s, m) => dmabuf.revoked(m),
  },
  dma_buf_set_revoked: {
    ...OF_CAST,
    words: (s) => [`priv->revoked = ${s.revoked}`],
    run: ({ dmabuf }, s, m) => dmabuf.revoke(m, s.revoked),
  },
  vfio_pci_set_power_state: {
    ...OF_CAST,
    words: (s) => [
      `vfio_pci_set_power_state(${s.state}): the memory is ${s.state === 'PCI_D0' ? 'back' : 'gone'}`,
    ],
    run: ({ dmabuf }, s, m) => dmabuf.power(m, s.state),
  },
} satisfies Rows<{ readonly dmabuf: Dmabuf }>;

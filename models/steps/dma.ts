// DMA in flight: translated by the IOTLB, by a walk, or by the device TLB; committed later.

import { EVENT_OF } from '../events.ts';
import { CONTENT } from '../machine.ts';
import { OUTCOMES } from '../platforms/outcomes.ts';
import type { Ats } from './ats.ts';
import type { Exec, State } from './context.ts';
import type { Iommu, Translation } from './iommu.ts';
import { type Context, PLAIN, type Rows, type StepOf, type Words } from './row.ts';
import { FAULT, type Verdict } from './verdict.ts';
import { either } from './words.ts';

export type Dma = ReturnType<typeof makeDma>;

const EVENTS_BY_OUTCOME = OUTCOMES.map((outcome) => EVENT_OF[outcome]);
const OK = OUTCOMES.indexOf('ok');
const FATAL = OUTCOMES.indexOf('host fatal');
const LOST = OUTCOMES.indexOf('DMA lost silently');

export function makeDma(exec: Exec, iommu: Iommu, ats: Ats, { verdict, mayFill }: Verdict) {
  const { machine, view, rmp, note } = exec;
  const { at, threads } = machine;
  const firstDevice = threads.findIndex((t) => t.kind === 'device');
  const checksTranslated = rmp?.checksTranslated === true;
  const { mirror } = view;

  /** A translated request: the page tables are not asked again, the RMP is where it is checked. */
  const translated = (
    m: State,
    slot: number,
    iova: number,
    trusted: number,
    isPrivate: number,
    write: number,
  ): Translation | null => {
    const pfn = m[at.device_tlb + slot] - 1;
    const leafHuge = m[at.device_tlb_huge + slot];
    const passes = !checksTranslated || mayFill(m, iova, pfn, leafHuge, trusted, isPrivate, write);
    return passes ? { pfn, leafHuge } : null;
  };
  return {
    translate: (
      m: State,
      thread: number,
      iova: number,
      write: number,
      trusted: number,
      isPrivate: number,
      honest: boolean,
    ): number => {
      if (honest && (m[at.guest_changing + iova] === 1 || m[at.private + iova] !== isPrivate)) return 0;
      const d = thread - firstDevice;
      const cached = mirror !== null && isPrivate === 1 ? -1 : ats.lookup(m, d, iova, isPrivate);
      const found =
        cached < 0
          ? iommu.translation(m, iova, trusted, isPrivate, write)
          : translated(m, cached, iova, trusted, isPrivate, write);
      if (found === null) {
        note('access.contained-fault');
        return 0;
      }
      const { pfn, leafHuge, uncached } = found;
      if (ats.on && cached < 0 && !(mirror !== null && isPrivate === 1) && uncached !== true)
        ats.fill(m, d, iova, pfn, leafHuge, isPrivate);
      if (ats.on) m[at.dma_translated + d] = cached < 0 ? 0 : 1;
      m[at.dma + d] = pfn + 1;
      m[at.dma_iova + d] = iova;
      m[at.dma_write + d] = write;
      m[at.dma_private + d] = isPrivate;
      m[at.dma_trusted + d] = trusted;
      m[at.dma_huge + d] = leafHuge;
      m[at.dma_checked + d] = 1;
      m[at.dma_clean + d] = m[at.guest_changing + iova] === 0 ? 1 : 0;
      return 1;
    },
    commit: (m: State, thread: number): number => {
      const d = thread - firstDevice;
      const pfn = m[at.dma + d] - 1;
      const iova = m[at.dma_iova + d];
      const write = m[at.dma_write + d];
      let outcome: number;
      /*
       * MODEL: the module flushes the trusted IOTLB with each S-EPT change; a T=1 private access is judged by
       * the S-EPT leaf.
       */
      if (mirror !== null && m[at.dma_private + d] === 1)
        outcome = mirror.leaf(m, iova) === pfn + 1 ? OK : FAULT;
      else
        outcome = verdict(
          m,
          iova,
          pfn,
          m[at.dma_huge + d],
          m[at.dma_trusted + d],
          m[at.dma_private + d],
          write,
          m[at.dma_checked + d],
        );
      note(
        outcome === LOST && m[at.dma_clean + d] === 1 ? 'access.dma-lost-clean' : EVENTS_BY_OUTCOME[outcome],
      );
      if (outcome === OK) {
        note('dma-completed');
        if (write === 0 && m[at.content + pfn] === CONTENT.stale) note('stale-data-used');
        if (write === 1) m[at.content + pfn] = CONTENT.device;
      }
      if (outcome === FATAL) m[at.host_dead] = 1;
      for (const field of [
        at.dma,
        at.dma_iova,
        at.dma_write,
        at.dma_private,
        at.dma_trusted,
        at.dma_huge,
        at.dma_checked,
        at.dma_clean,
      ])
        m[field + d] = 0;
      if (ats.on) m[at.dma_translated + d] = 0;
      return 0;
    },
  };
}

/** The DMA that this thread has in flight in that state. */
function flight(
  { machine, seen }: Context,
  when: 'before' | 'after',
): { write: boolean; pfn: number } | null {
  if (seen === null) return null;
  const device = seen.thread - machine.threads.findIndex((thread) => thread.kind === 'device');
  const pfn = seen[when][machine.at.dma + device];
  return pfn === 0 ? null : { write: seen[when][machine.at.dma_write + device] === 1, pfn: pfn - 1 };
}

function translateText(context: Context, step: StepOf<'dma_translate'>): Words {
  const found = flight(context, 'after');
  const what = `DMA ${step.write ? 'write' : 'read'} iova ${step.iova}${step.private ? ', private' : ''}`;
  if (found !== null) return [`${what}: translated to pfn ${found.pfn}`];
  return [what, either(step.honest ? 'not issued, or faulted' : 'faulted', 'translated')];
}

function commitText(context: Context): string {
  const made = flight(context, 'before');
  return made === null ? 'DMA commits' : `DMA ${made.write ? 'write' : 'read'} reaches pfn ${made.pfn}`;
}

export const DMA_STEPS = {
  dma_translate: {
    ...PLAIN,
    words: (s, c) => translateText(c, s),
    touches: 0,
    usesFill: (s, iova) => s.iova === iova,
    run: ({ dma }, s, m, t) =>
      dma.translate(m, t, s.iova, s.write ? 1 : 0, s.trusted ? 1 : 0, s.private ? 1 : 0, s.honest),
  },
  dma_commit: {
    ...PLAIN,
    words: (_s, c) => [commitText(c)],
    touches: 0,
    run: ({ dma }, _s, m, t) => dma.commit(m, t),
  },
} satisfies Rows<{ readonly dma: Dma }>;

// What a definition says of an access: the page that it reaches, and what it comes to there. The rows of the
// platforms are the oracle (models/platforms); everything else is read off the states around the move.

import { OWNER, inPlace } from '../../models/machine.ts';
import { platformTables, rmpOf } from '../../models/platforms/arch.ts';
import { platformOf } from '../../models/platforms/index.ts';
import { OUTCOMES, type Outcome } from '../../models/platforms/outcomes.ts';
import { type Made, cachedAt, some } from './made.ts';
import { type Questions, firstOf } from './questions.ts';
import { guestOwned } from './tables.ts';

type M = Int32Array;

interface DmaMade {
  readonly pfn: number;
  readonly write: boolean;
  readonly outcome: Outcome;
  /** No page-state change of that page was going on from its issue to its end. */
  readonly clean: boolean;
}

function dmaOutcome(q: Questions, m: M, d: number): Outcome {
  const { at, view, machine } = q;
  const { config } = machine;
  const [pfn, iova] = [m[at.dma + d] - 1, m[at.dma_iova + d]];
  const isPrivate = m[at.dma_private + d];
  const isWrite = m[at.dma_write + d];
  const wasChecked = m[at.dma_checked + d] === 1;
  /* a private access goes by the module's table where there is one, as it is when the access commits */
  if (view.mirror !== null && isPrivate === 1)
    return view.mirror.leaf(m, iova) === pfn + 1 ? 'ok' : 'contained fault';
  /* the RMP is asked about the whole 2M region of a leaf */
  const rmp = rmpOf(config);
  const asksRegion = rmp !== null && (isWrite === 1 || rmp.checksReads) && !wasChecked;
  if (asksRegion && m[at.dma_huge + d] === 1 && isPrivate === 0 && view.blockHasGuestPage(m, pfn))
    return 'contained fault';
  const { checked, unchecked } = platformTables(config);
  const leaf = view.verdictIndex(
    view.pageClass(m, pfn, iova),
    m[at.dma_huge + d],
    m[at.dma_trusted + d],
    isPrivate,
    isWrite,
  );
  return OUTCOMES[(wasChecked ? unchecked : checked)[leaf]];
}

/** The DMA that the move commits, or null. */
export function dmaMade(q: Questions, { before, step, thread }: Made): DmaMade | null {
  if (step?.op !== 'dma_commit') return null;
  const d = thread - firstOf(q.machine, 'device');
  return {
    pfn: before[q.at.dma + d] - 1,
    write: before[q.at.dma_write + d] === 1,
    outcome: dmaOutcome(q, before, d),
    clean: before[q.at.dma_clean + d] === 1,
  };
}

interface CpuTouch {
  readonly pfn: number;
  readonly outcome: 'ok' | 'fatal' | 'corruption' | 'leak';
  /** It makes use of what the page holds. */
  readonly reads: boolean;
}

/** What a CPU of the host does to a page of the guest. */
const isFatal = (q: Questions): boolean =>
  platformOf(q.machine.config).mistakes.hostAccess === 'machine check';

/** The host kernel, or user space, by its own mapping. */
function byHost(q: Questions, m: M, pfn: number, reads: boolean): CpuTouch {
  if (guestOwned(q, m, pfn)) return { pfn, reads, outcome: isFatal(q) ? 'fatal' : 'leak' };
  return { pfn, reads, outcome: q.view.isFree(m, pfn) ? 'corruption' : 'ok' };
}

function byGuest(q: Questions, m: M, gfn: number, pfn: number, isPrivate: boolean): CpuTouch | null {
  const said = platformOf(q.machine.config).guestAccess(q.at)(m, gfn, isPrivate, pfn);
  if (said === 'refused') return null;
  const reads = !(q.view.mirror !== null && isPrivate);
  if (said === 'machine check') return { pfn, reads, outcome: 'fatal' };
  return { pfn, reads, outcome: q.view.isFree(m, pfn) ? 'corruption' : 'ok' };
}

/** The pages that the kernel fills: what it does with one that is not the guest's, no invariant asks. */
function filled(q: Questions, { before, step }: Made): readonly number[] {
  const { view, at } = q;
  const folioOf = (pfn: number): number[] => {
    const first = view.head(before, pfn);
    return Array.from({ length: view.folioPages(before, first) }, (_, k) => first + k);
  };
  switch (step?.op) {
    case 'clear_highpage':
      return folioOf(step.pfn).filter((pfn) => before[at.uptodate + pfn] === 0);
    case 'copy_to_page':
      return [step.pfn];
    case 'gmem_zero_range': {
      const pages: number[] = [];
      some(step, (index) => {
        const pfn = cachedAt(q, before, index);
        /* RFC v2 begins at the first byte of a huge folio */
        if (pfn >= 0) pages.push(...folioOf(pfn).filter((page) => page <= pfn));
        return false;
      });
      return pages;
    }
    default:
      return [];
  }
}

/** The page that was free and is the allocator's next owner's. */
const reused = (q: Questions, { before, after }: Made): number =>
  Array.from({ length: q.machine.pool }, (_, pfn) => pfn).find(
    (pfn) => before[q.at.owner + pfn] === OWNER.free && after[q.at.owner + pfn] === OWNER.host,
  ) ?? -1;

/** The access of a CPU that the move is, or null. */
export function cpuTouch(q: Questions, made: Made): CpuTouch | null {
  const { before, step, thread, after, answer } = made;
  const { at, machine } = q;
  if (thread < 0) {
    const pfn = reused(q, made);
    return pfn >= 0 && guestOwned(q, before, pfn) ? { pfn, reads: false, outcome: 'fatal' } : null;
  }
  const guests = isFatal(q) ? filled(q, made).find((pfn) => guestOwned(q, before, pfn)) : undefined;
  if (guests !== undefined) return { pfn: guests, reads: false, outcome: 'fatal' };
  switch (step?.op) {
    case 'kernel_write':
      return before[at.host_pin] === 0 ? null : byHost(q, before, before[at.host_pin] - 1, false);
    case 'batch_rw':
      return step.write ? byHost(q, before, step.pfn, false) : null;
    case 'host_access': {
      const pte = inPlace(machine.config) ? before[at.host_pte + step.index] : 0;
      return pte === 0 ? null : byHost(q, before, pte - 1, true);
    }
    case 'guest_access': {
      const isStopped = at.vm_bugged !== undefined && before[at.vm_bugged] === 1;
      if (answer !== 1 || isStopped) return null;
      const v = thread - firstOf(machine, 'vcpu');
      return byGuest(q, before, step.index, after[at.tlb + v * machine.pages + step.index] - 1, step.private);
    }
    default:
      return null;
  }
}

// What a CPU touches: the guest through its TLB, user space of the host through its mapping of the file.

import { CONTENT, inPlace } from '../machine.ts';
import type { Exec, State } from './context.ts';
import type { PageState } from './page-state.ts';
import { PLAIN, type Rows } from './row.ts';
import { either } from './words.ts';

export type CpuAccess = ReturnType<typeof makeCpuAccess>;

export function makeCpuAccess(exec: Exec, pageState: PageState) {
  const { machine, view, platform, note } = exec;
  const { at, pages, config, threads } = machine;
  const mirrors = platform.mirror !== null;
  const verdict = platform.guestAccess(at);
  const isFatal = platform.mistakes.hostAccess === 'machine check';
  const firstVcpu = threads.findIndex((t) => t.kind === 'vcpu');

  const die = (m: State, event: 'access.cpu-fatal'): void => {
    note(event);
    m[at.host_dead] = 1;
  };
  const use = (m: State, pfn: number): void => {
    if (m[at.content + pfn] === CONTENT.stale) note('stale-data-used');
  };

  /** What the CPU and its page-state hardware say to a guest access that has a translation. */
  const touch = (m: State, gfn: number, isPrivate: boolean, pfn: number): void => {
    const said = verdict(m, gfn, isPrivate, pfn);
    if (said === 'refused') return;
    if (said === 'machine check') return die(m, 'access.cpu-fatal');
    /* a 2M entry by a 2M PVALIDATE: whoever asks for 4K was stopped before, see sizeMismatch() */
    pageState.validate(m, pfn);
    if (view.isFree(m, pfn)) return note('access.cpu-corruption');
    if (!(mirrors && isPrivate)) use(m, pfn);
    m[at.content + pfn] = CONTENT.guest;
    note('guest-accessed');
  };

  return {
    guestAccess: (m: State, thread: number, gfn: number, isPrivate: boolean): number => {
      if (config.fail !== null && m[at.vm_bugged] === 1) return 1; /* KVM_EXIT, for good */
      const k = (thread - firstVcpu) * pages + gfn;
      if (m[at.tlb + k] !== 0 && m[at.tlb_private + k] === (isPrivate ? 1 : 0)) {
        touch(m, gfn, isPrivate, m[at.tlb + k] - 1);
        return 1;
      }
      const entry =
        mirrors && isPrivate
          ? pageState.walkMirror(m, gfn)
          : m[(isPrivate ? at.spte_private : at.spte_shared) + gfn];
      if (entry === 0) return 0;
      if (isPrivate && pageState.sizeMismatch(m, gfn, entry - 1)) return 2;
      m[at.tlb + k] = entry;
      m[at.tlb_private + k] = isPrivate ? 1 : 0;
      touch(m, gfn, isPrivate, entry - 1);
      return 1;
    },
    hostAccess: (m: State, index: number): number => {
      if (!inPlace(config) || m[at.host_pte + index] === 0) return 0;
      const pfn = m[at.host_pte + index] - 1;
      if (view.isGuestsStill(m, pfn)) {
        if (isFatal) die(m, 'access.cpu-fatal');
        else note('access.cpu-leak');
        return 1;
      }
      if (view.isFree(m, pfn)) note('access.cpu-corruption');
      else {
        use(m, pfn);
        m[at.content + pfn] = CONTENT.host;
      }
      return 1;
    },
    mapHostPte: (m: State, index: number, pfn: number): number => {
      if (m[at.page_cache + index] !== pfn + 1) return 0;
      m[at.host_pte + index] = pfn + 1;
      note('host-pte-installed');
      return 0;
    },
  };
}

export const CPU_ACCESS_STEPS = {
  guest_access: {
    ...PLAIN,
    words: (s) => [
      `guest touches gfn ${s.index} as ${s.private ? 'private' : 'shared'}`,
      (a) => ['S2 fault', '', 'RMP fault: 4K of a 2M entry'][a] ?? '',
    ],
    answers: 4,
    touches: 0,
    run: ({ cpuAccess }, s, m, t) => cpuAccess.guestAccess(m, t, s.index, s.private),
  },
  host_access: {
    ...PLAIN,
    words: (s) => [`user space touches index ${s.index}`, either('page fault', '')],
    touches: 0,
    run: ({ cpuAccess }, s, m) => cpuAccess.hostAccess(m, s.index),
  },
  map_host_pte: {
    ...PLAIN,
    words: (s) => [`set_pte() index ${s.index} -> pfn ${s.pfn}`],
    touches: 0,
    run: ({ cpuAccess }, s, m) => cpuAccess.mapHostPte(m, s.index, s.pfn),
  },
} satisfies Rows<{ readonly cpuAccess: CpuAccess }>;

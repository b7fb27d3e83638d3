// The launch of a guest (cast `launch`): what firmware and TDX module do with a page that is part of the initial
// image.

import { CONTENT, type Machine, SEPT } from '../machine.ts';
import { BLOCKED, type Exec, type State } from './context.ts';
import type { PageState } from './page-state.ts';
import { ANYTHING, PLAIN, type Rows } from './row.ts';
import { either, truth } from './words.ts';

export type Launch = ReturnType<typeof makeLaunch>;

export function makeLaunch(exec: Exec, pageState: PageState, written: (m: State, pfn: number) => void) {
  const { machine, view, note } = exec;
  const { at } = machine;

  /** The measured image holds what the page holds. */
  const measured = (m: State, gfn: number, pfn: number): void => {
    if (!view.isPrivate(m, gfn)) note('populated-shared');
    if (m[at.content + pfn] === CONTENT.stale) note('stale-data-measured');
    note('populated');
  };
  return {
    finish: (m: State): number => {
      m[at.launched] = 1;
      return 0;
    },
    rmpAssigned: (m: State, pfn: number): number =>
      at.rmp_assigned !== undefined ? m[at.rmp_assigned + pfn] : 0,
    copy: (m: State, pfn: number): number => {
      written(m, pfn);
      m[at.content + pfn] = CONTENT.host;
      return 0;
    },
    /* MODEL: RMPUPDATE, the command and what follows its refusal are one step: nobody sees the immutable entry. */
    /**
     * rmp_make_private(), 4K and immutable, whatever the entry was: loops for ever on FAIL_OVERLAP. Then
     * SNP_LAUNCH_UPDATE; firmware refuses once the launch is finished, and snp_page_reclaim() leaves the page shared,
     * also where a fault had assigned it to the running guest.
     */
    launchUpdate: (m: State, gfn: number, pfn: number): number => {
      if (m[at.rmp_assigned + pfn] === 1) note('populated-assigned');
      if (m[at.rmp_2m + pfn] === 1) return BLOCKED;
      if (m[at.launched] === 1) {
        pageState.reclaim(m, pfn);
        return 0;
      }
      pageState.assignOne(m, pfn, gfn);
      m[at.rmp_validated + pfn] = 1;
      measured(m, gfn, pfn);
      m[at.content + pfn] = CONTENT.guest;
      return 1;
    },
    /** TDH.MEM.PAGE.ADD: copies the source itself. */
    pageAdd: (m: State, gfn: number, pfn: number): number => {
      if (at.sept === undefined || !pageState.augment(m, gfn, pfn)) return 0;
      m[at.sept + gfn] = SEPT.mapped;
      m[at.content + pfn] = CONTENT.guest;
      measured(m, gfn, pfn);
      return 1;
    },
    /** TDH.MR.EXTEND */
    extend: (m: State, gfn: number): number => {
      if (at.sept !== undefined && m[at.sept + gfn] === SEPT.mapped) return 1;
      note('populated-leaf-gone');
      return 0;
    },
    markUptodate: (m: State, pfn: number): number => {
      m[at.uptodate + pfn] = 1;
      return 0;
    },
  };
}

export const LAUNCH_STEPS = {
  launch_finished: {
    ...PLAIN,
    words: () => ['the launch is finished', truth],
    touches: ANYTHING,
    run: ({ machine: { at } }, _s, m) => m[at.launched],
  },
  launch_finish: {
    ...PLAIN,
    words: () => ['the launch is finished, vCPUs may run'],
    touches: ANYTHING,
    run: ({ launch }, _s, m) => launch.finish(m),
  },
  snp_lookup_rmpentry: {
    ...PLAIN,
    words: (s) => [`snp_lookup_rmpentry() pfn ${s.pfn}`, either('not assigned', 'assigned')],
    touches: ANYTHING,
    run: ({ launch }, s, m) => launch.rmpAssigned(m, s.pfn),
  },
  copy_to_page: {
    ...PLAIN,
    words: (s) => [`memcpy() of the initial image to pfn ${s.pfn}`],
    touches: ANYTHING,
    run: ({ launch }, s, m) => launch.copy(m, s.pfn),
  },
  folio_test_uptodate: {
    ...PLAIN,
    words: (s) => [`folio_test_uptodate() pfn ${s.pfn}`, truth],
    touches: ANYTHING,
    cast: 'launch',
    run: ({ machine: { at } }, s, m) => m[at.uptodate + s.pfn],
  },
  folio_mark_uptodate: {
    ...PLAIN,
    words: (s) => [`folio_mark_uptodate() pfn ${s.pfn}`],
    touches: ANYTHING,
    run: ({ launch }, s, m) => launch.markUptodate(m, s.pfn),
  },
  snp_launch_update: {
    ...PLAIN,
    words: (s) => [`SNP_LAUNCH_UPDATE pfn ${s.pfn}, gfn ${s.index}`, either('refused', '')],
    touches: ANYTHING,
    mover: 'wait',
    forbidsFill: (s, _iova, pfn) => s.pfn === pfn,
    run: ({ launch }, s, m) => launch.launchUpdate(m, s.index, s.pfn),
  },
  tdh_mr_extend: {
    ...PLAIN,
    words: (s) => [`TDH.MR.EXTEND gfn ${s.index}`, either('no leaf', '')],
    touches: ANYTHING,
    run: ({ launch }, s, m) => launch.extend(m, s.index),
  },
  tdh_mem_page_add: {
    ...PLAIN,
    words: (s) => [`TDH.MEM.PAGE.ADD gfn ${s.index} -> pfn ${s.pfn}`, either('refused', '')],
    touches: ANYTHING,
    mover: 'wait',
    forbidsFill: (s, _iova, pfn) => s.pfn === pfn,
    run: ({ launch }, s, m) => launch.pageAdd(m, s.index, s.pfn),
  },
} satisfies Rows<{ readonly machine: Machine; readonly launch: Launch }>;

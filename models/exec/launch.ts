// The launch of a guest (cast `launch`): what firmware and TDX module do with a page that is part of the initial
// image.

import { CONTENT, SEPT } from '../machine.ts';
import type { Exec, State } from './context.ts';
import type { PageState } from './page-state.ts';

export type Launch = ReturnType<typeof makeLaunch>;

export function makeLaunch(exec: Exec, pageState: PageState, written: (m: State, pfn: number) => void) {
  const { machine, view, snp, tdx, note } = exec;
  const { at } = machine;

  /** The measured image holds what the page holds. */
  const measured = (m: State, gfn: number, pfn: number): void => {
    if (!view.isPrivate(m, gfn)) note('populated-shared');
    if (m[at.content + pfn] === CONTENT.stale) note('stale-data-measured');
    note('populated');
  };
  return {
    finished: (m: State): number => m[at.launched],
    finish: (m: State): number => {
      m[at.launched] = 1;
      return 0;
    },
    rmpAssigned: (m: State, pfn: number): number => (snp ? m[at.rmp_assigned + pfn] : 0),
    copy: (m: State, pfn: number): number => {
      written(m, pfn);
      m[at.content + pfn] = CONTENT.host;
      return 0;
    },
    /** RMPUPDATE to private, 4K, immutable, then LAUNCH_UPDATE; firmware refuses once the launch is finished. */
    launchUpdate: (m: State, gfn: number, pfn: number): number => {
      if (m[at.rmp_assigned + pfn] === 1) note('populated-assigned');
      if (m[at.launched] === 1) return 0;
      pageState.assignOne(m, pfn, gfn);
      m[at.rmp_validated + pfn] = 1;
      measured(m, gfn, pfn);
      m[at.content + pfn] = CONTENT.guest;
      return 1;
    },
    /** TDH.MEM.PAGE.ADD: copies the source itself. */
    pageAdd: (m: State, gfn: number, pfn: number): number => {
      if (!tdx || !pageState.augment(m, gfn, pfn)) return 0;
      m[at.sept + gfn] = SEPT.mapped;
      m[at.content + pfn] = CONTENT.guest;
      measured(m, gfn, pfn);
      return 1;
    },
    /** TDH.MR.EXTEND */
    extend: (m: State, gfn: number): number => {
      if (tdx && m[at.sept + gfn] === SEPT.mapped) return 1;
      note('populated-leaf-gone');
      return 0;
    },
    markUptodate: (m: State, pfn: number): number => {
      m[at.uptodate + pfn] = 1;
      return 0;
    },
  };
}

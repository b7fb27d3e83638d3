// IOAS_CHANGE_PROCESS: the charge of file mappings moves to the current process.

import { tree } from './interval-tree.ts';
import { type Kernel, type task_struct, EBUSY, EINVAL, ULONG_MAX, warn_on } from './kernel.ts';
import { type AccountMode, type io_pagetable, type iopt_pages, iopt_areas } from './objects.ts';
import { iopt_pages_update_pinned } from './pages.ts';

/* NONE is left where it was, though it counts in pinned_vm as well (U9). */
export function need_charge_update(k: Kernel, pages: iopt_pages): boolean {
  if (pages.account_mode === 'NONE') return false;
  const otherMm = pages.source.mm !== k.current.mm;
  return pages.account_mode === 'MM' ? otherMm : otherMm || pages.source.user !== k.current.user;
}

const MODES = ['NONE', 'USER', 'MM'] as const;

function charge_current(k: Kernel, npinned: Readonly<Record<AccountMode, number>>): number {
  const charge = (account_mode: AccountMode, inc: boolean): number => {
    const tmp: iopt_pages = { ...emptyPages(k.current), account_mode };
    return iopt_pages_update_pinned(k, tmp, npinned[account_mode], inc, null);
  };
  for (const [done, mode] of MODES.entries()) {
    if (npinned[mode] === 0) continue;
    const rc = charge(mode, true);
    if (rc === 0) continue;
    for (const undo of MODES.slice(0, done)) if (npinned[undo] > 0) charge(undo, false);
    return rc;
  }
  return 0;
}

const emptyPages = (source: task_struct): iopt_pages => ({
  id: 0,
  kref: 1,
  locked: false,
  npages: 0,
  npinned: 0,
  last_npinned: 0,
  source,
  from: { type: 'USER', uptr: 0 },
  writable: true,
  account_mode: 'NONE',
  pinned_pfns: new Map(),
  access_itree: tree(),
  domains_itree: tree(),
});

/** Cleared, so that pages that several areas share are counted once. */
export function clear_last_npinned(pages: iopt_pages): void {
  pages.last_npinned = 0;
}

export function iommufd_ioas_change_process(k: Kernel, ioas: readonly io_pagetable[]): number {
  const areas = ioas.flatMap((iopt) => iopt_areas(iopt, 0, ULONG_MAX));
  const all = areas.flatMap((area) => (area.pages === null ? [] : [area.pages]));
  if (all.length < areas.length) return EBUSY;
  if (all.some((pages) => pages.from.type !== 'FILE')) return EINVAL;
  const npinned: Record<AccountMode, number> = { NONE: 0, USER: 0, MM: 0 };
  for (const pages of all) {
    if (!k.fn.need_charge_update(k, pages)) continue;
    npinned[pages.account_mode] += pages.last_npinned;
    k.fn.clear_last_npinned(pages);
  }
  const rc = charge_current(k, npinned);
  if (rc !== 0) {
    for (const pages of all) pages.last_npinned = pages.npinned;
    return rc;
  }
  for (const pages of all) {
    if (k.fn.need_charge_update(k, pages)) {
      const failed = k.fn.iopt_pages_update_pinned(k, pages, pages.npinned, false, null);
      warn_on(k, failed !== 0, 'iommufd_ioas_change_process', 'uncharging failed');
    }
    pages.source = k.current;
  }
  return 0;
}

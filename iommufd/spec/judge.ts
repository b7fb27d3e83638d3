// What the judgements of invariants.ts look at, one function each: null, or what is wrong.

import { PAGE_SIZE } from '../model/kernel.ts';
import { pinsOf } from '../model/memory.ts';
import {
  type iopt_area,
  type iopt_pages,
  iopt_area_index,
  iopt_area_last_index,
  iopt_area_length,
  iopt_dmabuf_revoked,
  iopt_is_dmabuf,
} from '../model/objects.ts';
import { leavesOf } from '../model/pt-table.ts';
import { type World, allAreas, allPages, pfnInDomain, pinnedIndexes, storedPfn } from '../runs/world.ts';

export function first<T>(list: readonly T[], wrong: (each: T) => string | null): string | null {
  for (const each of list) {
    const what = wrong(each);
    if (what !== null) return what;
  }
  return null;
}

export const counted = (world: World): iopt_pages[] =>
  allPages(world).filter((pages) => !iopt_is_dmabuf(pages));

export function npinnedDiffers(world: World): string | null {
  return first(counted(world), (pages) => {
    const held = pinnedIndexes(pages).size;
    return held === pages.npinned
      ? null
      : `pages ${pages.id}: npinned ${pages.npinned}, ${held} indexes are held`;
  });
}

/** How many indexes of PINNED lie in each folio, over all pages. */
export function expectedPins(world: World): Map<number, number> {
  const out = new Map<number, number>();
  for (const pages of counted(world))
    for (const index of pinnedIndexes(pages)) {
      const pfn = storedPfn(world.k, pages, index);
      const folio = pfn === null ? undefined : world.k.memory.folios.get(pfn);
      if (folio !== undefined) out.set(folio.pfn, (out.get(folio.pfn) ?? 0) + 1);
    }
  return out;
}

export function pinsDiffer(world: World): string | null {
  const expected = expectedPins(world);
  return first(world.k.memory.all, (folio) => {
    const pins = pinsOf(folio);
    const wanted = expected.get(folio.pfn) ?? 0;
    if (pins === wanted) return null;
    return `folio of ${folio.owner} at pfn ${folio.pfn}, order ${folio.order}: ${pins} pins, ${wanted} indexes are held`;
  });
}

export function xarrayDiffers(pages: iopt_pages): string | null {
  const covered = new Set<number>();
  for (const { node } of pages.access_itree.nodes)
    for (let i = node.start; i <= node.last; i++) covered.add(i);
  for (const index of pages.pinned_pfns.keys())
    if (!covered.has(index)) return `pages ${pages.id}: entry at ${index} that no access covers`;
  for (const index of covered)
    if (!pages.pinned_pfns.has(index))
      return `pages ${pages.id}: no entry at ${index}, which an access covers`;
  return null;
}

export function storageDiffers(area: iopt_area): string | null {
  const linked = area.pages?.domains_itree.nodes.some(({ of }) => of === area) ?? false;
  const filled = area.iopt.domains.length > 0 && area.pages !== null;
  const stored = area.storage_domain !== null;
  return linked === filled && stored === filled
    ? null
    : `area ${area.id}: in domains_itree ${linked}, storage domain ${stored}, to be filled ${filled}`;
}

export function domainDiffers(world: World, area: iopt_area): string | null {
  const { k } = world;
  const { pages } = area;
  if (pages === null || iopt_dmabuf_revoked(pages)) return null;
  return first(area.iopt.domains, (domain) => {
    for (let index = iopt_area_index(area); index <= iopt_area_last_index(area); index++) {
      const has = pfnInDomain(k, area, domain, index);
      const { from } = pages;
      const wants =
        from.type === 'DMABUF'
          ? (from.phys.paddr + from.start) / PAGE_SIZE + index
          : storedPfn(k, pages, index);
      if (has !== wants)
        return `area ${area.id}, index ${index}: pfn ${has} in domain ${domain.id}, ${wants} in pages`;
    }
    return null;
  });
}

export function domainHasMore(world: World): string | null {
  return first(world.iopts, (iopt) =>
    first(iopt.domains, (domain) => {
      const wanted = allAreas(world)
        .filter((area) => area.iopt === iopt && area.pages !== null && !iopt_dmabuf_revoked(area.pages))
        .reduce((sum, area) => sum + iopt_area_length(area), 0);
      const has = leavesOf(domain).reduce((sum, leaf) => sum + 2 ** leaf.lg2, 0);
      return has === wanted ? null : `domain ${domain.id} maps ${has} bytes, its areas have ${wanted}`;
    }),
  );
}

export function detachedHasLeaves(world: World): string | null {
  const attached = new Set(world.iopts.flatMap((iopt) => iopt.domains));
  return first(world.k.domains, (domain) =>
    attached.has(domain) || leavesOf(domain).length === 0
      ? null
      : `domain ${domain.id} is detached and still maps`,
  );
}

export function areasMeet(world: World): string | null {
  return first(world.iopts, (iopt) => {
    const nodes = [...iopt.area_itree.nodes, ...iopt.reserved_itree.nodes];
    for (const [i, { node }] of iopt.area_itree.nodes.entries())
      if (nodes.some((other, j) => j !== i && other.node.start <= node.last && other.node.last >= node.start))
        return `area at iova ${node.start} meets another area, or a reserved range`;
    for (const { node } of iopt.allowed_itree.nodes)
      if (iopt.reserved_itree.nodes.some((r) => r.node.start <= node.last && r.node.last >= node.start))
        return `allowed and reserved ranges meet at iova ${node.start}`;
    return null;
  });
}

export function accountsDiffer(world: World): string | null {
  const tasks = new Map<object, { pinned: number; locked: number; user: number; has: World['first'] }>();
  for (const task of [world.first, world.k.current])
    tasks.set(task.mm, { pinned: 0, locked: 0, user: 0, has: task });
  for (const pages of counted(world)) {
    const sums = tasks.get(pages.source.mm);
    if (sums === undefined) continue;
    sums.pinned += pages.npinned;
    if (pages.account_mode === 'MM') sums.locked += pages.npinned;
    if (pages.account_mode === 'USER') sums.user += pages.npinned;
  }
  return first([...tasks.values()], ({ pinned, locked, user, has }) => {
    /* Nobody reads the counts of a process that is gone. */
    if (has.mm.users === 0) return null;
    if (has.mm.pinned_vm !== pinned)
      return `pinned_vm of ${has.mm.name} is ${has.mm.pinned_vm}, npinned ${pinned}`;
    if (has.mm.locked_vm !== locked)
      return `mm->locked_vm of ${has.mm.name} is ${has.mm.locked_vm}, ${locked} are due`;
    if (has.user.locked_vm !== user) return `user->locked_vm is ${has.user.locked_vm}, ${user} are due`;
    return null;
  });
}

export function trackerDiffers(pages: iopt_pages): string | null {
  const { from } = pages;
  if (from.type !== 'DMABUF') return null;
  if (pages.npinned !== 0 || pages.account_mode !== 'NONE' || pages.access_itree.nodes.length > 0)
    return `pages ${pages.id} of a dma-buf are pinned, charged or accessed`;
  const areas = new Set(pages.domains_itree.nodes.map(({ of }) => of));
  const wanted = [...areas].reduce((sum, area) => sum + area.iopt.domains.length, 0);
  const right = from.tracker.every(
    ({ area, domain }) => areas.has(area) && area.iopt.domains.includes(domain),
  );
  return right && from.tracker.length === wanted
    ? null
    : `pages ${pages.id}: ${from.tracker.length} nodes in the tracker, ${wanted} pairs of area and domain`;
}

export function mmUsersDiffer(world: World): string | null {
  return first([world.first, world.k.current], ({ mm }) =>
    mm.users <= 1 ? null : `mm_users of ${mm.name} is ${mm.users} with no call under way`,
  );
}

// The state of an IOAS and what it holds, as text: to compare before and after a call that failed.

import { pinsOf } from '../model/memory.ts';
import { leavesOf } from '../model/pt-table.ts';
import { type World, allAreas, allPages } from './world.ts';

export function snapshot(world: World): string {
  const lines: string[] = [];
  for (const iopt of world.iopts) {
    lines.push(
      `ioas ${iopt.id} align ${iopt.iova_alignment} domains ${iopt.domains.map(({ id }) => id).join(' ')}`,
    );
    lines.push(
      `reserved ${iopt.reserved_itree.nodes.map(({ node }) => `${node.start}-${node.last}`).join(' ')}`,
    );
    for (const domain of iopt.domains)
      lines.push(
        `domain ${domain.id}: ${leavesOf(domain)
          .map((l) => `${l.iova}>${l.oa}/${l.lg2}`)
          .join(' ')}`,
      );
  }
  for (const area of allAreas(world))
    lines.push(
      `area iova ${area.node.start}-${area.node.last} index ${area.pages_node.start}-${area.pages_node.last}` +
        ` accesses ${area.num_accesses} locks ${area.num_locks} storage ${area.storage_domain?.id ?? '-'}`,
    );
  for (const pages of allPages(world)) {
    const tracked = pages.from.type === 'DMABUF' ? pages.from.tracker.length : 0;
    lines.push(`pages ${pages.id} kref ${pages.kref} npinned ${pages.npinned} tracked ${tracked}`);
    lines.push(`xarray ${[...pages.pinned_pfns].sort((a, b) => a[0] - b[0]).join(' ')}`);
    lines.push(
      `accesses ${pages.access_itree.nodes.map(({ node, of }) => `${node.start}-${node.last}*${of.users}`).join(' ')}`,
    );
  }
  for (const folio of world.k.memory.all)
    if (pinsOf(folio) !== 0) lines.push(`folio ${folio.pfn} pins ${pinsOf(folio)}`);
  for (const task of new Set([world.first, world.k.current]))
    lines.push(
      `${task.mm.name} users ${task.mm.users} pinned ${task.mm.pinned_vm} locked ${task.mm.locked_vm} ${task.user.locked_vm}`,
    );
  return lines.join('\n');
}

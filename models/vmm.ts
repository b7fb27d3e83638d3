// User space that does as documented, and the guest that asks it: the sequences of the cooperative VMM, on the vCPU's
// own thread. vmm_lock is user space's own (QEMU's BQL): a cooperative VMM runs one sequence at a time.

import {
  type Arch,
  type BaseCalls,
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  each_page,
  gmem_is_private,
  guest_accept,
  guest_rescind,
  lock,
  unlock,
} from '../api/index.ts';

/* MODEL: a refused conversion is not tried again; the guest is told that it is done. */
/** The maximal runs of pages of one kind that belong into the host's IO page table. */
function* runsToMap(pages: number, without: Range | null, arch: Arch): Steps<Range[]> {
  const runs: { start: number; end: number; isPrivate: boolean }[] = [];
  for (let index = 0; index < pages; index++) {
    if (without !== null && index >= without.start && index < without.end) continue;
    const isPrivate = yield* gmem_is_private(index);
    if (isPrivate && !arch.maps_private) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.end === index && last.isPrivate === isPrivate) last.end++;
    else runs.push({ start: index, end: index + 1, isPrivate });
  }
  return runs.map(({ start, end }) => ({ start, end }));
}

export function makeCooperative(policy: Policy, base: BaseCalls, arch: Arch, pages: number) {
  const all = { start: 0, end: pages };
  const { unmap_before = false, map_after = false, unmap_before_punch = false } = policy.vmm ?? {};
  const maps = policy.ioas_map_file !== undefined;

  function* remap(without: Range | null): Steps<void> {
    const runs = yield* runsToMap(pages, without, arch);
    for (const run of runs) yield* call(base.map_file, run);
  }

  return {
    /** Plug: IOMMU_IOAS_MAP_FILE of what the guest may use for DMA now. */
    *plug(): Steps<Result> {
      if (!maps) return 0;
      yield* lock('vmm_lock');
      yield* call(remap, null);
      yield* unlock('vmm_lock');
      return 0;
    },
    /** Page-state change asked for by the guest: rescind, hypercall, user space, accept. */
    psc: (to: 'private' | 'shared') =>
      function* map_gpa_range(range: Range): Steps<Result> {
        for (const gfn of each_page(range)) yield* guest_rescind(gfn);
        yield* lock('vmm_lock');
        const wasMapped = maps && unmap_before && (yield* call(base.unmap, all)) === 0;
        yield* call(to === 'private' ? base.convert_private : base.convert_shared, range);
        if (maps && (wasMapped || (map_after && !unmap_before))) yield* call(remap, null);
        yield* unlock('vmm_lock');
        for (const gfn of each_page(range)) yield* guest_accept(gfn);
        return 0;
      },
    /** Unplug: the guest has given the range up; out of the IOMMU first where that is documented. */
    *unplug(range: Range): Steps<Result> {
      for (const gfn of each_page(range)) yield* guest_rescind(gfn);
      yield* lock('vmm_lock');
      const wasMapped = maps && unmap_before_punch && (yield* call(base.unmap, all)) === 0;
      yield* call(base.punch_hole, range);
      if (wasMapped) yield* call(remap, range);
      yield* unlock('vmm_lock');
      return 0;
    },
  };
}

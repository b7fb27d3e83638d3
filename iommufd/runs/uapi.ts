// What the ioctls test before they call io_pagetable.c, in their order: ioas.c.

import { type Mapped, iopt_copy, iopt_map_file_pages, iopt_map_user_pages } from '../model/area.ts';
import { IOMMU_CACHE, IOMMU_READ, IOMMU_WRITE } from '../model/iommu.ts';
import { type Kernel, EINVAL, ENOENT, EOPNOTSUPP, EOVERFLOW, ULONG_MAX } from '../model/kernel.ts';
import type { File } from '../model/memory.ts';
import type { io_pagetable } from '../model/objects.ts';
import { type Unmapped, iopt_unmap_all, iopt_unmap_iova } from '../model/unmap.ts';

export const FIXED_IOVA = 1;
export const WRITEABLE = 2;
export const READABLE = 4;
/* One more than an unsigned long holds: what user space puts into a u64. */
export const U64_MAX = Number.MAX_VALUE;

interface MapFlags {
  readonly flags: number;
  readonly reserved?: number;
  readonly iova: number;
  readonly length: number;
}

const fail = (rc: number): Mapped => ({ rc, iova: 0 });

function checkMap(cmd: MapFlags): number {
  if ((cmd.flags & ~(FIXED_IOVA | WRITEABLE | READABLE)) !== 0 || (cmd.reserved ?? 0) !== 0)
    return EOPNOTSUPP;
  if (cmd.iova >= ULONG_MAX || cmd.length >= ULONG_MAX) return EOVERFLOW;
  return (cmd.flags & (WRITEABLE | READABLE)) === 0 ? EINVAL : 0;
}

const prot = (flags: number): number =>
  IOMMU_CACHE | ((flags & WRITEABLE) === 0 ? 0 : IOMMU_WRITE) | ((flags & READABLE) === 0 ? 0 : IOMMU_READ);
const iovaOf = (cmd: MapFlags): number | null => ((cmd.flags & FIXED_IOVA) === 0 ? null : cmd.iova);

export function ioas_map(
  k: Kernel,
  ioas: io_pagetable | null,
  cmd: MapFlags & { readonly user_va: number },
): Mapped {
  const rc = checkMap(cmd);
  if (rc !== 0) return fail(rc);
  if (ioas === null) return fail(ENOENT);
  const request = { iova: iovaOf(cmd), length: cmd.length, prot: prot(cmd.flags) };
  return iopt_map_user_pages(k, ioas, cmd.user_va, request);
}

export function ioas_map_file(
  k: Kernel,
  ioas: io_pagetable | null,
  cmd: MapFlags & { readonly file: File | null; readonly start: number },
): Mapped {
  const rc = checkMap({ ...cmd, reserved: 0 });
  if (rc !== 0) return fail(rc);
  if (ioas === null) return fail(ENOENT);
  const request = { iova: iovaOf(cmd), length: cmd.length, prot: prot(cmd.flags) };
  return iopt_map_file_pages(k, ioas, cmd.file, cmd.start, request);
}

export function ioas_copy(
  k: Kernel,
  src: io_pagetable | null,
  dst: io_pagetable | null,
  cmd: {
    readonly flags: number;
    readonly src_iova: number;
    readonly dst_iova: number;
    readonly length: number;
  },
): Mapped {
  if ((cmd.flags & ~(FIXED_IOVA | WRITEABLE | READABLE)) !== 0) return fail(EOPNOTSUPP);
  if ([cmd.length, cmd.src_iova, cmd.dst_iova].some((value) => value >= ULONG_MAX)) return fail(EOVERFLOW);
  if ((cmd.flags & (WRITEABLE | READABLE)) === 0) return fail(EINVAL);
  if (src === null) return fail(ENOENT);
  const iova = (cmd.flags & FIXED_IOVA) === 0 ? null : cmd.dst_iova;
  return iopt_copy(k, src, cmd.src_iova, dst, { iova, length: cmd.length, prot: prot(cmd.flags) });
}

/** On an error the bytes that were unmapped are not told. */
export function ioas_unmap(
  k: Kernel,
  ioas: io_pagetable | null,
  cmd: { readonly iova: number; readonly length: number },
): Unmapped {
  const none = (rc: number): Unmapped => ({ rc, unmapped: 0 });
  if (ioas === null) return none(ENOENT);
  if (cmd.iova === 0 && cmd.length === U64_MAX) {
    const all = iopt_unmap_all(k, ioas);
    return all.rc === 0 ? all : none(all.rc);
  }
  if (cmd.iova >= ULONG_MAX || cmd.length >= ULONG_MAX) return none(EOVERFLOW);
  const done = iopt_unmap_iova(k, ioas, cmd.iova, cmd.length);
  if (done.rc !== 0) return none(done.rc);
  return done.unmapped === 0 ? none(ENOENT) : done;
}

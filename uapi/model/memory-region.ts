// KVM_SET_USER_MEMORY_REGION2: kvm_set_memory_region() of Linux 7.2, with kvm_gmem_bind().

import { kvm_gmem_bind, kvm_gmem_bind_rfc_v2 } from './bind.ts';
import {
  type Context,
  type Errno,
  KVM_MEM_GUEST_MEMFD,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  copy_from_user,
  u64,
} from './context.ts';

export interface MemoryRegionArgs {
  /** Address space in the upper 16 bits. */
  readonly slot: bigint;
  readonly flags: bigint;
  readonly guest_phys_addr: bigint;
  readonly memory_size: bigint;
  readonly userspace_addr: bigint;
  readonly guest_memfd_offset: bigint;
  /** userspace_addr lies in a mapping of the file, at guest_memfd_offset. */
  readonly maps_gmem: boolean;
}

export const KVM_USER_MEM_SLOTS = 32764n; /* SHRT_MAX, less the 3 internal ones of x86 */
export const KVM_MEM_MAX_NR_PAGES = (1n << 31n) - 1n;
/** access_ok() on x86-64 with 4-level page tables. */
export const TASK_SIZE_MAX = (1n << 47n) - (1n << PAGE_SHIFT);
/** kvm_mmu_max_gfn() + 1, with 52 bits of physical address. */
export const MAX_GFN_END = 1n << 40n;

/** @user: every tagged or kernel address fails, and so does a range that reaches beyond user space. */
export const access_ok = (addr: bigint, size: bigint): boolean =>
  size <= TASK_SIZE_MAX && addr <= TASK_SIZE_MAX - size;

/* MODEL: x86; a VM with private memory has protected state (SNP, TDX), so that it has no read-only memslots. */
export function check_memory_region_flags(ctx: Context, mem: MemoryRegionArgs): 0 | Errno {
  let valid_flags = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_GUEST_MEMFD;
  if (mem.flags & KVM_MEM_GUEST_MEMFD) valid_flags &= ~KVM_MEM_LOG_DIRTY_PAGES;
  else if (!ctx.has_private_mem) valid_flags |= KVM_MEM_READONLY;
  return mem.flags & ~valid_flags ? '-EINVAL' : 0;
}

export const offsetIsInvalid = (mem: MemoryRegionArgs): boolean =>
  !PAGE_ALIGNED(mem.guest_memfd_offset) ||
  u64(mem.guest_memfd_offset + mem.memory_size) < mem.guest_memfd_offset;

/** What may be replaced by a planted fault. */
export interface MemoryRegionParts {
  readonly bind: (ctx: Context, mem: MemoryRegionArgs) => 0 | Errno;
  readonly offsetIsInvalid: (mem: MemoryRegionArgs) => boolean;
  readonly bindFirst: boolean;
}
const partsOf = (ctx: Context): MemoryRegionParts => ({
  bind: ctx.base === 'rfc-v2' ? kvm_gmem_bind_rfc_v2 : kvm_gmem_bind,
  offsetIsInvalid,
  bindFirst: false,
});

/** The checks that need no memslot. */
function checkArguments(ctx: Context, mem: MemoryRegionArgs, parts: MemoryRegionParts): 0 | Errno {
  const as_id = mem.slot >> 16n;
  if (check_memory_region_flags(ctx, mem)) return '-EINVAL';
  if (!PAGE_ALIGNED(mem.memory_size)) return '-EINVAL';
  if (!PAGE_ALIGNED(mem.guest_phys_addr)) return '-EINVAL';
  if (!PAGE_ALIGNED(mem.userspace_addr) || !access_ok(mem.userspace_addr, mem.memory_size)) return '-EINVAL';
  if (mem.flags & KVM_MEM_GUEST_MEMFD && parts.offsetIsInvalid(mem)) return '-EINVAL';
  /* kvm_arch_nr_memslot_as_ids(): no SMM where there is private memory */
  if (as_id >= (ctx.has_private_mem ? 1n : 2n)) return '-EINVAL';
  if (u64(mem.guest_phys_addr + mem.memory_size) < mem.guest_phys_addr) return '-EINVAL';
  if (mem.memory_size >> PAGE_SHIFT > KVM_MEM_MAX_NR_PAGES) return '-EINVAL';
  return 0;
}

type Change = 'create' | 'move' | 'flags only' | 'none';

/* MODEL: the slots of the context are those of address space 0; the other one is empty. */
function changeOf(ctx: Context, mem: MemoryRegionArgs): Change | Errno {
  const npages = mem.memory_size >> PAGE_SHIFT;
  const old = mem.slot >> 16n ? undefined : ctx.slots.find(({ id }) => id === mem.slot);
  if (old === undefined) return 'create';
  if (mem.flags & KVM_MEM_GUEST_MEMFD) return '-EINVAL';
  /* Before Linux 7.2 the flag of guest_memfd was not among those that must stay (docs/objections.md D2). */
  const fixed = ctx.base === 'rfc-v2' ? KVM_MEM_READONLY : KVM_MEM_READONLY | KVM_MEM_GUEST_MEMFD;
  if (
    mem.userspace_addr !== old.userspace_addr ||
    npages !== old.npages ||
    ((mem.flags ^ old.flags) & fixed) !== 0n
  )
    return '-EINVAL';
  if (mem.guest_phys_addr >> PAGE_SHIFT !== old.base_gfn) return 'move';
  return mem.flags === old.flags ? 'none' : 'flags only';
}

export const kvm_check_memslot_overlap = (ctx: Context, mem: MemoryRegionArgs): boolean => {
  const base_gfn = mem.guest_phys_addr >> PAGE_SHIFT;
  const end = base_gfn + (mem.memory_size >> PAGE_SHIFT);
  if (mem.slot >> 16n) return false;
  return ctx.slots.some(
    (slot) => slot.id !== mem.slot && slot.base_gfn < end && base_gfn < slot.base_gfn + slot.npages,
  );
};

function kvm_set_memory_region(ctx: Context, mem: MemoryRegionArgs, parts: MemoryRegionParts): 0 | Errno {
  const invalid = checkArguments(ctx, mem, parts);
  if (invalid) return invalid;
  if (mem.memory_size === 0n) {
    const missing = mem.slot >> 16n || !ctx.slots.some(({ id }) => id === mem.slot);
    if (missing) return '-EINVAL';
    return ctx.allocations === 'succeed' ? 0 : '-ENOMEM';
  }
  const change = changeOf(ctx, mem);
  if (change === 'none') return 0;
  if (change !== 'create' && change !== 'move' && change !== 'flags only') return change;
  const bound = mem.flags & KVM_MEM_GUEST_MEMFD ? parts.bind(ctx, mem) : 0;
  if (parts.bindFirst && bound) return bound;
  if (change !== 'flags only' && kvm_check_memslot_overlap(ctx, mem)) return '-EEXIST';
  if (ctx.allocations === 'fail') return '-ENOMEM';
  if (bound) return bound;
  /* kvm_set_memslot(), kvm_arch_prepare_memory_region(). MODEL: the dirty bitmap is there. */
  if (change === 'flags only') return 0;
  if (change === 'move' && ctx.allocations === 'fail later') return '-ENOMEM';
  if ((mem.guest_phys_addr + mem.memory_size) >> PAGE_SHIFT > MAX_GFN_END) return '-EINVAL';
  if (ctx.allocations === 'fail later') return '-ENOMEM';
  return 0;
}

/** KVM_SET_USER_MEMORY_REGION2, with something of it replaced. */
export function withParts(ctx: Context, mem: MemoryRegionArgs, parts: Partial<MemoryRegionParts>): Outcome {
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  if ((mem.slot & 0xffffn) >= KVM_USER_MEM_SLOTS) return { ret: '-EINVAL' };
  return { ret: kvm_set_memory_region(ctx, mem, { ...partsOf(ctx), ...parts }) };
}

export const kvm_vm_ioctl_set_memory_region = (ctx: Context, mem: MemoryRegionArgs): Outcome =>
  withParts(ctx, mem, {});

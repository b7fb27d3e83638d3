// KVM_SEV_SNP_LAUNCH_UPDATE: snp_launch_update(), behind sev_mem_enc_ioctl(). Linux 7.2 and v8.

import {
  type Context,
  type Errno,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  copy_from_user,
  copy_to_user,
  gfn_to_memslot,
  kvm_slot_has_gmem,
} from './context.ts';
import { kvm_gmem_populate } from './populate.ts';

export interface SnpLaunchUpdateArgs {
  readonly gfn_start: bigint;
  readonly uaddr: bigint;
  readonly len: bigint;
  readonly type: number;
  readonly flags: bigint;
}

export const KVM_SEV_SNP_PAGE_TYPE_NORMAL = 0x1;
export const KVM_SEV_SNP_PAGE_TYPE_ZERO = 0x3;
export const KVM_SEV_SNP_PAGE_TYPE_UNMEASURED = 0x4;
export const KVM_SEV_SNP_PAGE_TYPE_SECRETS = 0x5;
export const KVM_SEV_SNP_PAGE_TYPE_CPUID = 0x6;
const TYPES = [
  KVM_SEV_SNP_PAGE_TYPE_NORMAL,
  KVM_SEV_SNP_PAGE_TYPE_ZERO,
  KVM_SEV_SNP_PAGE_TYPE_UNMEASURED,
  KVM_SEV_SNP_PAGE_TYPE_SECRETS,
  KVM_SEV_SNP_PAGE_TYPE_CPUID,
];

function sev_gmem_post_populate(ctx: Context, gfn: bigint, type: number, hasSource: boolean): 0 | Errno {
  /* Linux 7.2 warns here. */
  if (!ctx.gmem_in_place_conversion && type !== KVM_SEV_SNP_PAGE_TYPE_ZERO && !hasSource) return '-EINVAL';
  if (ctx.assigned_gfn === gfn) return '-EEXIST';
  /* the firmware takes no page after SNP_LAUNCH_FINISH */
  if (ctx.firmware_fails || ctx.launch === 'finished') return '-EIO';
  return 0;
}

/* MODEL: the VM is an SNP guest and no mirror, and the command itself is readable. */
export function snp_launch_update(ctx: Context, params: SnpLaunchUpdateArgs): Outcome {
  /* sev->snp_context */
  if (ctx.launch === 'not started') return { ret: '-EINVAL' };
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  if (!params.len || !PAGE_ALIGNED(params.len) || params.flags || !TYPES.includes(params.type))
    return { ret: '-EINVAL' };
  const src = params.type === KVM_SEV_SNP_PAGE_TYPE_ZERO ? 0n : params.uaddr;
  if (!PAGE_ALIGNED(src)) return { ret: '-EINVAL' };
  const memslot = gfn_to_memslot(ctx, params.gfn_start);
  if (!kvm_slot_has_gmem(memslot)) return { ret: '-EINVAL' };
  const npages = params.len >> PAGE_SHIFT;
  const count = kvm_gmem_populate(ctx, params.gfn_start, src !== 0n, 0n, npages, (gfn, hasSource) =>
    sev_gmem_post_populate(ctx, gfn, params.type, hasSource),
  );
  if (typeof count !== 'bigint') return { ret: '-EIO' };
  if (!copy_to_user(ctx)) return { ret: '-EFAULT' };
  return { ret: 0, done: count };
}

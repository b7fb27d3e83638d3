// Planted: reserved[] of KVM_CREATE_GUEST_MEMFD must be 0; it is not looked at.

import type { Context, Outcome } from '../model/context.ts';
import { type CreateArgs, kvm_vm_ioctl_create_guest_memfd } from '../model/create.ts';

export const createReserved = (ctx: Context, args: CreateArgs): Outcome => {
  const outcome = kvm_vm_ioctl_create_guest_memfd(ctx, args);
  return outcome.ret !== '-EFAULT' && args.reserved ? { ret: '-EINVAL' } : outcome;
};

// Planted: SNP_LAUNCH_UPDATE hands the errno of populate on; it is -EIO, whatever it was.

import type { Context, Outcome } from '../model/context.ts';
import { type SnpLaunchUpdateArgs, snp_launch_update } from '../model/snp-launch-update.ts';

export const launchErrno = (ctx: Context, args: SnpLaunchUpdateArgs): Outcome => {
  const outcome = snp_launch_update(ctx, args);
  return outcome.ret === '-EIO' && ctx.assigned_gfn === args.gfn_start ? { ret: '-EEXIST' } : outcome;
};

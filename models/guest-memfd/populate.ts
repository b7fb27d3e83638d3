// kvm_gmem_populate(): the initial image of a guest, KVM_SEV_SNP_LAUNCH_UPDATE and KVM_TDX_INIT_MEM_REGION (cast
// `launch`).

import {
  type Arch,
  type Range,
  type Result,
  type Steps,
  call,
  down_write,
  each_page,
  clear_highpage,
  folio_mark_uptodate,
  folio_put,
  folio_test_hwpoison,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  kvm_mem_is_private,
  launch_finish,
  launch_finished,
  lock,
  unlock,
  up_write,
} from '../../api/index.ts';
import { clip_to_slot, kvm_gmem_get_index } from '../kvm/memslots.ts';
import { launchOf } from '../platforms/index.ts';
import type { MayFail } from './failure.ts';
import { populateUnlocked } from './rfc-v2/populate.ts';

/* MODEL: the source of populate is memory of the VMM's own, pinned before invalidate_lock, and always there. */
/** One page, under invalidate_lock. The attribute is looked at with the folio unlocked; slots_lock or it keeps it. */
function* __kvm_gmem_populate(gfn: number, arch: Arch): Steps<Result> {
  const index = kvm_gmem_get_index(gfn, arch);
  yield* down_write('invalidate_lock');
  const pfn = yield* kvm_gmem_get_folio(index);
  let result: Result = pfn === null ? '-ENOMEM' : 0;
  if (pfn !== null) {
    if (yield* folio_test_hwpoison(pfn)) result = '-EHWPOISON';
    else if (arch.base === 'v8') yield* clear_highpage(pfn);
    yield* folio_unlock(pfn);
    if (result === 0 && !(yield* arch.in_place ? gmem_is_private(index) : kvm_mem_is_private(gfn)))
      result = '-EINVAL';
    if (result === 0) result = yield* call(launchOf(arch).post_populate, gfn, pfn);
    if (result === 0 && arch.base !== 'v8') yield* folio_mark_uptodate(pfn);
    yield* folio_put(pfn);
  }
  yield* up_write('invalidate_lock');
  return result;
}

export type PopulatePage = (gfn: number, arch: Arch) => Steps<Result>;

export interface LaunchOptions {
  readonly arch: Arch;
  readonly mayFail: MayFail;
  readonly release: () => Steps<void>;
}

export function makeLaunchCalls({ arch, mayFail, release }: LaunchOptions, page: PopulatePage) {
  /** Stops at the first page that fails, and at the end of the slot; what was done before makes it a success. */
  function* kvm_gmem_populate(range: Range): Steps<Result> {
    for (const gfn of each_page(clip_to_slot(range, arch))) {
      const failed = (yield* mayFail('signal_pending')) ? '-EINTR' : yield* call(page, gfn, arch);
      if (failed !== 0) return gfn > range.start ? 0 : failed;
    }
    return 0;
  }
  const populate_locked = launchOf(arch).region({ arch, mayFail, populate: kvm_gmem_populate, page });
  return {
    *populate(range: Range): Steps<Result> {
      yield* lock('slots_lock');
      const { result, last } = yield* call(populate_locked, range);
      yield* unlock('slots_lock');
      if (last) yield* call(release);
      return result;
    },
    /* MODEL: on SNP the launch is finished under kvm->lock, which SNP_LAUNCH_UPDATE holds too; here slots_lock. */
    /** KVM_SEV_SNP_LAUNCH_FINISH, KVM_TDX_FINALIZE_VM. */
    *finish(): Steps<Result> {
      yield* lock('slots_lock');
      yield* launch_finish();
      yield* unlock('slots_lock');
      return 0;
    },
    /* MODEL: KVM_RUN during the launch is -EINVAL, as on TDX; on SNP VMRUN takes no VMSA: KVM_EXIT_FAIL_ENTRY. */
    whenLaunched: <A extends readonly never[]>(run: (...args: A) => Steps<unknown>) =>
      function* kvm_run(...args: A): Steps<unknown> {
        return (yield* launch_finished()) ? yield* run(...args) : '-EINVAL';
      },
  };
}

export const populatePage = ({ base }: Arch): PopulatePage =>
  base === 'rfc-v2' ? populateUnlocked : __kvm_gmem_populate;

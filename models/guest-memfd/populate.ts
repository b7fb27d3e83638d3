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
  fput,
  get_file_active,
  gfn_to_memslot,
  gmem_is_private,
  kvm_gmem_get_folio,
  kvm_mem_is_private,
  launch_finish,
  launch_finished,
  lock,
  unlock,
  up_write,
} from '../../api/index.ts';
import { clip_to_slot, in_same_slot, kvm_gmem_get_index } from '../kvm/memslots.ts';
import type { MayFail } from './failure.ts';
import { postPopulate } from './post-populate.ts';
import { populateUnlocked } from './rfc-v2/populate.ts';

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
    if (result === 0) result = yield* postPopulate(gfn, pfn, arch);
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

interface Populated {
  readonly result: Result;
  /** The file's last reference was dropped: task work releases it, once slots_lock is dropped. */
  readonly last: boolean;
}

export function makeLaunchCalls({ arch, mayFail, release }: LaunchOptions, page: PopulatePage) {
  const refused = (result: Result): Populated => ({ result, last: false });

  /** Stops at the first page that fails, and at the end of the slot; what was done before makes it a success. */
  function* kvm_gmem_populate(range: Range): Steps<Result> {
    for (const gfn of each_page(clip_to_slot(range, arch))) {
      const failed = (yield* mayFail('signal_pending')) ? '-EINTR' : yield* call(page, gfn, arch);
      if (failed !== 0) return gfn > range.start ? 0 : failed;
    }
    return 0;
  }
  /** One call of kvm_gmem_populate() for all of the range. Whatever failed in it, user space is told -EIO. */
  function* snp_launch_update(range: Range): Steps<Populated> {
    if ((yield* gfn_to_memslot(range.start)) !== 'valid') return refused('-EINVAL');
    if (!(yield* get_file_active(range.start))) return refused('-EIO');
    const failed = (yield* call(kvm_gmem_populate, range)) !== 0;
    return { result: failed ? '-EIO' : 0, last: yield* fput() };
  }

  /** kvm_gmem_populate() of one page, whose slot is looked up in every call: slots_lock keeps what was found. */
  function* populate_one(gfn: number, sameSlot: boolean): Steps<Populated> {
    if (yield* mayFail('signal_pending')) return refused('-EINTR');
    if (!sameSlot && (yield* gfn_to_memslot(gfn)) !== 'valid') return refused('-EINVAL');
    if (!(yield* get_file_active(gfn))) return refused('-EFAULT');
    const result = yield* call(page, gfn, arch);
    return { result, last: yield* fput() };
  }
  /** The errno of the page that fails, also where others were done before it: the region says how many. */
  function* tdx_vcpu_init_mem_region(range: Range): Steps<Populated> {
    /* TD_STATE_RUNNABLE */
    if (yield* launch_finished()) return refused('-EINVAL');
    let last = false;
    for (const gfn of each_page(range)) {
      const sameSlot = gfn > range.start && in_same_slot(gfn - 1, gfn, arch);
      const done = yield* call(populate_one, gfn, sameSlot);
      if (done.last) last = true;
      if (done.result !== 0) return { result: done.result, last };
    }
    return { result: 0, last };
  }
  const populate_locked = arch.platform === 'tdx' ? tdx_vcpu_init_mem_region : snp_launch_update;
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

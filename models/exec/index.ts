// tidy: long because the interpreter is one switch over the vocabulary
// apply(machine, thread, step): what each step of the vocabulary does to the machine, and what the agents do
// by themselves.

import { AREA_END_BITS, FOLIO_PFN_BITS, LOCKS, type LockName, type Step } from '../../api/index.ts';
import { EVENT, type EventName } from '../events.ts';
import { type Machine, SLOT } from '../machine.ts';
import { platformTables } from '../platforms/index.ts';
import { type View, makeView } from '../view.ts';
import { type Agent, type Mover, agentsOf, mayForbid, moverOf, timelyOf } from './agents.ts';
import { BLOCKED, type Exec, type State } from './context.ts';
import { makeAccess } from './access.ts';
import { makeAts } from './ats.ts';
import { makeAttributes } from './attributes.ts';
import { makeBracket } from './bracket.ts';
import { makeConversion } from './conversion.ts';
import { makeDmabuf } from './dmabuf.ts';
import { makeFile } from './file.ts';
import { makeHost } from './host.ts';
import { makeIommu } from './iommu.ts';
import { makeKvm } from './kvm.ts';
import { makeLru } from './lru.ts';
import { type Lockdep, makeLockdep } from './lockdep.ts';
import { makeLaunch } from './launch.ts';
import { type Meetings, makeMeetings } from './meetings.ts';
import { makeMemory } from './memory.ts';
import { makeMemslot } from './memslot.ts';
import { makePointer } from './pointer.ts';
import { makePageState } from './page-state.ts';
import { makeVmsa } from './vmsa.ts';

/** A step number without a step: the policy yielded something else. */
export class NotAStep extends Error {
  override readonly name = 'NotAStep';
}
/** A lock released by somebody who does not hold it. */
export class NotHeld extends Error {
  override readonly name = 'NotHeld';
}

export interface Interpreter {
  readonly view: View;
  /** Number of the step; equal steps have equal numbers. Throws NotAStep. */
  readonly compile: (step: unknown) => number;
  readonly width: (op: number) => number;
  readonly stepOf: (op: number) => Step;
  readonly isRelease: (op: number) => boolean;
  readonly meetings: Meetings;
  readonly isAcquire: (op: number, m: State, thread: number) => boolean;
  /** An IOTLB fill is tried before this step. */
  readonly mayForbid: (op: number) => boolean;
  readonly mayWait: (op: number) => boolean;
  /** False where an agent may as well act later; `pending` has the step of each thread, -1 where it is idle. */
  readonly isTimely: (m: State, agent: number, pending: Int32Array) => boolean;
  /** Answer, or BLOCKED with the machine untouched. Throws NotHeld. */
  readonly apply: (m: State, thread: number, op: number) => number;
  readonly agents: readonly Agent[];
  readonly lockdep: Lockdep;
}

const FILTERS = { both: 0, private: 1, shared: 2 } as const;

/** The number of different answers of each kind of step. */
function widthOf(machine: Machine, step: Step): number {
  switch (step.op) {
    case 'kvm_gmem_get_folio':
    case 'filemap_lock_folio':
    case 'hva_to_pfn':
    case 'iommu_iova_to_phys':
    case 'iopt_dmabuf_phys':
    case 'read_host_pte':
    case 'xas_load':
      return machine.pfns + 1;
    case 'safe_refcount':
    case 'kvm_check_vmsa_request':
      return machine.pages + 1;
    case 'get_invalidate_filter':
      return 4;
    case 'dma_buf_attachments':
      return 2 ** machine.pages;
    case 'filemap_get_folios':
      return 2 ** (step.end - step.start);
    case 'compute_work':
      return 2 ** (step.end - step.start + 1);
    case 'gmem_invalidate_seq':
    case 'mmu_invalidate_seq':
      return 16;
    case 'iopt_insert_area':
    case 'split_folio':
    case 'merge_folio':
    case 'gfn_to_memslot':
    case 'guest_access':
      return 4;
    case 'iopt_area_of':
    case 'iopt_area_iter':
    case 'iopt_area_begin_unmap':
    case 'iopt_area_num_accesses':
    case 'iopt_area_contig':
    case 'staccess_items':
      return 2 ** (2 * AREA_END_BITS) + 3;
    case 'set_hwpoison':
      return (machine.huge + 1) << FOLIO_PFN_BITS;
    case 'read_register':
      return (machine.registerAt[step.register]?.max ?? 0) + 1;
    default:
      return 2;
  }
}

export function makeInterpreter(machine: Machine, events: number[]): Interpreter {
  const { at, config, threads, lockAt, registerAt } = machine;
  const view = makeView(machine);
  const note = (event: EventName): void => {
    events.push(EVENT[event]);
  };
  const exec: Exec = {
    machine,
    view,
    tables: platformTables(config),
    snp: config.platform === 'sev-snp',
    tdx: config.platform === 'tdx',
    note,
  };
  const lru = makeLru(exec);
  const attributes = makeAttributes(exec, lru);
  const pageState = makePageState(exec, attributes);
  const memory = makeMemory(exec, pageState.release, attributes, lru);
  const launch = makeLaunch(exec, pageState, memory.written);
  const host = makeHost(exec, memory.giveBackIfUnused);
  const conversion = makeConversion(exec, memory.failsNow);
  const kvm = makeKvm(exec, pageState);
  const bracket = makeBracket(exec);
  const file = makeFile(exec);
  const lockdep = makeLockdep(exec);
  const memslot = makeMemslot(exec);
  const pointer = makePointer(exec);
  const vmsa = makeVmsa(exec, kvm.isStale);
  const iommu = makeIommu(exec, memory, bracket, makeAts(exec));
  const access = makeAccess(exec);
  const dmabuf = makeDmabuf(exec);

  const lock = (m: State, thread: number, name: LockName, mode: 'write' | 'read'): number => {
    const { writer, readers } = lockAt[name];
    if (m[writer] !== 0 || (mode === 'write' && m[readers] !== 0)) return BLOCKED;
    if (mode === 'write') m[writer] = thread + 1;
    else m[readers] |= 1 << thread;
    return 0;
  };
  const unlock = (m: State, thread: number, name: LockName, mode: 'write' | 'read'): number => {
    const { writer, readers } = lockAt[name];
    const held = mode === 'write' ? m[writer] === thread + 1 : ((m[readers] >> thread) & 1) === 1;
    if (!held) {
      const holder = m[writer] === 0 ? 'nobody' : (threads[m[writer] - 1]?.name ?? 'nobody');
      throw new NotHeld(
        `${threads[thread]?.name ?? 'a thread'} unlocked '${name}' (${mode}), held by ${holder}. A lock is released by the thread that took it, in the mode it took it.`,
      );
    }
    if (mode === 'write' && name === 'invalidate_lock') attributes.close(m);
    if (mode === 'write') m[writer] = 0;
    else m[readers] &= ~(1 << thread);
    return 0;
  };
  const lockThere = (name: LockName): void => {
    if (!machine.locks.includes(name))
      throw new NotAStep(`lock '${name}' is there with --cast domains, access or dmabuf only`);
  };
  const registerSlot = (register: string, slot: number): number => {
    const declared = registerAt[register];
    if (declared === undefined)
      throw new NotAStep(`register '${register}' is not declared in Policy.registers`);
    if (!(slot >= 0 && slot < declared.slots))
      throw new NotAStep(`register '${register}' has slots 0 to ${declared.slots - 1}, not ${slot}`);
    return declared.at + slot;
  };

  /*
   * One closure a distinct step, made once: the interpreter's switch runs when a step is first met, never
   * again.
   */
  const bind = (s: Step): ((m: State, thread: number) => number) => {
    switch (s.op) {
      case 'lock':
        lockThere(s.lock);
        return (m, t) => lock(m, t, s.lock, s.mode);
      case 'unlock':
        lockThere(s.lock);
        return (m, t) => unlock(m, t, s.lock, s.mode);
      case 'kvm_gmem_get_folio':
        return (m, t) => memory.getFolio(m, t, s.index);
      case 'filemap_lock_folio':
        return (m, t) => memory.lockFolio(m, t, s.index);
      case 'filemap_remove_folio':
        return (m, t) => memory.removeFolio(m, t, s.index, s.fault ?? '');
      case 'unmap_mapping_pages':
        return (m) => memory.unmapMapping(m, s.index);
      case 'folio_unlock':
        return (m) => memory.unlockFolio(m, s.pfn);
      case 'folio_put':
        return (m) => memory.put(m, s.pfn);
      case 'folio_test_hwpoison':
        return (m) => memory.isPoisoned(m, s.pfn);
      case 'folio_test_uptodate':
        return (m) => m[at.uptodate + s.pfn];
      case 'clear_highpage':
        return (m) => memory.clear(m, s.pfn);
      case 'gmem_zero_range':
        return (m, t) => memory.zeroRange(m, t, s.start, s.end);
      case 'pin_folio':
        return (m) => memory.pin(m, s.pfn);
      case 'unpin_folio':
        return (m) => memory.unpin(m, s.pfn);
      case 'folio_order':
        return (m) => memory.isLarge(m, view.head(m, s.pfn));
      case 'folio_test_large':
        return (m) => memory.isLarge(m, s.pfn);
      case 'wild_pointer':
        return (m) => pointer.followed(m, s.pointer);
      case 'iopt_pages_add_npinned':
        return (m) => ((m[at.npinned] += s.pages), 0);
      case 'iopt_pages_sub_npinned':
        return (m) => ((m[at.npinned] = Math.max(0, m[at.npinned] - s.pages)), 0);
      case 'safe_refcount':
        return (m) => attributes.safeRefcount(m, s.start, s.end);
      case 'compute_work':
        return (m, t) => conversion.computeWork(m, t, s.start, s.end, s.to === 'private' ? 1 : 0);
      case 'range_has_attributes':
        return (m, t) => attributes.rangeHas(m, t, s.start, s.end, s.to === 'private' ? 1 : 0);
      case 'mas_preallocate':
        return (m) => (memory.failsNow(m, 'mas_preallocate') ? 0 : 1);
      case 'filemap_get_folios':
        return (m) => attributes.present(m, s.start, s.end);
      case 'folio_ref_count':
        return (m) => attributes.isExpected(m, s.index);
      case 'lru_add_drain_all':
        return (m) => memory.drainAll(m);
      case 'get_invalidate_filter':
        return (m) => attributes.filter(m, s.start, s.end);
      case 'store_attributes':
        return (m, t) => attributes.store(m, t, s.start, s.end, s.to === 'private' ? 1 : 0, s.fault ?? '');
      case 'wait_for_folio_refs':
        return (m) => conversion.waitForRefs(m, s.index);
      case 'split_folio':
        return (m) => conversion.split(m, s.index);
      case 'merge_folio':
        return (m) => conversion.merge(m, s.index, s.mixed === true);
      case 'kvm_gmem_has_some_shared':
        return (m) => conversion.someShared(m, s.start, s.end);
      case 'convert_returns':
        return (m) => conversion.returns(m, s.start, s.end, s.to === 'private' ? 1 : 0, s.failed);
      case 'fails':
        return (m) => (memory.failsNow(m, s.step) ? 1 : 0);
      case 'read_host_pte':
        return (m) => host.readPte(m, s.index);
      case 'xas_load':
        return (m) => host.load(m, s.index);
      case 'folio_try_get':
        return (m) => host.tryGet(m, s.pfn);
      case 'folio_put_tried':
        return (m) => host.putTry(m, s.pfn);
      case 'folio_lock':
        return (m, t) => host.lock(m, t, s.pfn);
      case 'keep_pin':
        return (m) => host.keepPin(m, s.pfn);
      case 'unpin_user_page':
        return (m) => host.unpin(m);
      case 'kernel_write':
        return (m) => host.kernelWrite(m);
      case 'launch_finished':
        return (m) => launch.finished(m);
      case 'launch_finish':
        return (m) => launch.finish(m);
      case 'snp_lookup_rmpentry':
        return (m) => launch.rmpAssigned(m, s.pfn);
      case 'copy_to_page':
        return (m) => launch.copy(m, s.pfn);
      case 'folio_mark_uptodate':
        return (m) => launch.markUptodate(m, s.pfn);
      case 'snp_launch_update':
        return (m) => launch.launchUpdate(m, s.index, s.pfn);
      case 'tdh_mr_extend':
        return (m) => launch.extend(m, s.index);
      case 'tdh_mem_page_add':
        return (m) => launch.pageAdd(m, s.index, s.pfn);
      case 'index_wraps':
        return () => conversion.indexWraps();
      case 'loops_for_ever':
        return () => BLOCKED;
      case 'set_hwpoison':
        return (m) => memory.poison(m, s.index);
      case 'gmem_is_private':
        return (m) => (view.isPrivate(m, machine.gfnOf[s.index]) ? 1 : 0);
      case 'kvm_mem_is_private':
        return (m) => (view.isPrivate(m, s.index) ? 1 : 0);
      case 'slot_in_range':
        return (m) => (kvm.concerned(m, s.by, s.start, s.end) ? 1 : 0);
      case 'gmem_invalidate_start':
        return (m) => bracket.start(m, s.start, s.end, s.fault ?? '');
      case 'gmem_invalidate_seq_inc':
        return (m) => bracket.seqInc(m);
      case 'gmem_in_progress_dec':
        return (m) => bracket.countDec(m);
      case 'gmem_invalidate_seq':
        return (m) => m[at.gmem_seq];
      case 'gmem_invalidate_retry':
        return (m) => bracket.retry(m, s.seq, s.index, s.fault ?? '');
      case 'gmem_huge_inode':
        return (m) => m[at.huge_inode];
      case 'fget':
        return (m) => file.fget(m);
      case 'find_vma':
        return (m) => file.isOpen(m);
      case 'get_file_active':
        return (m) => memslot.getFileActive(m, s.gfn ?? 0);
      case 'close_file':
        return (m) => file.close(m);
      case 'fput':
        return (m) => file.fput(m, s.counted);
      case 'kvm_mmu_invalidate_start':
        return (m, t) => kvm.start(m, t, s.start, s.end, s.by ?? 'binding', s.fault ?? '');
      case 'kvm_mmu_invalidate_range_add':
        return (m) => kvm.rangeAdd(m, s.start, s.end);
      case 'kvm_mmu_invalidate_end':
        return (m) => kvm.end(m, s.start, s.end, s.by ?? 'binding', s.fault ?? '');
      case 'tdp_mmu_zap_leafs':
        return (m, t) => kvm.zapLeafs(m, t, s.start, s.end, FILTERS[s.filter]);
      case 'kvm_flush_remote_tlbs':
        return (m) => kvm.flush(m);
      case 'srcu_read_lock':
        return (m, t) => kvm.srcuLock(m, t);
      case 'srcu_read_unlock':
        return (m, t) => kvm.srcuUnlock(m, t);
      case 'synchronize_srcu':
        return (m) => kvm.srcuSync(m);
      case 'mmu_invalidate_seq':
        return (m) => kvm.seq(m);
      case 'hva_to_pfn':
        return (m) => kvm.hvaToPfn(m, s.index);
      case 'kvm_tdp_mmu_map':
        return (m) => kvm.map(m, s.index, s.pfn, s.private, s.seq, s.fault ?? '');
      case 'slot_state':
        return (m) => memslot.swap(m, s.gfn ?? 0, SLOT[s.to]);
      case 'gfn_to_memslot':
        return (m) => memslot.lookup(m, s.gfn ?? 0);
      case 'slot_gmem_file':
        return (m) => memslot.gmemFile(m, s.gfn ?? 0);
      case 'kvm_gmem_store_bindings':
        return (m) => memslot.store(m, s.gfn ?? 0);
      case 'kvm_gmem_erase_bindings':
        return (m) => memslot.erase(m, s.gfn ?? 0);
      case 'kvm_gmem_forget_file':
        return (m) => memslot.forgetFile(m);
      case 'kvm_gmem_list_del':
        return (m) => memslot.listDel(m);
      case 'vmsa_clear':
        return (m, t) => vmsa.clear(m, t);
      case 'vmsa_publish_gpa':
        return (m, t) => vmsa.publish(m, t, s.index);
      case 'vmsa_install':
        return (m, t) => vmsa.install(m, t, s.pfn);
      case 'vmsa_request_reload':
        return (m, t) => vmsa.request(m, t);
      case 'kvm_check_vmsa_request':
        return (m, t) => vmsa.check(m, t);
      case 'mmu_invalidate_retry_gfn':
        return (m) => vmsa.retry(m, s.seq, s.index);
      case 'kvm_arch_gmem_invalidate_range':
        return (m) => vmsa.invalidate(m, s.start, s.end);
      case 'guest_access':
        return (m, t) => kvm.guestAccess(m, t, s.index, s.private);
      case 'host_access':
        return (m) => kvm.hostAccess(m, s.index);
      case 'map_host_pte':
        return (m) => kvm.mapHostPte(m, s.index, s.pfn);
      case 'rmp_make_private':
        return (m) => pageState.makePrivate(m, s.index, s.pfn);
      case 'rmp_make_shared':
        return (m, t) => pageState.makeShared(m, t, s.index);
      case 'rmp_level':
        return (m) => (exec.snp ? m[at.rmp_2m + s.pfn] : 0);
      case 'psmash':
        return (m) => pageState.psmash(m, s.pfn ?? m[at.page_cache + s.index] - 1);
      case 'tdh_mem_range_block':
        return (m) => pageState.block(m, s.index);
      case 'tdh_mem_track':
        return (m) => pageState.track(m);
      case 'tdh_mem_page_remove':
        return (m, t) => pageState.remove(m, t, s.index);
      case 'tdh_phymem_page_wbinvd':
        return (m) => pageState.wbinvd(m, s.index);
      case 'guest_rescind':
        return (m) => pageState.rescind(m, s.index);
      case 'guest_accept':
        return (m) => pageState.accept(m, s.index);
      case 'iopt_insert_area':
        if (s.dmabuf !== true) return (m) => iommu.insertArea(m, s.start, s.end);
        return (m, t) => {
          const answer = iommu.insertArea(m, s.start, s.end, false);
          if (answer === 0) dmabuf.enter(m, t, s.start);
          return answer;
        };
      case 'iopt_area_ready':
        return (m) => iommu.areaReady(m, s.start, s.end);
      case 'iopt_area_begin_unmap':
        return (m) => iommu.beginUnmap(m, s.start, s.end);
      case 'iopt_abort_area':
        return (m, t) => {
          dmabuf.leave(m, t, s.start);
          return iommu.abortArea(m, s.start, s.end);
        };
      case 'iopt_area_iter':
        return (m) => iommu.areaIter(m, s.start, s.end);
      case 'iopt_has_domain':
        return (m) => m[at.domain_attached];
      case 'iopt_set_domain':
        return (m) => {
          m[at.domain_attached] = s.attached ? 1 : 0;
          if (s.attached) note('domain-attached');
          return 0;
        };
      case 'iopt_area_num_accesses':
        return (m) => access.numAccesses(m, s.start, s.end);
      case 'iopt_area_prevent_access':
        return (m) => access.prevent(m, s.start);
      case 'iopt_area_contig':
        return s.unpin === true ? (m) => access.contigUnpin(m, s.iova) : (m) => access.contig(m, s.iova);
      case 'iopt_area_add_access':
        return (m) => access.add(m, s.start);
      case 'iopt_area_remove_access':
        return (m) => access.remove(m, s.start);
      case 'iopt_pages_xa_store':
        return (m) => access.store(m, s.iova, s.pfn);
      case 'iopt_pages_xa_erase':
        return (m) => access.erase(m, s.start, s.end);
      case 'staccess_items':
        return (m) => access.items(m);
      case 'batch_rw':
        return (m) => access.copy(m, s.iova, s.pfn, s.write);
      case 'iopt_area_of':
        return (m) => iommu.areaOf(m, s.iova);
      case 'vfio_pci_dma_buf_attach':
        return dmabuf.attach;
      case 'dma_buf_dynamic_attach':
        return dmabuf.listAdd;
      case 'dma_buf_detach':
        return dmabuf.listDel;
      case 'vfio_pci_dma_buf_iommufd_map':
        return (m, t) => dmabuf.iommufdMap(m, t, s.fault ?? '');
      case 'iopt_is_dmabuf':
        return (m) => dmabuf.isDmabuf(m, s.iova);
      case 'iopt_dmabuf_phys':
        return (m, t) => dmabuf.phys(m, t, s.iova);
      case 'iopt_dmabuf_tracker':
        return (m) => dmabuf.tracker(m, s.iova);
      case 'iopt_dmabuf_track_domain':
        return (m) => dmabuf.track(m, s.iova);
      case 'iopt_dmabuf_untrack_domain':
        return (m) => dmabuf.untrack(m, s.iova);
      case 'iopt_dmabuf_set_revoked':
        return (m) => dmabuf.setRevoked(m, s.iova);
      case 'dma_buf_attachments':
        return (m) => dmabuf.attachments(m, s.fault ?? '');
      case 'dma_buf_revoked':
        return dmabuf.revoked;
      case 'dma_buf_set_revoked':
        return (m) => dmabuf.revoke(m, s.revoked);
      case 'vfio_pci_set_power_state':
        return (m) => dmabuf.power(m, s.state);
      case 'iommu_map':
        return (m, t) => iommu.map(m, t, s.iova, s.pfn, s.pages);
      case 'iommu_unmap_fast':
        return (m, t) => iommu.unmap(m, t, s.start, s.end, s.nofail === true);
      case 'iotlb_gather_sync':
        return (m, t) =>
          iommu.sync(m, t, s.start, s.end, s.op === 'iotlb_gather_sync' ? (s.fault ?? '') : '');
      case 'iommu_completion_wait':
        return (m, t) => iommu.completionWait(m, t);
      case 'iommu_iova_to_phys':
        return (m) => iommu.iovaToPhys(m, s.iova);
      case 'dma_translate':
        return (m, t) =>
          iommu.translate(m, t, s.iova, s.write ? 1 : 0, s.trusted ? 1 : 0, s.private ? 1 : 0, s.honest);
      case 'dma_commit':
        return (m, t) => iommu.commit(m, t);
      case 'read_register': {
        const slot = registerSlot(s.register, s.slot);
        return (m) => m[slot];
      }
      case 'write_register': {
        const slot = registerSlot(s.register, s.slot);
        const max = registerAt[s.register]?.max ?? 0;
        if (!(Number.isInteger(s.value) && s.value >= 0 && s.value <= max))
          throw new NotAStep(`register '${s.register}' holds 0 to ${max}, not ${s.value}`);
        return (m) => ((m[slot] = s.value), 0);
      }
      default:
        return assertNever(s);
    }
  };

  const agents = agentsOf(machine, iommu, memory);
  const steps: Step[] = [];
  const widths: number[] = [];
  const bound: ((m: State, thread: number) => number)[] = [];
  const numbers = new Map<string, number>();
  const kinds: Mover[] = [];
  const meetings = makeMeetings(exec, steps);
  return {
    view,
    compile: (given) => {
      const key = JSON.stringify(given) ?? 'undefined';
      const known = numbers.get(key);
      if (known !== undefined) return known;
      checkStep(machine, given);
      bound.push(lockdep.watch(given, bind(given)));
      widths.push(widthOf(machine, given));
      const op = steps.push(given) - 1;
      kinds.push(moverOf(given));
      numbers.set(key, op);
      return op;
    },
    width: (op) => widths[op] ?? 2,
    stepOf: (op) => steps[op],
    isRelease: (op) => kinds[op] === 'release',
    meetings,
    isAcquire: (op, m, thread) => {
      if (kinds[op] !== 'acquire' && kinds[op] !== 'acquire or wait') return false;
      /* with no slot bound the first takes nothing; the second may be misplaced outside the lock */
      const name = steps[op].op;
      const underMmuLock = name === 'kvm_mmu_invalidate_start' || name === 'tdp_mmu_zap_leafs';
      return !underMmuLock || m[lockAt.mmu_lock.writer] === thread + 1;
    },
    mayForbid: (op) => mayForbid(steps[op]),
    mayWait: (op) => kinds[op] === 'wait' || kinds[op] === 'acquire or wait',
    isTimely: timelyOf(machine, view, steps, agents),
    apply: (m, thread, op) => bound[op](m, thread),
    agents,
    lockdep,
  };
}

function assertNever(step: never): never {
  throw new NotAStep(`there is no step ${JSON.stringify(step)}`);
}

/** Numbers inside their ranges: a policy may be plain JavaScript. */
function checkStep(machine: Machine, given: unknown): asserts given is Step {
  if (typeof given !== 'object' || given === null || !('op' in given)) {
    throw new NotAStep(
      `a step is made by a constructor of gmem-iommu-conformance/api and yielded with yield*, not ${JSON.stringify(given) ?? String(given)}`,
    );
  }
  const limits: { readonly [name: string]: number } = {
    index: machine.pages - 1,
    iova: machine.pages - 1,
    gfn: machine.pages - 1,
    start: machine.pages,
    end: machine.pages,
    pfn: machine.pfns - 1,
    pages: machine.pages,
  };
  for (const [name, value] of Object.entries(given)) {
    const max = limits[name];
    if (max === undefined) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
      throw new NotAStep(
        `${String(given.op)}: ${name} is ${String(value)}, must be a whole number from 0 to ${max}`,
      );
  }
  if ('lock' in given && !(LOCKS as readonly unknown[]).includes(given.lock))
    throw new NotAStep(`there is no lock '${String(given.lock)}'; known: ${LOCKS.join(', ')}`);
}

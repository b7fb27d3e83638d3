// The bracket, locks, and bindings.

import type { Step } from '../../api/index.ts';
import { LOCK_CLASSES } from '../../models/exec/lockdep.ts';
import { FILE, SLOT } from '../../models/machine.ts';
import { rowOf } from '../../models/steps/index.ts';
import type { StepOf, Taken } from '../../models/steps/row.ts';
import { either, holds, holdsForWrite, on, somePfn } from './made.ts';
import { type Questions, firstOf } from './questions.ts';
import { AXIOM, type Invariant, type M } from './row.ts';

/** Somebody whose bracket it is lies in the range: a binding of the file, or a memslot of the VM. */
const isBracketOf = (
  { at, machine }: Questions,
  m: M,
  { start, end, by }: StepOf<'kvm_mmu_invalidate_end'>,
): boolean =>
  machine.memslots.some(
    ({ base_gfn, npages }, k) =>
      start < base_gfn + npages &&
      base_gfn < end &&
      (by === undefined || by === 'binding'
        ? m[at.slot_bound + k] === 1
        : m[at.slot + k] === SLOT.valid || m[at.slot + k] === SLOT.invalid),
  );
/** kvm_gmem_release() has run to its end, and did not know of this slot: its pointer leads to freed memory. */
function leadsToFreedFile({ at, machine }: Questions, m: M, gfn: number): boolean {
  const slot = machine.slotOf[gfn];
  return m[at.slot_gmem_file + slot] === 1 && m[at.file] === FILE.released && m[at.slot_bound + slot] === 0;
}

const classOf = ({ machine }: Questions, taken: Taken): number =>
  LOCK_CLASSES.indexOf(taken === 'user_pages_mutex' && !machine.ownMutexClass ? 'pages_mutex' : taken);
function classTaken(q: Questions, step: Step): number {
  const { takes } = rowOf(step);
  if (takes === null) return -1;
  return classOf(q, typeof takes === 'function' ? takes(step) : takes);
}
function classesHeld(q: Questions, m: M, thread: number): number {
  const { at, machine } = q;
  const locks = machine.locks.filter((lock) => holds(q, m, thread, lock));
  const folio = somePfn(q, (pfn) => m[at.folio_lock + pfn] === thread + 1);
  const vcpu = thread - firstOf(machine, 'vcpu');
  const srcu = machine.threads[thread]?.kind === 'vcpu' && m[at.srcu + vcpu] === 1;
  const held: Taken[] = [
    ...locks,
    ...(folio ? ['folio lock' as const] : []),
    ...(srcu ? ['srcu' as const] : []),
  ];
  return held.reduce((mask, taken) => mask | (1 << classOf(q, taken)), 0);
}
function maySleep(step: Step): boolean {
  const { sleeps } = rowOf(step);
  return typeof sleeps === 'function' ? sleeps(step) : sleeps;
}

export const BRACKET = [
  {
    ...AXIOM,
    name: 'bracket-balanced',
    says: 'Every invalidate_start has its end: with nothing going on, in_progress is 0, and it never goes below.',
    source: 'kvm_mmu_invalidate_end(), KVM_BUG_ON',
    partner: 'bracket-closed',
    breaches: [
      {
        outcome: 'below zero',
        event: 'in-progress-negative',
        definition: either(
          on(
            'kvm_mmu_invalidate_end',
            (q, step, { before }) =>
              before[q.at.mmu_invalidate_in_progress] === 0 && isBracketOf(q, before, step),
          ),
          on('gmem_in_progress_dec', (q, _step, { before }) => before[q.at.gmem_in_progress] === 0),
        ),
        witness: 'in_progress is decremented at 0',
      },
      {
        outcome: 'left open',
        whenIdle: true,
        at: (q) => (m) =>
          m[q.at.mmu_invalidate_in_progress] !== 0 || m[q.at.gmem_in_progress] !== 0 ? 0 : -1,
        witness: (q, m) =>
          `mmu_invalidate_in_progress is ${m[q.at.mmu_invalidate_in_progress]}, gmem's is ${m[q.at.gmem_in_progress]}, no call is in flight`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'range-set-in-bracket',
    says: 'Whoever holds mmu_lock and finds a bracket open finds a range in it.',
    source:
      'mmu_invalidate_retry_gfn(): mmu_lock is not dropped between in_progress++ and the first range_add; WARN_ON in kvm_mmu_invalidate_end()',
    partner: 'bracket-closed',
    breaches: [
      {
        outcome: 'no range',
        at: ({ at, machine }) => {
          const { mmu_invalidate_in_progress, mmu_invalidate_range, gmem_in_progress, gmem_range } = at;
          const { writer } = machine.lockAt.mmu_lock;
          return (m) =>
            (m[mmu_invalidate_in_progress] > 0 && m[mmu_invalidate_range] === 0 && m[writer] === 0) ||
            (m[gmem_in_progress] > 0 && m[gmem_range] === 0)
              ? 0
              : -1;
        },
        witness: () => 'in_progress is raised and no range was added',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'end-bumps-seq',
    says: 'The end of a bracket moves the sequence number.',
    source: 'kvm_mmu_invalidate_end(), smp_wmb()',
    partner: 'bracket-closed',
    breaches: [
      {
        outcome: 'seq',
        event: 'end-without-seq',
        definition: either(
          on(
            'kvm_mmu_invalidate_end',
            (q, step, { before, after }) =>
              isBracketOf(q, before, step) &&
              before[q.at.mmu_invalidate_seq] === after[q.at.mmu_invalidate_seq],
          ),
          /* the inode's end is two steps, and brackets may overlap: each count-- has a seq++ of its own before it */
          on('gmem_in_progress_dec', (q, _step, { before }) => before[q.at.gmem_seq_moves] === 0),
        ),
        witness: 'the bracket ends and seq stays as it was',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'zap-in-bracket',
    says: 'SPTEs are zapped inside a bracket, or under slots_lock where the slot is being deleted.',
    source: 'kvm_unmap_gfn_range(), lockdep assertion (of slots_lock alone) and the comment before it',
    partner: 'bracket-closed',
    breaches: [
      {
        outcome: 'zap',
        event: 'zap-outside-bracket',
        definition: on('tdp_mmu_zap_leafs', (q, { start }, { before, thread }) => {
          const slot = q.machine.slotOf[start];
          const isDeleted =
            holdsForWrite(q, before, thread, 'slots_lock') && before[q.at.slot + slot] === SLOT.invalid;
          return (
            before[q.at.mmu_invalidate_in_progress] === 0 &&
            !isDeleted &&
            before[q.at.slot_bound + slot] === 1
          );
        }),
        witness: 'SPTEs are zapped with no bracket open',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'lock-order-acyclic',
    says: 'No lock is taken inside another where some call takes them the other way round, at any depth.',
    source: 'lockdep; Documentation/virt/kvm/locking.rst; comments in kvm_gmem_release()',
    partner: 'locks-nested',
    breaches: [
      {
        outcome: 'inversion',
        event: 'lock-order-inverted',
        definition: (q, { before, step, thread, answer }) => {
          const taken =
            step === null || (answer === 0 && rowOf(step).mayFindNothing) ? -1 : classTaken(q, step);
          return taken >= 0 && (q.lockCloses()[taken] & classesHeld(q, before, thread) & ~(1 << taken)) !== 0;
        },
        witness: (q: Questions) => `possible circular locking dependency: ${q.lockCycle().join('; ')}`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-sleep-under-spinlock',
    says: 'Nothing that may sleep is done with mmu_lock held.',
    source:
      'might_sleep(); mmu_lock is a rwlock on x86; [PATCH v5] cover letter: attribute lookup under mmu_lock',
    partner: 'locks-nested',
    breaches: [
      {
        outcome: 'sleep',
        event: 'slept-under-spinlock',
        definition: (q, { before, step, thread }) =>
          step !== null && holds(q, before, thread, 'mmu_lock') && maySleep(step),
        witness: 'a step that may sleep runs with mmu_lock held',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-dangling-binding',
    says: 'No binding of a gmem file leads to a memslot that was freed, and no memslot to a gmem file that was.',
    source:
      'Sean Christopherson, Nov 2025, ae431059e75d: bindings outlived the memslot of a dying file; comments in kvm_gmem_release() and kvm_gmem_unbind()',
    partner: 'file-released',
    gravity: 4,
    breaches: [
      {
        outcome: 'slot',
        event: 'freed-slot-used',
        definition: on('kvm_gmem_forget_file', (q, _step, { before }) =>
          q.machine.memslots.some(
            (_, k) => before[q.at.slot_bound + k] === 1 && before[q.at.slot + k] === SLOT.none,
          ),
        ),
        witness: 'kvm_gmem_release() writes slot->gmem.file of a slot that was freed',
      },
      {
        outcome: 'file',
        event: 'freed-file-used',
        definition: either(
          on('kvm_gmem_erase_bindings', (q, { gfn }, { before }) => leadsToFreedFile(q, before, gfn ?? 0)),
          on('get_file_active', (q, { gfn }, { before }) => leadsToFreedFile(q, before, gfn ?? 0)),
        ),
        witness: 'slot->gmem.file is followed to a file that was released and freed',
      },
    ],
  },
] satisfies readonly Invariant[];

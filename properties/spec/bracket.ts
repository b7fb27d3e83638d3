// The bracket, locks, and bindings.

import type { Questions } from './questions.ts';
import { AXIOM, type Invariant } from './row.ts';

export const BRACKET = [
  {
    ...AXIOM,
    name: 'bracket-balanced',
    says: 'Every invalidate_start has its end: with nothing going on, in_progress is 0, and it never goes below.',
    source: 'kvm_mmu_invalidate_end(), KVM_BUG_ON',
    partner: 'bracket-closed',
    breaches: [
      { outcome: 'below zero', event: 'in-progress-negative', witness: 'in_progress is decremented at 0' },
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
      { outcome: 'seq', event: 'end-without-seq', witness: 'the bracket ends and seq stays as it was' },
    ],
  },
  {
    ...AXIOM,
    name: 'zap-in-bracket',
    says: 'SPTEs are zapped inside a bracket, or under slots_lock where the slot is being deleted.',
    source: 'kvm_unmap_gfn_range(), lockdep assertion (of slots_lock alone) and the comment before it',
    partner: 'bracket-closed',
    breaches: [
      { outcome: 'zap', event: 'zap-outside-bracket', witness: 'SPTEs are zapped with no bracket open' },
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
        witness: 'kvm_gmem_release() writes slot->gmem.file of a slot that was freed',
      },
      {
        outcome: 'file',
        event: 'freed-file-used',
        witness: 'slot->gmem.file is followed to a file that was released and freed',
      },
    ],
  },
] satisfies readonly Invariant[];

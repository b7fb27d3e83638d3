// Locks that are held over steps: one writer, or readers.

import type { LockName } from '../../api/index.ts';
import type { Attributes } from './attributes.ts';
import { BLOCKED, type Exec, NotAStep, NotHeld, type State } from './context.ts';
import { MMU_LOCK, PLAIN, type Rows } from './row.ts';

export type Locks = ReturnType<typeof makeLocks>;

export function makeLocks({ machine }: Exec, attributes: Attributes) {
  const { lockAt, threads } = machine;
  return {
    checkThere: (name: LockName): void => {
      if (!machine.locks.includes(name))
        throw new NotAStep(`lock '${name}' is there with --cast domains, access or dmabuf only`);
    },
    lock: (m: State, thread: number, name: LockName, mode: 'write' | 'read'): number => {
      const { writer, readers } = lockAt[name];
      if (m[writer] !== 0 || (mode === 'write' && m[readers] !== 0)) return BLOCKED;
      if (mode === 'write') m[writer] = thread + 1;
      else m[readers] |= 1 << thread;
      return 0;
    },
    unlock: (m: State, thread: number, name: LockName, mode: 'write' | 'read'): number => {
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
    },
  };
}

const rwsem = (name: string, mode: 'write' | 'read', un: string): string =>
  `${un === '' ? 'down' : 'up'}_${mode}(&${name})`;
type Naming = (mode: 'write' | 'read', un: string) => string;
const LOCK_TEXT: { readonly [K in LockName]: Naming } = {
  slots_lock: (_mode, un) => `mutex_${un}lock(&kvm->slots_lock)`,
  /* user space's own, e.g. QEMU's BQL */
  vmm_lock: (_mode, un) => `user space: ${un}lock(BQL)`,
  invalidate_lock: (mode, un) => `filemap_invalidate_${un}lock${mode === 'read' ? '_shared' : ''}()`,
  mmu_lock: (mode, un) => `${mode}_${un}lock(&kvm->mmu_lock)`,
  pages_mutex: (_mode, un) => `mutex_${un}lock(&pages->mutex)`,
  domains_rwsem: (mode, un) => rwsem('iopt->domains_rwsem', mode, un),
  iova_rwsem: (mode, un) => rwsem('iopt->iova_rwsem', mode, un),
  mmap_lock: (mode, un) => `mmap_${mode}_${un}lock()`,
  memory_lock: (mode, un) => rwsem('vdev->memory_lock', mode, un),
  dma_resv: (_mode, un) => `dma_resv_${un}lock()`,
  user_pages_mutex: (_mode, un) => `mutex_${un}lock(&pages->mutex) of user memory`,
  dmabuf_pages_mutex: (_mode, un) => `mutex_${un}lock(&pages->mutex) of a dma-buf`,
  ioas_lock: (_mode, un) => `mutex_${un}lock(&access->ioas_lock)`,
  staccess_lock: (_mode, un) => `mutex_${un}lock(&staccess->lock)`,
};

export const LOCK_STEPS = {
  lock: {
    ...PLAIN,
    words: (s) => [LOCK_TEXT[s.lock](s.mode, '')],
    touches: (s) => (s.lock === 'mmu_lock' ? MMU_LOCK : 0),
    mover: 'acquire or wait',
    takes: (s) => s.lock,
    sleeps: (s) => s.lock !== 'mmu_lock',
    check: ({ locks }, s) => locks.checkThere(s.lock),
    run: ({ locks }, s, m, t) => locks.lock(m, t, s.lock, s.mode),
  },
  unlock: {
    ...PLAIN,
    words: (s) => [LOCK_TEXT[s.lock](s.mode, 'un')],
    touches: 0,
    mover: 'release',
    check: ({ locks }, s) => locks.checkThere(s.lock),
    run: ({ locks }, s, m, t) => locks.unlock(m, t, s.lock, s.mode),
  },
} satisfies Rows<{ readonly locks: Locks }>;

// A kernel to begin with.

import type { Functions } from './functions.ts';
import { type Kernel, type mm_struct, U32_MAX } from './kernel.ts';
import { LINUX_7_2 } from './linux-7.2.ts';
import { memoryOf } from './memory.ts';

export const mmOf = (name: string): mm_struct => ({
  name,
  vma: new Map(),
  users: 1,
  pinned_vm: 0,
  locked_vm: 0,
});

const TEMP_MEMORY_LIMIT = 65536;

export function kernelOf(fn: Functions = LINUX_7_2): Kernel {
  return {
    fn,
    memory: memoryOf(),
    domains: [],
    findings: [],
    current: { mm: mmOf('vmm'), user: { locked_vm: 0 }, rlimit: 2 ** 20, cap_ipc_lock: false },
    temp_memory_limit: TEMP_MEMORY_LIMIT,
    max_npfns: U32_MAX,
    fail: 0,
    failPoints: 0,
    addPinsFails: false,
    failed: null,
    nextId: 1,
    preempt: null,
  };
}

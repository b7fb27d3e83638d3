// invalidate-callback, broken: pages->mutex of a guest_memfd is of the class of that of user memory, inside which
// mmap_lock is taken (docs/iommufd.md R29).

import type { Policy } from '../../../api/index.ts';
import { invalidateCallback } from '../../invalidate-callback.ts';

const { own_mutex_class: _, ...rest } = invalidateCallback;

export const mutexClassShared: Policy = {
  ...rest,
  name: 'mutex-class-shared',
  title: 'invalidate-callback: one lock class for the mutexes of all iopt_pages',
  source: 'docs/iommufd.md R29; iopt_alloc_dmabuf_pages(): "split the lock class"',
  planted: {
    settings: { cast: ['domains'] },
    invariant: 'lock-order-acyclic',
    platform: 'bare',
    vmm: 'adversarial',
    fault:
      'pages->mutex, then mmap_lock (pin of user memory); mmap_lock, then invalidate_lock (fault on a mapping of the file); invalidate_lock, then pages->mutex (callback).',
  },
};

// folio-pin, broken: who pinned and who unwinds both unpin (docs/iommufd.md K15).

import { type Policy, call, unpin_folio } from '../../../api/index.ts';
import { folioPin, pinHooks, pinned_in } from '../../folio-pin.ts';

export const unpinnedTwiceOnError: Policy = {
  ...folioPin,
  name: 'unpinned-twice-on-error',
  title: 'folio-pin: the error path unpins twice',
  source: 'docs/iommufd.md K15: every domain unpins instead of the last one',
  planted: {
    invariant: 'refcount-never-negative',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A map that fails in its middle unpins its pages twice.',
  },
  ...pinHooks({
    *unwind(range, unmap_and_unpin) {
      const pinned = yield* pinned_in(range);
      yield* call(unmap_and_unpin, range);
      for (const pfn of pinned) yield* unpin_folio(pfn);
    },
  }),
};

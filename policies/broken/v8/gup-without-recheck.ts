// v8, broken: GUP-fast does not read the PTE again once it has its reference (gup_fast_pte_range()).

import { type Policy, type Steps, folio_try_get, keep_pin, read_host_pte } from '../../../api/index.ts';
import { none } from '../../none.ts';

function* gup_fast(index: number): Steps<'fault' | 'again' | 0> {
  const pfn = yield* read_host_pte(index);
  if (pfn === null) return 'fault';
  if (!(yield* folio_try_get(pfn))) return 'again';
  yield* keep_pin(pfn);
  return 0;
}

export const gupWithoutRecheck: Policy = {
  ...none,
  name: 'gup-without-recheck',
  title: 'v8: GUP-fast keeps a page whose PTE may be gone',
  source: 'gup_fast_pte_range(): try-get, read the PTE again, put',
  base: 'v8',
  planted: {
    settings: { cast: ['host'] },
    invariant: 'no-host-mapping-of-private',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page that was converted between the PTE and the reference stays pinned.',
  },
  replaces: () => ({ gup_fast }),
};

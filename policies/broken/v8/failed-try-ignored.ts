// v8, broken: GUP-fast takes a page whose count was 0 (try_grab_folio_fast()).

import {
  type Policy,
  type Steps,
  folio_put_tried,
  folio_try_get,
  keep_pin,
  read_host_pte,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* gup_fast(index: number): Steps<'fault' | 'again' | 0> {
  const pfn = yield* read_host_pte(index);
  if (pfn === null) return 'fault';
  const got = yield* folio_try_get(pfn);
  if (got && (yield* read_host_pte(index)) !== pfn) {
    yield* folio_put_tried(pfn);
    return 'again';
  }
  yield* keep_pin(pfn);
  return 0;
}

export const failedTryIgnored: Policy = {
  ...none,
  name: 'failed-try-ignored',
  title: 'v8: GUP-fast keeps a page that it could not get a reference to',
  source: 'folio_try_get() fails where the count is 0',
  base: 'v8',
  planted: {
    settings: { cast: ['host'] },
    invariant: 'no-free-while-referenced',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page that a hole has freed is pinned.',
  },
  replaces: () => ({ gup_fast }),
};

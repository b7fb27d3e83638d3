// invalidate-callback, broken: the callback walks iopt->domains under domains_rwsem, which a map holds while it looks
// pages up under invalidate_lock (docs/iommufd.md R29).

import { type Policy, type Range, type Steps, call, down_read, up_read } from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page, zap } from '../../invalidate-callback.ts';

function* zap_in_each_domain(range: Range): Steps<void> {
  yield* down_read('domains_rwsem');
  yield* call(zap, range);
  yield* up_read('domains_rwsem');
}

const hooks = callbackHooks({ map_page, zap });

export const callbackTakesDomainsRwsem: Policy = {
  ...invalidateCallback,
  name: 'callback-takes-domains-rwsem',
  title: 'invalidate-callback: the callback takes domains_rwsem',
  source:
    'docs/iommufd.md R29; iopt_revoke_notify() has a list of its own, under pages->mutex, for this reason',
  planted: {
    settings: { cast: ['domains'] },
    invariant: 'lock-order-acyclic',
    platform: 'bare',
    vmm: 'adversarial',
    fault:
      'The map takes invalidate_lock inside domains_rwsem, the callback domains_rwsem inside invalidate_lock.',
  },
  ...hooks,
  *invalidate_start(range) {
    yield* call(zap_in_each_domain, range);
  },
};

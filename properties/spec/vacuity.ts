// Where each race must have been reached for a pass to be worth something: the table beside the `sometimes`
// properties.

import type { Policy } from '../../api/index.ts';
import { type Config, hasCast } from '../../models/bounds.ts';
import { hasAccess, hasDmabuf, hasDomains, hasLaunch, hasVmsa, inPlace } from '../../models/machine.ts';
import { SOMETIMES, type SometimesName } from './invariants.ts';

type Where = (config: Config, policy: Policy) => boolean;

const adversarial: Where = ({ vmm }) => vmm === 'adversarial';
const maps: Where = (_config, policy) => policy.ioas_map_file !== undefined;
/** Not where the guest alone asks for it, and has to be launched first. */
const early: Where = (config) => config.vmm === 'adversarial' || !hasLaunch(config);
/** With cast domains the attach is a call as well. */
const takesBack: Where = (config) =>
  hasDmabuf(config) && (!hasDomains(config) || config.bounds.calls > CALLS_MIN);
const accesses: Where = (config, policy) => hasAccess(config) && policy.access_page !== undefined;
const and =
  (...all: readonly Where[]): Where =>
  (config, policy) =>
    all.every((where) => where(config, policy));

/** Reachable, and therefore expected, from two calls on. What is not listed may stay unreached. */
const EXPECTED: { readonly [K in SometimesName]?: Where } = {
  'page-freed': early,
  'spte-installed': () => true,
  'bracket-closed': () => true,
  'page-cleared': () => true,
  'call-returned': () => true,
  'locks-nested': () => true,
  'reference-dropped': () => true,
  'converted-to-shared': () => true,
  /* before the launch is finished no guest runs */
  'fault-meets-invalidation': and(adversarial, (config) => !hasLaunch(config)),
  'iommu-mapped': maps,
  /* with cast domains the attach is a call as well */
  'invalidation-meets-iopte': and(maps, (config) => !hasDomains(config) || config.bounds.calls > CALLS_MIN),
  'domain-attached': and(maps, (config) => hasDomains(config)),
  /* a map before it; and an unmap after it */
  'access-pinned': accesses,
  'access-copied': accesses,
  'access-meets-unmap': and(accesses, (config) => config.bounds.calls > CALLS_MIN),
  'revoke-finds-area': takesBack,
  'revoke-meets-map': takesBack,
  'revoke-meets-unmap': (config) =>
    hasDmabuf(config) && !hasDomains(config) && config.bounds.calls > CALLS_MIN,
  'revoke-meets-attach': and(takesBack, (config) => hasDomains(config)),
  'map-meets-invalidation': and(maps, adversarial, (config) => inPlace(config)),
  populated: (config) => hasLaunch(config),
  'host-pinned': and(
    (config) => hasCast(config, 'host'),
    (config) => inPlace(config),
  ),
  'vmsa-installed': (config) => hasVmsa(config),
  'vmsa-invalidated': and(
    adversarial,
    (config) => hasVmsa(config),
    (config) => config.base !== 'rfc-v2',
  ),
  'device-tlb-entry-dropped': and(maps, (config) => config.ats === true),
  'rmp-assigned': (config) => config.platform === 'sev-snp',
  pinned: (_config, policy) => policy.pins === true,
  'conversion-refused': and(
    (config) => inPlace(config),
    (_config, policy) => policy.pins === true,
    adversarial,
  ),
  'folio-split': and(early, ({ base, bounds }) => base === 'rfc-v2' && bounds.hugePages > 1),
};

const CALLS_MIN = 2;

export function expectedPartners(config: Config, policy: Policy): (typeof SOMETIMES)[number][] {
  if (config.bounds.calls < CALLS_MIN) return [];
  return SOMETIMES.filter(({ name }) => EXPECTED[name]?.(config, policy) === true);
}

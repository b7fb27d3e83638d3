// Each `sometimes`: a race that was reached, and where it must have been for a pass to be worth something.

import type { Policy } from '../../api/index.ts';
import { type Cast, type Config, hasCast } from '../../models/bounds.ts';
import type { EventName } from '../../models/events.ts';
import { hasAccess, hasDmabuf, hasDomains, hasLaunch, hasVmsa, inPlace } from '../../models/machine.ts';
import { platformOf } from '../../models/platforms/index.ts';

/** Reachable, and therefore expected, from two calls on. */
type Where = (config: Config, policy: Policy) => boolean;

const CALLS_MIN = 2;

const everywhere: Where = () => true;
const mayStayUnreached: Where = () => false;
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

interface Sometimes {
  readonly name: string;
  readonly event: EventName;
  readonly says: string;
  readonly expected: Where;
  /** The cast that it came with: tokens of runs without that one do not hold its event. */
  readonly cast: Cast | null;
}

/** Named as its event. */
const race = <N extends EventName>(name: N, says: string, expected: Where, cast: Cast | null = null) => ({
  name,
  event: name,
  says,
  expected,
  cast,
});

export const SOMETIMES = [
  race('populated', 'A page of the initial image was added (with --cast launch).', (config) =>
    hasLaunch(config),
  ),
  race(
    'host-pinned',
    'A user thread of the host has pinned a page (with --cast host).',
    and(
      (config) => hasCast(config, 'host'),
      (config) => inPlace(config),
    ),
  ),
  race('vmsa-installed', 'A vCPU took a VMSA (with --cast vmsa).', (config) => hasVmsa(config)),
  race(
    'vmsa-invalidated',
    'An invalidation found a VMSA in its range (with --cast vmsa).',
    and(
      adversarial,
      (config) => hasVmsa(config),
      (config) => config.base !== 'rfc-v2',
    ),
  ),
  race('page-freed', 'A page went back to the allocator.', early),
  race(
    'domain-attached',
    'A domain was attached (with --cast domains).',
    and(maps, (config) => hasDomains(config)),
  ),
  /* a map before it; and an unmap after it */
  race('access-pinned', 'A driver has pinned pages (with --cast access).', accesses, 'access'),
  race(
    'access-meets-unmap',
    'An unmap found an access (with --cast access).',
    and(accesses, (config) => config.bounds.calls > CALLS_MIN),
    'access',
  ),
  race('access-copied', 'iommufd_access_rw() copied (with --cast access).', accesses, 'access'),
  race(
    'revoke-finds-area',
    'A revoke found an area that is mapped, or being mapped (with --cast dmabuf).',
    takesBack,
    'dmabuf',
  ),
  race(
    'revoke-meets-map',
    'A map that has its dma-buf finds it revoked when it comes to fill the area (with --cast dmabuf).',
    takesBack,
    'dmabuf',
  ),
  race(
    'revoke-meets-unmap',
    'An unmap found its area revoked (with --cast dmabuf).',
    (config) => hasDmabuf(config) && !hasDomains(config) && config.bounds.calls > CALLS_MIN,
    'dmabuf',
  ),
  race(
    'revoke-meets-attach',
    'An attach or a detach of the domain found an area revoked (with --cast domains,dmabuf).',
    and(takesBack, (config) => hasDomains(config)),
    'dmabuf',
  ),
  race('iommu-mapped', 'An IOPTE was installed.', maps),
  /* with cast domains the attach is a call as well */
  race(
    'invalidation-meets-iopte',
    'A bracket opened over a page that the IOMMU had mapped.',
    and(maps, (config) => !hasDomains(config) || config.bounds.calls > CALLS_MIN),
  ),
  race('converted-to-shared', 'A conversion to shared committed.', everywhere),
  race('spte-installed', 'A fault installed an SPTE.', everywhere),
  race('host-pte-zapped', 'A host mapping was zapped.', mayStayUnreached),
  race(
    'map-meets-invalidation',
    'A map was in flight while a bracket was open.',
    and(maps, adversarial, (config) => inPlace(config)),
  ),
  /* before the launch is finished no guest runs */
  {
    ...race(
      'fault-retried',
      'A fault found its snapshot stale.',
      and(adversarial, (config) => !hasLaunch(config)),
    ),
    name: 'fault-meets-invalidation',
  },
  race(
    'device-tlb-entry-dropped',
    'An invalidation has dropped an entry of a device TLB (with --ats).',
    and(maps, (config) => config.ats === true),
  ),
  race('iotlb-entry-dropped', 'An invalidation dropped an IOTLB entry.', mayStayUnreached),
  race(
    'rmp-assigned',
    'RMPUPDATE assigned a page to the guest.',
    (config) => platformOf(config).rmp !== null,
  ),
  race('reference-dropped', 'A folio reference was dropped.', everywhere),
  race('unpinned', 'A page was unpinned.', mayStayUnreached),
  race('pinned', 'A page was pinned.', (_config, policy) => policy.pins === true),
  race(
    'conversion-refused',
    'A conversion was refused for its references.',
    and(
      (config) => inPlace(config),
      (_config, policy) => policy.pins === true,
      adversarial,
    ),
  ),
  race('call-returned', 'A call returned.', everywhere),
  race('call-failed', 'A call returned an errno.', mayStayUnreached),
  race('bracket-closed', 'A bracket was opened and closed.', everywhere),
  race('locks-nested', 'A lock was taken inside another.', everywhere),
  {
    ...race('release-reached', 'The last reference to the gmem file went.', mayStayUnreached),
    name: 'file-released',
  },
  race(
    'folio-split',
    'A huge folio was split.',
    and(early, ({ base, bounds }) => base === 'rfc-v2' && bounds.hugePages > 1),
  ),
  race('page-cleared', 'A page was cleared.', everywhere),
  { ...race('access.ok', 'A DMA reached its page.', mayStayUnreached), name: 'access-made' },
  race('dma-completed', 'A DMA reached its page.', mayStayUnreached),
] as const satisfies readonly Sometimes[];
export type SometimesName = (typeof SOMETIMES)[number]['name'];

/** Those that must have been reached in runs of this policy. */
export const expectedPartners = (config: Config, policy: Policy): (typeof SOMETIMES)[number][] =>
  config.bounds.calls < CALLS_MIN ? [] : SOMETIMES.filter(({ expected }) => expected(config, policy));

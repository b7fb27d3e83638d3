// tidy: long because the table is one list
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

export const SOMETIMES = [
  {
    name: 'populated',
    event: 'populated',
    says: 'A page of the initial image was added (with --cast launch).',
    expected: (config) => hasLaunch(config),
    cast: null,
  },
  {
    name: 'host-pinned',
    event: 'host-pinned',
    says: 'A user thread of the host has pinned a page (with --cast host).',
    expected: and(
      (config) => hasCast(config, 'host'),
      (config) => inPlace(config),
    ),
    cast: null,
  },
  {
    name: 'vmsa-installed',
    event: 'vmsa-installed',
    says: 'A vCPU took a VMSA (with --cast vmsa).',
    expected: (config) => hasVmsa(config),
    cast: null,
  },
  {
    name: 'vmsa-invalidated',
    event: 'vmsa-invalidated',
    says: 'An invalidation found a VMSA in its range (with --cast vmsa).',
    expected: and(
      adversarial,
      (config) => hasVmsa(config),
      (config) => config.base !== 'rfc-v2',
    ),
    cast: null,
  },
  {
    name: 'page-freed',
    event: 'page-freed',
    says: 'A page went back to the allocator.',
    expected: early,
    cast: null,
  },
  {
    name: 'domain-attached',
    event: 'domain-attached',
    says: 'A domain was attached (with --cast domains).',
    expected: and(maps, (config) => hasDomains(config)),
    cast: null,
  },
  {
    name: 'access-pinned',
    event: 'access-pinned',
    says: 'A driver has pinned pages (with --cast access).',
    /* a map before it; and an unmap after it */
    expected: accesses,
    cast: 'access',
  },
  {
    name: 'access-meets-unmap',
    event: 'access-meets-unmap',
    says: 'An unmap found an access (with --cast access).',
    expected: and(accesses, (config) => config.bounds.calls > CALLS_MIN),
    cast: 'access',
  },
  {
    name: 'access-copied',
    event: 'access-copied',
    says: 'iommufd_access_rw() copied (with --cast access).',
    expected: accesses,
    cast: 'access',
  },
  {
    name: 'revoke-finds-area',
    event: 'revoke-finds-area',
    says: 'A revoke found an area that is mapped, or being mapped (with --cast dmabuf).',
    expected: takesBack,
    cast: 'dmabuf',
  },
  {
    name: 'revoke-meets-map',
    event: 'revoke-meets-map',
    says: 'A map that has its dma-buf finds it revoked when it comes to fill the area (with --cast dmabuf).',
    expected: takesBack,
    cast: 'dmabuf',
  },
  {
    name: 'revoke-meets-unmap',
    event: 'revoke-meets-unmap',
    says: 'An unmap found its area revoked (with --cast dmabuf).',
    expected: (config) => hasDmabuf(config) && !hasDomains(config) && config.bounds.calls > CALLS_MIN,
    cast: 'dmabuf',
  },
  {
    name: 'revoke-meets-attach',
    event: 'revoke-meets-attach',
    says: 'An attach or a detach of the domain found an area revoked (with --cast domains,dmabuf).',
    expected: and(takesBack, (config) => hasDomains(config)),
    cast: 'dmabuf',
  },
  {
    name: 'iommu-mapped',
    event: 'iommu-mapped',
    says: 'An IOPTE was installed.',
    expected: maps,
    cast: null,
  },
  {
    name: 'invalidation-meets-iopte',
    event: 'invalidation-meets-iopte',
    says: 'A bracket opened over a page that the IOMMU had mapped.',
    /* with cast domains the attach is a call as well */
    expected: and(maps, (config) => !hasDomains(config) || config.bounds.calls > CALLS_MIN),
    cast: null,
  },
  {
    name: 'converted-to-shared',
    event: 'converted-to-shared',
    says: 'A conversion to shared committed.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'spte-installed',
    event: 'spte-installed',
    says: 'A fault installed an SPTE.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'host-pte-zapped',
    event: 'host-pte-zapped',
    says: 'A host mapping was zapped.',
    expected: mayStayUnreached,
    cast: null,
  },
  {
    name: 'map-meets-invalidation',
    event: 'map-meets-invalidation',
    says: 'A map was in flight while a bracket was open.',
    expected: and(maps, adversarial, (config) => inPlace(config)),
    cast: null,
  },
  {
    name: 'fault-meets-invalidation',
    event: 'fault-retried',
    says: 'A fault found its snapshot stale.',
    /* before the launch is finished no guest runs */
    expected: and(adversarial, (config) => !hasLaunch(config)),
    cast: null,
  },
  {
    name: 'device-tlb-entry-dropped',
    event: 'device-tlb-entry-dropped',
    says: 'An invalidation has dropped an entry of a device TLB (with --ats).',
    expected: and(maps, (config) => config.ats === true),
    cast: null,
  },
  {
    name: 'iotlb-entry-dropped',
    event: 'iotlb-entry-dropped',
    says: 'An invalidation dropped an IOTLB entry.',
    expected: mayStayUnreached,
    cast: null,
  },
  {
    name: 'rmp-assigned',
    event: 'rmp-assigned',
    says: 'RMPUPDATE assigned a page to the guest.',
    expected: (config) => platformOf(config).rmp !== null,
    cast: null,
  },
  {
    name: 'reference-dropped',
    event: 'reference-dropped',
    says: 'A folio reference was dropped.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'unpinned',
    event: 'unpinned',
    says: 'A page was unpinned.',
    expected: mayStayUnreached,
    cast: null,
  },
  {
    name: 'pinned',
    event: 'pinned',
    says: 'A page was pinned.',
    expected: (_config, policy) => policy.pins === true,
    cast: null,
  },
  {
    name: 'conversion-refused',
    event: 'conversion-refused',
    says: 'A conversion was refused for its references.',
    expected: and(
      (config) => inPlace(config),
      (_config, policy) => policy.pins === true,
      adversarial,
    ),
    cast: null,
  },
  {
    name: 'call-returned',
    event: 'call-returned',
    says: 'A call returned.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'call-failed',
    event: 'call-failed',
    says: 'A call returned an errno.',
    expected: mayStayUnreached,
    cast: null,
  },
  {
    name: 'bracket-closed',
    event: 'bracket-closed',
    says: 'A bracket was opened and closed.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'locks-nested',
    event: 'locks-nested',
    says: 'A lock was taken inside another.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'file-released',
    event: 'release-reached',
    says: 'The last reference to the gmem file went.',
    expected: mayStayUnreached,
    cast: null,
  },
  {
    name: 'folio-split',
    event: 'folio-split',
    says: 'A huge folio was split.',
    expected: and(early, ({ base, bounds }) => base === 'rfc-v2' && bounds.hugePages > 1),
    cast: null,
  },
  {
    name: 'page-cleared',
    event: 'page-cleared',
    says: 'A page was cleared.',
    expected: everywhere,
    cast: null,
  },
  {
    name: 'access-made',
    event: 'access.ok',
    says: 'A DMA reached its page.',
    expected: mayStayUnreached,
    cast: null,
  },
  {
    name: 'dma-completed',
    event: 'dma-completed',
    says: 'A DMA reached its page.',
    expected: mayStayUnreached,
    cast: null,
  },
] as const satisfies readonly Sometimes[];
export type SometimesName = (typeof SOMETIMES)[number]['name'];

/** Those that must have been reached in runs of this policy. */
export const expectedPartners = (config: Config, policy: Policy): (typeof SOMETIMES)[number][] =>
  config.bounds.calls < CALLS_MIN ? [] : SOMETIMES.filter(({ expected }) => expected(config, policy));

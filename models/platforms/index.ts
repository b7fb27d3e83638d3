// The platforms, and what an IOMMU driver knows of each at build time.

import type { Arch } from '../../api/index.ts';
import type { Assumptions, Config, PlatformName } from '../bounds.ts';
import { hasAccess, hasDmabuf, hasDomains, hasSlots, hasVmsa, inPlace, memslotsOf } from '../machine.ts';
import { bareVerdicts } from './bare.ts';
import { type Verdicts, verdictTable } from './outcomes.ts';
import { sevSnpVerdicts, uncheckedSnpVerdict } from './sev-snp.ts';
import { tdxVerdicts } from './tdx.ts';

const VERDICTS: { readonly [K in PlatformName]: (assumed: Assumptions) => Verdicts } = {
  bare: bareVerdicts,
  'sev-snp': sevSnpVerdicts,
  tdx: tdxVerdicts,
};

export interface PlatformTables {
  /** Outcome numbers by `dmaIndex`. */
  readonly checked: Uint8Array;
  /** The same for an access whose check was made earlier, with its IOTLB entry. */
  readonly unchecked: Uint8Array;
}

/* All accesses there are, judged once for each platform and set of assumptions. */
const KNOWN_MAX = 32;
const known = new Map<string, PlatformTables>();

export function platformTables({ platform, assumptions }: Config): PlatformTables {
  const key = JSON.stringify([platform, assumptions]);
  const made = known.get(key);
  if (made !== undefined) return made;
  const checked = verdictTable(VERDICTS[platform](assumptions));
  const tables = {
    checked,
    unchecked: platform === 'sev-snp' ? verdictTable(uncheckedSnpVerdict) : checked,
  };
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, tables);
  return tables;
}

export function archOf(config: Config): Arch {
  return {
    platform: config.platform,
    base: config.base,
    in_place: inPlace(config),
    maps_private: config.platform === 'sev-snp',
    leaf_size_is_checked: config.platform === 'sev-snp',
    huge_pages: config.bounds.hugePages,
    ...(hasSlots(config) ? { memslots: memslotsOf(config) } : {}),
    ...(hasDomains(config) ? { attaches: true } : {}),
    ...(hasAccess(config) ? { accesses: true } : {}),
    ...(hasDmabuf(config) ? { dmabuf: true } : {}),
    /* the hook is of Linux 7.2 */
    ...(hasVmsa(config) && config.base !== 'rfc-v2' ? { guest_vmsa: true } : {}),
  };
}

/** The streams that the devices of this configuration issue. */
export function streamsOf(
  config: Config,
): readonly { readonly trusted: boolean; readonly private: boolean; readonly name: string }[] {
  const t0 = { trusted: false, private: false, name: 'T=0' };
  const t1 = { trusted: true, private: true, name: 'T=1 private' };
  if (config.platform === 'bare' || config.device === 'T0') return [t0];
  return config.device === 'T1' ? [t1] : [t0, t1];
}

// What a configuration has of its platform: facts at build time, streams, and all verdicts as tables.

import type { Arch } from '../../api/index.ts';
import type { Config } from '../bounds.ts';
import { hasAccess, hasDmabuf, hasDomains, hasSlots, hasVmsa, inPlace, memslotsOf } from '../machine.ts';
import { ROWS, platformOf } from './index.ts';
import { verdictTable } from './outcomes.ts';
import type { Rmp, Stream } from './row.ts';

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
  /* the rows as they are: an assumption that is not in the list of models/bounds.ts does not compile */
  const { verdicts, unchecked } = ROWS[platform];
  const tables = {
    checked: verdictTable(verdicts(assumptions)),
    unchecked: verdictTable(unchecked(assumptions)),
  };
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, tables);
  return tables;
}

/** Null where no table of the platform is asked about a DMA. */
export const rmpOf = ({ platform, assumptions }: Config): Rmp | null =>
  ROWS[platform].rmp?.(assumptions) ?? null;

export function archOf(config: Config): Arch {
  return {
    platform: config.platform,
    base: config.base,
    in_place: inPlace(config),
    ...platformOf(config).arch,
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
export function streamsOf(config: Config): readonly Stream[] {
  const { streams } = platformOf(config);
  const asked = streams.filter(({ trusted }) => trusted === (config.device === 'T1'));
  return config.device === null || asked.length === 0 ? streams : asked;
}

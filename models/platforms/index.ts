// The platforms. In this order their numbers are in every token: the next one comes last.

import type { Arch } from '../../api/index.ts';
import { bare } from './bare.ts';
import type { Launch, Platform } from './row.ts';
import { sevSnp } from './sev-snp.ts';
import { tdx } from './tdx.ts';

export { SEPT } from './tdx.ts';

export type PlatformName = Arch['platform'];

/** What policies know a platform by, and what is known of it. */
export const ROWS = { bare, 'sev-snp': sevSnp, tdx } satisfies { readonly [K in PlatformName]: Platform };

export const PLATFORMS = Object.keys(ROWS) as readonly PlatformName[];

export const platformOf = ({ platform }: { readonly platform: PlatformName }): Platform => ROWS[platform];

/** Throws where guests have no initial image: nobody populates there. */
export function launchOf(arch: Arch): Launch {
  const { launch } = platformOf(arch);
  if (launch === null) throw new Error(`no launch on ${arch.platform}`);
  return launch;
}

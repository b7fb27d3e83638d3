// Who else acts (`--cast`): by name, and where each is without effect.

import type { Config } from './bounds.ts';
import { platformOf } from './platforms/index.ts';

/** Actors beyond the usual ones; their fields and calls exist only where they are asked for. */
export const CASTS = ['host', 'slots', 'launch', 'vmsa', 'domains', 'access', 'dmabuf'] as const;
export type Cast = (typeof CASTS)[number];

/** Why actors of a cast are not there, although they were asked for; null where they are. */
function castMissing({ base, platform, vmm, bounds, cast }: Config, name: Cast): string | null {
  const among = (other: Cast): boolean => cast?.includes(other) === true;
  switch (name) {
    case 'host':
      return null;
    case 'slots':
      if (base === 'rfc-v2') return 'rfc-v2 has one slot';
      if (vmm === 'cooperative') return 'a cooperative VMM has one slot';
      return bounds.pages > 1 ? null : 'one page is one slot';
    case 'launch':
      return platformOf({ platform }).launch === null ? `${platform} has no launch` : null;
    case 'domains':
      return vmm === 'cooperative' ? 'a cooperative VMM attaches the domain first' : null;
    /* MODEL: no access where the domain comes and goes: it finds its pages in the domain, and pins none itself. */
    case 'access':
      if (vmm === 'cooperative') return 'a cooperative VMM has no such driver';
      return among('domains') ? 'not with cast domains' : null;
    case 'dmabuf':
      if (vmm === 'cooperative') return 'a cooperative VMM maps guest memory alone';
      return among('access') || among('slots') ? 'not with cast access or slots' : null;
    case 'vmsa':
      return platformOf({ platform }).vmsa ? null : `${platform} has no VMSA`;
  }
}
export const hasCast = (config: Config, name: Cast): boolean =>
  config.cast?.includes(name) === true && castMissing(config, name) === null;

/** `host vmsa`, `slots without effect (rfc-v2 has one slot)` */
export function castText(config: Config): string[] {
  const missing = (config.cast ?? []).flatMap((name) => {
    const why = castMissing(config, name);
    return why === null ? [] : [`cast ${name} without effect (${why})`];
  });
  const there = (config.cast ?? []).filter((name) => hasCast(config, name));
  return [...(there.length === 0 ? [] : [`cast ${there.join(' ')}`]), ...missing];
}

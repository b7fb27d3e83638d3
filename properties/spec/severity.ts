// Invariant x platform x VMM: axiom (broken = not conformant), flag (legal, counted), or not judged.

import { match, P } from 'ts-pattern';
import { type Config, guestOf, hasCast } from '../../models/bounds.ts';

export type Judgement = 'axiom' | 'flag' | 'not judged';

export function judgementOf(invariant: string, config: Config): Judgement {
  if (invariant === 'no-silent-lost-dma' && guestOf(config) === 'malicious') return 'not judged';
  if (
    /^(access-pages-stay|num-accesses-is-what-is-held|no-cpu-access-to-private)$/.test(invariant) &&
    !hasCast(config, 'access')
  )
    return 'not judged';
  if (/^(no-access-after-revoke|unmap-returns-its-size)$/.test(invariant) && !hasCast(config, 'dmabuf'))
    return 'not judged';
  if (invariant === 'domain-maps-the-areas' && !hasCast(config, 'domains')) return 'not judged';
  return (
    match<readonly [string, string, string], Judgement>([invariant, config.platform, config.vmm])
      /* a stale shared IOPTE takes the host down on TDX only; on SNP its use is a contained fault */
      .with(['no-stale-shared-iopte', 'sev-snp', P._], () => 'flag')
      .with(['no-stale-private-iopte', P.union('sev-snp', 'bare'), P._], () => 'not judged')
      /* liveness of the guest's devices is user space's to keep: judged where it does as documented */
      .with(['no-silent-lost-dma', P._, 'adversarial'], () => 'not judged')
      .with(['rmp-size-matches-s2', 'sev-snp', 'cooperative'], () => 'axiom')
      .with(['rmp-size-matches-s2', P._, P._], () => 'not judged')
      .otherwise(() => 'axiom')
  );
}

/**
 * Where DMA to what somebody else owns goes first, then what stays mapped, then the rest: which axiom a mail
 * is about.
 */
const GRAVITY = [
  'no-mapping-to-freed-page',
  'no-host-fatal',
  'no-host-corruption',
  'no-access-after-revoke',
  'no-dangling-binding',
  'no-plaintext-to-untrusted',
  'no-integrity-violation',
  'no-stale-shared-iopte',
  'no-stale-private-iopte',
  'no-host-mapping-of-private',
  'no-unbounded-retry',
  /* a lock that is kept blocks whoever comes next: the cause before its effect */
  'nothing-left-at-release: lock',
  'every-call-returns',
];

/** Lower is graver. */
export function gravity(invariant: string, outcome: string): number {
  const at = GRAVITY.findIndex((name) => name === invariant || name === `${invariant}: ${outcome}`);
  return at < 0 ? GRAVITY.length : at;
}

// What an access can come to, on any platform.

import { P, match } from 'ts-pattern';

export const OUTCOMES = [
  'ok',
  'contained fault',
  'host fatal',
  'host corruption',
  'confidential leak',
  'integrity violation',
  'DMA lost silently',
  'ciphertext read',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The state of the page that a translation points to, as the hardware and the allocator see it. */
export const PAGE_CLASSES = [
  /* private, accepted, at the gfn of this iova; RMP size where there is one */
  'private 4K',
  'private 2M',
  /* private, but at another gfn */
  'private elsewhere',
  /* private, not accepted by the guest yet; RMP size as above */
  'private unaccepted',
  'private unaccepted 2M',
  /* taken from the guest, caches not written back yet */
  'private removed',
  /* host-owned, and what backs this gfn now */
  'shared',
  /* the same, inside a 2M block that has private pages as well */
  'shared in mixed 2M',
  /* host-owned and still allocated, but not what backs this gfn */
  'stale',
  /* host-owned, and backs another index of the same file now */
  'live elsewhere',
  /* free, or taken by another owner */
  'free',
] as const;
export type PageClass = (typeof PAGE_CLASSES)[number];

export interface DmaCase {
  readonly page: PageClass;
  readonly leaf: '4K' | '2M';
  /** T=1: accepted into the guest's TCB. */
  readonly trusted: boolean;
  /** A private-type access: only a trusted device can issue one. */
  readonly private: boolean;
  readonly write: boolean;
}

export type Verdicts = (dma: DmaCase) => Outcome;

/** The page is the guest's. */
export const PRIVATE = [
  'private 4K',
  'private 2M',
  'private elsewhere',
  'private unaccepted',
  'private unaccepted 2M',
  'private removed',
] as const satisfies readonly PageClass[];
/** It is not: where nothing stops the access, it comes to the same everywhere. */
export const HOSTS = [
  'shared',
  'shared in mixed 2M',
  'stale',
  'live elsewhere',
  'free',
] as const satisfies readonly PageClass[];
export const unhindered = (
  dma: Pick<DmaCase, 'write'> & { readonly page: (typeof HOSTS)[number] },
): Outcome =>
  match<typeof dma, Outcome>(dma)
    .with({ page: P.union('shared', 'shared in mixed 2M') }, () => 'ok')
    .with({ page: 'live elsewhere', write: true }, () => 'integrity violation')
    .with({ page: P.union('stale', 'live elsewhere') }, () => 'DMA lost silently')
    .with({ page: 'free', write: true }, () => 'host corruption')
    .with({ page: 'free', write: false }, () => 'confidential leak')
    .exhaustive();

const codeOf = (page: number, huge: number, trusted: number, isPrivate: number, write: number): number =>
  (((page * 2 + huge) * 2 + trusted) * 2 + isPrivate) * 2 + write;

/** Evaluate a platform's verdicts once for all cases; the index is made by `dmaIndex`. */
export function verdictTable(verdicts: Verdicts): Uint8Array {
  const table = new Uint8Array(PAGE_CLASSES.length * 16);
  PAGE_CLASSES.forEach((page, k) => {
    for (let bits = 0; bits < 16; bits++) {
      const [huge, trusted, isPrivate, write] = [(bits >> 3) & 1, (bits >> 2) & 1, (bits >> 1) & 1, bits & 1];
      const outcome = verdicts({
        page,
        leaf: huge === 1 ? '2M' : '4K',
        trusted: trusted === 1,
        private: isPrivate === 1,
        write: write === 1,
      });
      table[codeOf(k, huge, trusted, isPrivate, write)] = OUTCOMES.indexOf(outcome);
    }
  });
  return table;
}

export const dmaIndex = codeOf;
export const PAGE_CLASS = Object.fromEntries(PAGE_CLASSES.map((name, k) => [name, k])) as {
  readonly [K in PageClass]: number;
};

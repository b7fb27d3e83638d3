// Replay tokens: `GC1-7K2M-Q9TX-...`, at most 60 characters, quoted and wrapped by mail clients without harm.
//
// Five bits a character, most significant first; the last four characters are a checksum. That is the remainder by
// the generator of the double-error-correcting BCH code of length 1023: 20 bits, so that any damage inside 20
// neighbouring bits shows, which covers one character changed and two neighbours swapped.

import { TOKEN_NUMBER_MAX } from '../models/results.ts';

const PREFIX = 'GC';
const VERSION = '1';
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const GROUP = 4;
const CHECK = 4;
const SYMBOL_BITS = 5;

/** (x^10 + x^3 + 1)(x^10 + x^3 + x^2 + x + 1) */
const GENERATOR = 0x101877;
const CHECK_BITS = 20;
/** Any value other than 0, so that leading zeroes count. */
const INITIAL = 0x47433;

/** Not readable as a token; the message says what is wrong with it. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

function checksum(symbols: readonly number[]): number {
  let rest = INITIAL;
  for (const symbol of symbols) {
    for (let bit = SYMBOL_BITS - 1; bit >= 0; bit--) {
      const out = (rest >>> (CHECK_BITS - 1)) ^ ((symbol >>> bit) & 1);
      rest = ((rest << 1) & (2 ** CHECK_BITS - 1)) ^ (out === 1 ? GENERATOR & (2 ** CHECK_BITS - 1) : 0);
    }
  }
  return rest;
}

function symbolsOf(value: bigint): number[] {
  const symbols: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 5n) symbols.unshift(Number(rest & 31n));
  return symbols.length === 0 ? [0] : symbols;
}

function written(value: bigint): string {
  const symbols = symbolsOf(value);
  const check = checksum(symbols);
  for (let i = CHECK - 1; i >= 0; i--) symbols.push((check >>> (SYMBOL_BITS * i)) & 31);
  const text = symbols.map((symbol) => ALPHABET.charAt(symbol)).join('');
  return [PREFIX + VERSION, ...(text.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? [])].join('-');
}

/** The number as a token. Throws TokenError where it is none of a token, see TOKEN_NUMBER_MAX. */
export function encodeToken(value: bigint): string {
  if (value < 0n || value > TOKEN_NUMBER_MAX)
    throw new TokenError(`a token holds a natural number of at most 205 bits, not ${value}`);
  return written(value);
}

/** Quoting, line breaks and spaces away; capitals; Crockford's look-alikes to what they stand for. */
function normalise(text: string): string {
  return text.replace(/[\s>]/g, '').toUpperCase().replace(/O/g, '0').replace(/[IL]/g, '1');
}

function groupsOf(text: string): string[] {
  const [head = '', ...groups] = normalise(text).split('-');
  const version = head.slice(PREFIX.length);
  const example = `a token looks like ${PREFIX}${VERSION}-7K2M-Q9TX-...`;
  if (!head.startsWith(PREFIX) || version.length !== 1) throw new TokenError(`not a token: ${example}`);
  if (version !== VERSION) {
    throw new TokenError(
      `token of another format version: ${head} where this program reads ${PREFIX}${VERSION}`,
    );
  }
  if (groups.every((group) => group === ''))
    throw new TokenError(`not a token: nothing after ${head}; ${example}`);
  return groups;
}

/** Throws TokenError for anything but what encodeToken wrote. */
export function decodeToken(text: string): bigint {
  const groups = groupsOf(text);
  groups.forEach((group, i) => {
    if (group === '') throw new TokenError(`token damaged: group ${i + 1} is empty: some of it is lost`);
    const strange = Array.from(group).find((c) => !ALPHABET.includes(c));
    if (strange !== undefined)
      throw new TokenError(`not a token: '${strange}' in group ${i + 1} is not used in tokens`);
    if (group.length > GROUP || (group.length < GROUP && i < groups.length - 1)) {
      throw new TokenError(
        `token damaged: group ${i + 1}, ${group}, has ${group.length} characters, not ${GROUP}: one changed or lost`,
      );
    }
  });
  const symbols = Array.from(groups.join(''), (c) => ALPHABET.indexOf(c));
  const body = symbols.slice(0, -CHECK);
  const value = body.reduce((sum, symbol) => (sum << 5n) | BigInt(symbol), 0n);
  // Written again, it must be the same: checksum, and no leading zeroes.
  if (written(value) !== [PREFIX + VERSION, ...groups].join('-')) {
    throw new TokenError('token damaged: its checksum does not match; one character or more changed or lost');
  }
  return value;
}

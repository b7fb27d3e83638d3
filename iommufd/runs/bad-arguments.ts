// Arguments that are bad in several ways at once: the first test that finds one decides.

import fc from 'fast-check';

export interface Bad<T> {
  readonly errno: number;
  readonly spoil: (cmd: T) => T;
  /** Of those that spoil the same field one is taken. */
  readonly field: string;
  /** Fields that must be good for it to be what it is. */
  readonly needs?: readonly string[];
}

const excludes = <T>(a: Bad<T>, b: Bad<T>): boolean =>
  a.field === b.field || a.needs?.includes(b.field) === true || b.needs?.includes(a.field) === true;

/** Some of a list that is in the order of the kernel's tests, in that order. */
export const severalOf = <T>(list: readonly Bad<T>[]): fc.Arbitrary<Bad<T>[]> =>
  fc.uniqueArray(fc.nat({ max: list.length - 1 }), { minLength: 1, maxLength: 4 }).map((picked) => {
    const chosen: Bad<T>[] = [];
    for (const i of [...picked].sort((a, b) => a - b))
      if (!chosen.some((other) => excludes(other, list[i]))) chosen.push(list[i]);
    return chosen;
  });

export const spoilt = <T>(good: T, chosen: readonly Bad<T>[]): T =>
  chosen.reduce((cmd, bad) => bad.spoil(cmd), good);

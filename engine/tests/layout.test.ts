// Packed states and the table that holds them.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SuiteError } from '../errors.ts';
import { makeLayout, slotName } from '../layout.ts';
import { makeStore, storeAlone } from '../store.ts';

const fields = fc
  .array(fc.record({ bits: fc.integer({ min: 1, max: 24 }), count: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((list) => list.map((field, k) => ({ ...field, name: `f${k}` })));
const withValues = fields.chain((specs) =>
  fc.record({
    specs: fc.constant(specs),
    values: fc.tuple(
      ...specs.flatMap(({ bits, count }) => Array.from({ length: count }, () => fc.nat(2 ** bits - 1))),
    ),
    slot: fc.nat(specs.reduce((sum, { count }) => sum + count, 0) - 1),
  }),
);

test('what is packed comes back', () => {
  fc.assert(
    fc.property(withValues, ({ specs, values, slot }) => {
      const layout = makeLayout(specs);
      const m = Int32Array.from(values);
      const rows = new Int32Array(3 * layout.words);
      expect(layout.pack(m, rows, layout.words)).toBe(true);
      const back = new Int32Array(layout.length);
      layout.unpack(rows, layout.words, back);
      expect([...back]).toEqual(values);
      layout.copy(m, back.fill(-1));
      expect([...back]).toEqual(values);
      expect(rows.slice(0, layout.words)).toEqual(new Int32Array(layout.words));

      const other = m.slice();
      other[slot] ^= 1;
      layout.pack(other, rows, 0);
      expect(layout.same(rows, 0, rows, layout.words)).toBe(false);
      expect(layout.hash(rows, 0)).not.toBe(layout.hash(rows, layout.words));
    }),
    { numRuns: 150, seed: 1 },
  );
});

test('a value that does not fit is named', () => {
  fc.assert(
    fc.property(withValues, ({ specs, values, slot }) => {
      const layout = makeLayout(specs);
      const m = Int32Array.from(values);
      const field = layout.fields.find((f) => slot >= f.at && slot < f.at + f.count);
      for (const wrong of [2 ** (field?.bits ?? 0), -1]) {
        m[slot] = wrong;
        expect(layout.overflow(m)).toBe(slot);
        expect(() => makeStore(layout).add(m, -1)).toThrow(
          `field ${slotName(layout, slot)} overflows with ${wrong}`,
        );
      }
    }),
    { numRuns: 100, seed: 2 },
  );
});

test('fields that cannot be are refused', () => {
  expect(() => makeLayout([{ name: 'a', bits: 25 }])).toThrow(SuiteError);
  const twice = [1, 2].map((bits) => ({ name: 'a', bits }));
  expect(() => makeLayout(twice)).toThrow(/declared once/);
  const fields = [
    { name: 'a', bits: 1 },
    { name: 'b', bits: 2, count: 2 },
  ];
  expect(slotName(makeLayout(fields), 2)).toBe('b[1]');
});

test('the store numbers distinct states in the order of their arrival', () => {
  const layout = makeLayout([{ name: 'x', bits: 20 }, { name: 'y', bits: 20 }]); // prettier-ignore
  let store = makeStore(layout);
  const m = new Int32Array(2);
  const put = (k: number): number => {
    m[0] = (k * 7919) % 65536;
    m[1] = k % 3;
    return store.add(m, k - 1);
  };
  for (let k = 0; k < 9000; k++) expect(put(k)).toBe(k);
  store = storeAlone(layout, store);
  for (let k = 0; k < 9000; k++) expect(put(k)).toBe(-1 - k);
  expect(put(9000)).toBe(9000);
  expect([store.count(), store.parents[9000], store.parents[8999]]).toEqual([9001, 8999, 8998]);
  store.load(17, m);
  expect([...m]).toEqual([(17 * 7919) % 65536, 2]);
});

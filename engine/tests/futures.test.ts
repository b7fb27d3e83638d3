// What is known to follow, place by place, on calls written down by hand.

import { expect, test } from 'vitest';
import { type Standing, makeFutures } from '../futures.ts';

const OWN = 1;
const FIRST = 2;
const LATER = 4;

const at = (name: string, asks: number, asked = -1, repeats = false): Standing => ({
  name,
  asks,
  asked,
  repeats,
});

test('what follows is known to what came before', () => {
  const futures = makeFutures();
  futures.add(1, [at('f', 0)], FIRST);
  expect(futures.touched[1]).toBe(FIRST);
  futures.add(2, [at('f', 1, 0)], LATER);
  expect([futures.touched[1], futures.touched[2]]).toEqual([FIRST | LATER, LATER]);
});

test('what a function touches in one call it touches in others; what its caller does next counts as well', () => {
  const futures = makeFutures();
  futures.add(1, [at('g', 0)], FIRST);
  futures.add(2, [at('f', -3), at('g', 0)], FIRST);
  futures.add(3, [at('f', 7, -3)], LATER);
  expect(futures.touched[2]).toBe(FIRST | LATER);
  expect(futures.touched[1]).toBe(FIRST);
  futures.add(4, [at('g', 1, 0)], OWN);
  expect([futures.touched[1], futures.touched[2], futures.touched[3]]).toEqual([
    FIRST | OWN,
    FIRST | LATER | OWN,
    LATER,
  ]);
});

test('a function that is also called as a loop begins again, whichever call was first', () => {
  const futures = makeFutures();
  futures.add(1, [at('f', 0)], FIRST);
  futures.add(2, [at('f', 1, 0)], LATER);
  expect(futures.touched[2]).toBe(LATER);
  futures.add(3, [at('f', 1, 0, true)], LATER);
  expect(futures.touched[3]).toBe(FIRST | LATER);
});

test('a surprise is what somebody relied on, and nothing else', () => {
  const futures = makeFutures();
  futures.add(1, [at('f', 0)], FIRST);
  futures.add(2, [at('f', 1, 0)], OWN);
  expect(futures.surprises()).toBe(0);
  futures.asked[1] = LATER;
  futures.add(3, [at('f', 2, 1)], LATER);
  expect(futures.surprises()).toBe(1);
});

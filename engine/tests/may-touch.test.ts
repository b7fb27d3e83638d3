// What is known to follow, place by place, on calls written down by hand.

import { expect, test } from 'vitest';
import { type Standing, makeMayTouch } from '../may-touch.ts';

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
  const mayTouch = makeMayTouch();
  mayTouch.add(1, [at('f', 0)], FIRST);
  expect(mayTouch.touched[1]).toBe(FIRST);
  mayTouch.add(2, [at('f', 1, 0)], LATER);
  expect([mayTouch.touched[1], mayTouch.touched[2]]).toEqual([FIRST | LATER, LATER]);
});

test('what a function touches in one call it touches in others; what its caller does next counts as well', () => {
  const mayTouch = makeMayTouch();
  mayTouch.add(1, [at('g', 0)], FIRST);
  mayTouch.add(2, [at('f', -3), at('g', 0)], FIRST);
  mayTouch.add(3, [at('f', 7, -3)], LATER);
  expect(mayTouch.touched[2]).toBe(FIRST | LATER);
  expect(mayTouch.touched[1]).toBe(FIRST);
  mayTouch.add(4, [at('g', 1, 0)], OWN);
  expect([mayTouch.touched[1], mayTouch.touched[2], mayTouch.touched[3]]).toEqual([
    FIRST | OWN,
    FIRST | LATER | OWN,
    LATER,
  ]);
});

test('a function that is also called as a loop begins again, whichever call was first', () => {
  const mayTouch = makeMayTouch();
  mayTouch.add(1, [at('f', 0)], FIRST);
  mayTouch.add(2, [at('f', 1, 0)], LATER);
  expect(mayTouch.touched[2]).toBe(LATER);
  mayTouch.add(3, [at('f', 1, 0, true)], LATER);
  expect(mayTouch.touched[3]).toBe(FIRST | LATER);
});

test('a surprise is what somebody relied on, and nothing else', () => {
  const mayTouch = makeMayTouch();
  mayTouch.add(1, [at('f', 0)], FIRST);
  mayTouch.add(2, [at('f', 1, 0)], OWN);
  expect(mayTouch.surprises()).toBe(0);
  mayTouch.asked[1] = LATER;
  mayTouch.add(3, [at('f', 2, 1)], LATER);
  expect(mayTouch.surprises()).toBe(1);
});

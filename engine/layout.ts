// Declared fields, and the code that packs them: a state is a row of 32-bit words, its unpacked form an
// Int32Array.

import { assert } from './errors.ts';

/** `bits` wide, `count` slots side by side. Names are those that reports print. */
export interface FieldSpec {
  readonly name: string;
  readonly bits: number;
  readonly count?: number;
}

export interface Field {
  readonly name: string;
  readonly bits: number;
  readonly count: number;
  /** Index of the first slot in the unpacked state. */
  readonly at: number;
}

/** The unpacked state: one slot a field value. */
export type State = Int32Array;

export interface Layout {
  readonly fields: readonly Field[];
  /** Slots of the unpacked state. */
  readonly length: number;
  /** 32-bit words of the packed state. */
  readonly words: number;
  /**
   * Write the packed state to `store[i .. i + words)`. True when every value fits its field; if not, the row
   * is rubbish.
   */
  readonly pack: (m: State, store: Int32Array, i: number) => boolean;
  readonly unpack: (store: Int32Array, i: number, m: State) => void;
  readonly copy: (from: State, to: State) => void;
  /** First slot whose value does not fit its field, or -1. */
  readonly overflow: (m: State) => number;
  readonly hash: (store: Int32Array, i: number) => number;
  /** Row `a[i ..]` equals row `b[j ..]`. */
  readonly same: (a: Int32Array, i: number, b: Int32Array, j: number) => boolean;
}

const WORD_BITS = 32;
const FIELD_BITS_MAX = 24;
const COPY_SLOTS_MAX = 40; /* beyond, TypedArray.set is faster than a store for each slot */

interface Slot {
  readonly word: number;
  readonly shift: number;
  readonly bits: number;
}

/** First fit in declared order; no field straddles two words. */
function place(fields: readonly Field[]): Slot[] {
  const slots: Slot[] = [];
  const used: number[] = [];
  for (const field of fields) {
    for (let k = 0; k < field.count; k++) {
      let word = used.findIndex((bits) => bits + field.bits <= WORD_BITS);
      if (word < 0) word = used.push(0) - 1;
      const shift = used[word] ?? 0;
      used[word] = shift + field.bits;
      slots.push({ word, shift, bits: field.bits });
    }
  }
  return slots;
}

/**
 * OR of all values shifted down by their width: zero when they fit. Values of equal width are shifted
 * together.
 */
function excess(slots: readonly Slot[]): string {
  const byWidth = new Map<number, string[]>();
  slots.forEach((s, i) => byWidth.set(s.bits, [...(byWidth.get(s.bits) ?? []), `m[${i}]`]));
  return [...byWidth].map(([bits, values]) => `((${values.join('|')})>>>${bits})`).join('|') || '0';
}

/*
 * Generated straight-line code packs ten times faster than a loop over slots: no other way was found to meet
 * SPIN.
 */
function generate<F>(functions: Readonly<Record<string, readonly [parameters: string, body: string]>>): F {
  const text = Object.entries(functions).map(
    ([name, [parameters, body]]) => `${name}:(${parameters})=>{${body}}`,
  );
  // oxlint-disable-next-line no-new-func, no-implied-eval
  const make = new Function(`return {${text.join(',')}}`) as () => F;
  return make();
}

/* Generated code is compiled anew for each layout: searches of the same machine share it. */
const KNOWN_MAX = 64;
const known = new Map<string, Layout>();

/** Lay the fields out once; every state of one search uses the same layout. */
export function makeLayout(specs: readonly FieldSpec[]): Layout {
  const key = JSON.stringify(specs.map(({ name, bits, count = 1 }) => [name, bits, count]));
  const made = known.get(key) ?? layoutOf(specs);
  /* the one that was not asked for longest goes first */
  known.delete(key);
  known.set(key, made);
  for (const oldest of known.keys()) {
    if (known.size <= KNOWN_MAX) break;
    known.delete(oldest);
  }
  return made;
}

function layoutOf(specs: readonly FieldSpec[]): Layout {
  const fields: Field[] = [];
  let length = 0;
  for (const { name, bits, count = 1 } of specs) {
    assert(
      bits >= 1 && bits <= FIELD_BITS_MAX,
      `field ${name} has ${bits} bits, 1 to ${FIELD_BITS_MAX} allowed`,
    );
    assert(
      fields.every((f) => f.name !== name),
      `field ${name} declared once`,
    );
    fields.push({ name, bits, count, at: length });
    length += count;
  }
  const slots = place(fields);
  const words = Math.max(1, ...slots.map((s) => s.word + 1));
  const each = (f: (word: number) => string): string =>
    Array.from({ length: words }, (_, w) => f(w)).join('');
  const inWord = (w: number): string =>
    slots
      .map((s, i) => (s.word === w ? `(m[${i}]<<${s.shift})` : ''))
      .filter((text) => text !== '')
      .join('|') || '0';
  const generated = generate<Pick<Layout, 'pack' | 'unpack' | 'copy' | 'hash' | 'same'>>({
    pack: ['m,store,i', `${each((w) => `store[i+${w}]=${inWord(w)};`)}return (${excess(slots)})===0;`],
    unpack: [
      'store,i,m',
      each((w) => `const w${w}=store[i+${w}];`) +
        slots.map((s, i) => `m[${i}]=(w${s.word}>>>${s.shift})&${2 ** s.bits - 1};`).join(''),
    ],
    copy: [
      'from,to',
      length > COPY_SLOTS_MAX ? 'to.set(from);' : slots.map((_, i) => `to[${i}]=from[${i}];`).join(''),
    ],
    hash: [
      'store,i',
      `let h=0;${each((w) => `h=Math.imul(h^store[i+${w}],0x9E3779B1);h^=h>>>15;`)}` +
        'h=Math.imul(h,0x85EBCA6B);return h^(h>>>13);',
    ],
    same: [
      'a,i,b,j',
      `return ${Array.from({ length: words }, (_, w) => `a[i+${w}]===b[j+${w}]`).join('&&')};`,
    ],
  });
  return {
    fields,
    length,
    words,
    ...generated,
    overflow: (m) => slots.findIndex((s, i) => m[i] >>> s.bits !== 0),
  };
}

/** Name of a slot as reports print it: `iopte[1]`, or the bare field name when it has one slot. */
export function slotName(layout: Layout, slot: number): string {
  const field = layout.fields.find((f) => slot >= f.at && slot < f.at + f.count);
  assert(field !== undefined, `slot ${slot} is inside the layout`);
  return field.count === 1 ? field.name : `${field.name}[${slot - field.at}]`;
}

// What a call may still touch, from where it stands on, as far as the tries have unfolded. A function at a kind of step
// is one point, whoever calls it and whatever the answers were: what is learnt of it in one call holds for all others.

export interface MayTouch {
  /** By place: the bits of its pending step and of all that is known to follow. Grows: read it again. */
  touched: Int32Array;
  /** The search goes by it, not by what is rare alone. */
  trusted: boolean;
  /** By place: the bits that somebody has relied on not to be touched. */
  asked: Int32Array;
  /** How often a place has turned out to touch what somebody relied on. */
  readonly surprises: () => number;
  /** A new place: its functions from the outermost to the innermost, and the bits of its pending step. */
  readonly add: (place: number, stack: readonly Standing[], bits: number) => void;
}

/** A function, what it asks for, and what it asked for before; -1: nothing. */
export interface Standing {
  readonly name: string;
  readonly asks: number;
  readonly asked: number;
  /** After its last step its first may follow. */
  readonly repeats: boolean;
}

const twice = (list: Int32Array): Int32Array => {
  const longer = new Int32Array(list.length * 2);
  longer.set(list);
  return longer;
};

export function makeMayTouch(): MayTouch {
  /* two vertices a point: what it touches from here on, and what it touches after what it asks for */
  const bitsOf: number[] = [];
  const before: Set<number>[] = [];
  const members: number[][] = [];
  const numbers = new Map<string, number>();
  let surprised = 0;

  const grow = (vertex: number, bits: number): void => {
    const open = [vertex];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if ((bits & ~bitsOf[at]) === 0) continue;
      bitsOf[at] |= bits;
      for (const place of members[at]) {
        if ((bits & ~mayTouch.touched[place] & mayTouch.asked[place]) !== 0) surprised++;
        mayTouch.touched[place] |= bits;
      }
      open.push(...before[at]);
    }
  };
  const lead = (from: number, to: number): void => {
    if (before[to].has(from)) return;
    before[to].add(from);
    grow(from, bitsOf[to]);
  };
  const vertexOf = (key: string): number => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const vertex = bitsOf.push(0) - 1;
    before.push(new Set());
    members.push([]);
    numbers.set(key, vertex);
    return vertex;
  };
  const entryOf = (name: string): number => vertexOf(`${name} in`);
  const hereOf = (name: string, asks: number): number => vertexOf(`${name} at ${asks}`);
  const afterOf = (name: string, asks: number): number => {
    const after = vertexOf(`${name} after ${asks}`);
    lead(hereOf(name, asks), after);
    return after;
  };
  /* the same edges are led again and again: remembered by one text, that has all they depend on */
  const arrivals = new Map<string, number>();
  const entries = new Map<string, number>();
  const arrived = ({ name, asks, asked, repeats }: Standing): number => {
    const key = `${name} ${asks} ${asked} ${repeats}`;
    const found = arrivals.get(key);
    if (found !== undefined) return found;
    const here = hereOf(name, asks);
    const after = afterOf(name, asks);
    lead(asked === -1 ? entryOf(name) : afterOf(name, asked), here);
    if (repeats) lead(after, entryOf(name));
    arrivals.set(key, here);
    return here;
  };
  /** What follows the callee. */
  const entered = (caller: Standing, callee: Standing): number => {
    const key = `${caller.name} ${caller.asks} ${caller.asked} ${caller.repeats} ${callee.name}`;
    const found = entries.get(key);
    if (found !== undefined) return found;
    lead(arrived(caller), entryOf(callee.name));
    const after = afterOf(caller.name, caller.asks);
    entries.set(key, after);
    return after;
  };
  const join = (place: number, vertex: number): void => {
    members[vertex].push(place);
    mayTouch.touched[place] |= bitsOf[vertex];
  };

  const mayTouch: MayTouch = {
    /* an idle thread is at place 0 and touches nothing */
    touched: new Int32Array(1 << 10),
    asked: new Int32Array(1 << 10),
    trusted: false,
    surprises: () => surprised,
    add: (place, stack, bits) => {
      if (place >= mayTouch.touched.length) {
        mayTouch.touched = twice(mayTouch.touched);
        mayTouch.asked = twice(mayTouch.asked);
      }
      stack.forEach((standing, depth) => {
        const callee = stack[depth + 1];
        if (callee !== undefined) return join(place, entered(standing, callee));
        const here = arrived(standing);
        grow(here, bits);
        return join(place, here);
      });
    },
  };
  return mayTouch;
}

// Copies of functions. V8 keeps what it learnt about a call site with the text of the function, so one inner loop
// that has run two systems calls through pointers ever after, at half the speed; a copy of its text starts anew.

let copies = 0;

/**
 * The same function, compiled again. It may use its parameters, globals and nothing else from outside.
 * `__name`, or `__name2` where a file went through it twice, is what tsx wraps around nested functions.
 */
export function recompiled<F extends (...args: never[]) => unknown>(fn: F): F {
  copies++; /* texts must differ: equal ones are compiled once */
  const text = String(fn);
  const wrappers = [...new Set(text.match(/\b__name\d*\b/g))];
  const asIs = <T>(named: T): T => named;
  // oxlint-disable-next-line no-new-func, no-implied-eval
  const make = new Function(...wrappers, `/* copy ${copies} */ return (${text});`) as (
    ...wrap: readonly (typeof asIs)[]
  ) => F;
  return make(...wrappers.map(() => asIs));
}

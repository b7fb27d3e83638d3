// Copies of functions. V8 keeps what it learnt about a call site with the text of the function, so one inner
// loop that
// has run two systems calls through pointers ever after, at half the speed; a copy of its text starts anew.

let copies = 0;

/**
 * The same function, compiled again. It may use its parameters, globals and nothing else from outside.
 * `__name` is what tsx wraps around nested functions.
 */
export function fresh<F extends (...args: never[]) => unknown>(fn: F): F {
  copies++; /* texts must differ: equal ones are compiled once */
  // oxlint-disable-next-line no-new-func, no-implied-eval
  const make = new Function('__name', `/* copy ${copies} */ return (${String(fn)});`) as (
    name: <T>(named: T) => T,
  ) => F;
  return make((named) => named);
}

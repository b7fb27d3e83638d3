// The ways a run can stop that are not a verdict. A violated invariant is never an exception.

/**
 * The policy misuses the API: another step for the same answers, over the step limit, an unknown step, a
 * throw.
 */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/** A bug of the suite, or one of its own limits. Ask for a report. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError';
}

/** States a fact that the suite itself relies on. */
export function assert(fact: boolean, what: string): asserts fact {
  if (!fact) throw new SuiteError(`assertion failed: ${what}`);
}

/** A path that this system does not have: made for another system, or by hand. */
export class PathError extends Error {
  override readonly name = 'PathError';
  /** Number of the step, from 1. */
  readonly step: number;
  constructor(step: number, what: string) {
    super(`step ${step} of the path: ${what}`);
    this.step = step;
  }
}

export function different(name: string, at: number): PolicyError {
  return new PolicyError(
    `${name}() chose a different step ${at + 1} when it was run again with the same answers. ` +
      'A call may depend only on its arguments and answers: look for a variable outside the function, a clock or ' +
      'randomness; state that outlives a call belongs into registers.',
  );
}

export const neverYielded = (name: string, step: string): PolicyError =>
  new PolicyError(
    `${name}(): ${step}() was made and never yielded: write \`yield* ${step}(...)\`. Without it nothing is done.`,
  );

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

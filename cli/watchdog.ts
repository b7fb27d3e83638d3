// Stops protocol code that runs and never yields. The limit is wall-clock time; all limits of the search are
// counts.

import { Script } from 'node:vm';
import type { Guard } from '../engine/tries.ts';
import { UsageError } from './usage.ts';

const GUARDED = Symbol.for('gmem-iommu-conformance.guarded');
const holder = globalThis as { [GUARDED]?: () => void };
const script = new Script("globalThis[Symbol.for('gmem-iommu-conformance.guarded')]()", {
  filename: 'watchdog',
});

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/**
 * Gives a function that runs another one and interrupts it, also inside an endless loop, after that many milliseconds
 * of wall-clock time; calls may nest. A call costs 86 microseconds on Node 20, 132 on 22, 117 on 24 (it starts a
 * timer thread), so it belongs around the unfolding of a call, not around a step of the search. An interrupted
 * function runs none of its own catch and finally blocks.
 */
export function guardWith(milliseconds: number): <T>(run: () => T) => T {
  return <T>(run: () => T): T => {
    const outer = holder[GUARDED];
    const results: T[] = [];
    holder[GUARDED] = (): void => {
      results.push(run());
    };
    try {
      script.runInThisContext({ timeout: milliseconds, displayErrors: false });
    } catch (error) {
      if (!isTimeout(error)) throw error;
      throw new Error(`did not yield within ${milliseconds} ms of wall-clock time; look for an endless loop`);
    } finally {
      if (outer === undefined) delete holder[GUARDED];
      else holder[GUARDED] = outer;
    }
    return results[0];
  };
}

/** How long protocol code of the user's own may run without a yield, in milliseconds. */
const YIELD_MS = 2000;
const YIELD_MS_MAX = 86_400_000;

/** A breakpoint in a hook stops the code, and not the clock: GMEM_YIELD_MS lengthens the limit. */
function yieldMs(): number {
  const given = process.env['GMEM_YIELD_MS'];
  if (given === undefined) return YIELD_MS;
  const number = Number(given);
  if (Number.isInteger(number) && number >= 1 && number <= YIELD_MS_MAX) return number;
  throw new UsageError(
    `GMEM_YIELD_MS is '${given}', must be a whole number of milliseconds from 1 to ${YIELD_MS_MAX}`,
  );
}

/** For a policy of the user's own; bundled ones need none. Throws UsageError. */
export const guardOf = (bundled: boolean): { readonly guard?: Guard } =>
  bundled ? {} : { guard: guardWith(yieldMs()) };

// The published schema of the JSON reports. A change that an old reader trips over raises `version`.

import * as z from 'zod';

const count = z.int().nonnegative();

const fieldChange = z.strictObject({ field: z.string(), before: z.string(), after: z.string() });

const traceStep = z.strictObject({
  n: z.string().describe('column and running number in it: 1.3'),
  thread: z.string(),
  call: z.string().nullable().describe('what was called, on the first step of a call'),
  step: z.string().describe('step kind'),
  at: z.string().describe('innermost kernel function that the step is inside of; empty in the call itself'),
  args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  answer: z.string(),
  diff: z.array(fieldChange),
});

const bounds = z.strictObject({
  name: z.string(),
  pages: count,
  hugePages: count.describe('base pages in a huge page'),
  calls: count,
  vmmThreads: count,
  vcpus: count,
  devices: count,
  preemptions: count.nullable().describe('null: not bounded'),
  maxStates: count,
});

const invariant = z.strictObject({
  name: z.string(),
  expectation: z.enum(['always', 'sometimes', 'reachable']),
  verdict: z.enum(['holds', 'violated', 'flagged', 'unreached', 'reached', 'not-judged']),
  hits: count,
});

const violation = z.strictObject({
  invariant: z.string(),
  outcome: z.string(),
  severity: z.enum(['axiom', 'flag']),
  blame: z.enum(['policy', 'base']),
  baseSearched: z
    .literal(false)
    .optional()
    .describe('blamed on the policy, and the search of its base did not end'),
  calls: count,
  switches: count,
  steps: count,
  certified: z
    .boolean()
    .describe('none of the same invariant and outcome is lower in (calls, switches, steps)'),
  token: z.string().nullable(),
  trace: z.array(traceStep),
});

const result = z.strictObject({
  policy: z.string(),
  base: z.string(),
  platform: z.string(),
  vmm: z.enum(['adversarial', 'cooperative']),
  bounds,
  settings: z.array(z.string()).optional().describe('what is not at its default: device T0, ATS, ...'),
  assumptions: z.record(z.string(), z.boolean()),
  verdict: z.enum(['violated', 'exhausted', 'bounded', 'sampled', 'vacuous', 'not-applicable']),
  reason: z.string().optional(),
  runs: count,
  states: count,
  steps: count,
  preemptionBound: z
    .int()
    .min(-1)
    .nullable()
    .describe('largest completed; null: complete without one; -1: none'),
  flags: z.record(z.string(), count),
  dependsOn: z.array(z.string()),
  invariants: z.array(invariant),
  violations: z.array(violation),
});

/** check, matrix, replay */
export const runSchema = z.strictObject({
  version: z.literal(1),
  seed: z.string(),
  results: z.array(result),
});

const tryOutcome = z.strictObject({ outcome: z.string(), count, trace: z.array(traceStep) });

export const trySchema = z.strictObject({
  version: z.literal(1),
  results: z.array(
    z.strictObject({
      policy: z.string(),
      base: z.string(),
      platform: z.string(),
      outcomes: z.array(tryOutcome),
    }),
  ),
});

const fault = z.strictObject({
  name: z.string(),
  invariant: z.string(),
  caught: z.boolean(),
  seedsCaught: count,
  seeds: count,
  calls: count,
  switches: count,
  steps: count,
  certified: z.boolean(),
});

export const faultsSchema = z.strictObject({ version: z.literal(1), faults: z.array(fault) });

/** As JSON Schema, draft 2020-12, by what it describes. */
export function publishedSchemas(): { readonly [name: string]: unknown } {
  return {
    run: z.toJSONSchema(runSchema),
    try: z.toJSONSchema(trySchema),
    faults: z.toJSONSchema(faultsSchema),
  };
}

/** For `docs/`: two spaces, trailing newline. */
export function schemaJson(): string {
  return JSON.stringify(publishedSchemas(), null, 2) + '\n';
}

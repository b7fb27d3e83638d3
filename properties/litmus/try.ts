// Litmus tests: all interleavings of a few calls, and every final outcome.

import { type Path, explore } from '../../engine/explore.ts';
import { type CallOffer, type System, makeSystem, withPlaceBits } from '../../engine/system.ts';
import {
  type AssumptionName,
  type Assumptions,
  assumptions,
  relevantAssumptions,
  shownAssumptions,
} from '../../models/bounds.ts';
import type { Call } from '../../models/calls.ts';
import type { TraceStep, TryOutcome, TryResult } from '../../models/results.ts';
import { type Model, makeModel } from '../system.ts';
import { withRegisters } from './outcomes.ts';
import { type ThreadCalls, parseScenario } from './parse.ts';

export { ScenarioError, parseScenario } from './parse.ts';

export interface TryOptions {
  /** Number of the initial state, see models/boot.ts. Default: all shared, in pages of 4K. */
  readonly initial?: number;
  readonly statesMax?: number;
  readonly stop?: () => boolean;
  /** A path as a report wants it; without this, traces are empty. The system has the one initial state. */
  readonly traceOf?: (model: Model, system: System, path: Path) => readonly TraceStep[];
  /** Run again with each assumption flipped, and say what changes. Default true. */
  readonly flip?: boolean;
}

interface Outcome {
  readonly outcome: string;
  count: number;
  /** Of the first final state found: a shortest path leads to it. */
  readonly path: () => Path;
}

interface Tried {
  readonly system: System;
  readonly states: number;
  readonly complete: boolean;
  readonly outcomes: readonly Outcome[];
}

const offerOf = ({ name, fn, args }: Call): CallOffer => ({ name, fn, args }) as CallOffer;

function run(model: Model, groups: readonly ThreadCalls[], options: TryOptions): Tried {
  const { machine, tries, domain } = model;
  const { initial = 0, statesMax = model.config.bounds.maxStates, stop } = options;
  const offers = machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(offerOf),
  );
  const only = { ...domain, initial: (fresh: () => Int32Array) => [domain.initial(fresh)[initial]] };
  const registers = withRegisters(only, groups, (state) => domain.isTerminal?.(state) === true);
  /* Final states are told of, nothing else is judged. */
  const judged = { ...registers.domain, judge: () => undefined };
  const build = (placeBits: number): System =>
    makeSystem(judged, { kind: 'scenario', offers }, { placeBits, tries });
  return withPlaceBits(build, (system) => {
    registers.attach(system);
    const finals = new Map<string, { count: number; first: number }>();
    const { states, complete, pathToState } = explore(system, {
      statesMax,
      ...(stop === undefined ? {} : { stop }),
      onFinal: (state, number) => {
        const outcome = registers.outcomeOf(state);
        const known = finals.get(outcome);
        if (known === undefined) finals.set(outcome, { count: 1, first: number });
        else known.count++;
      },
    });
    const outcomes = [...finals].map(([outcome, { count, first }]): Outcome => ({
      outcome,
      count,
      path: () => pathToState(first),
    }));
    return { system, states, complete, outcomes: outcomes.sort((a, b) => (a.outcome < b.outcome ? -1 : 1)) };
  });
}

/** What single threads can come to: `D: contained fault`. */
const atomsOf = ({ outcomes }: Tried): string[] => [
  ...new Set(outcomes.flatMap(({ outcome }) => outcome.split('; '))),
];
const wholesOf = ({ outcomes }: Tried): string[] => outcomes.map(({ outcome }) => outcome);

function changes(before: readonly string[], after: readonly string[]): string[] {
  const quoted = (texts: readonly string[]): string => texts.map((text) => `"${text}"`).join(', ');
  const added = after.filter((text) => !before.includes(text));
  const removed = before.filter((text) => !after.includes(text));
  return [
    ...(added.length === 0 ? [] : [`adds ${quoted(added)}`]),
    ...(removed.length === 0 ? [] : [`removes ${quoted(removed)}`]),
  ];
}

/** One sentence for each assumption that changes what can come out. */
function notesOf(model: Model, text: string, usual: Tried, options: TryOptions): string[] {
  const { config, policy, guard } = model;
  return relevantAssumptions(config).flatMap(({ name, otherwise }) => {
    const assumption = name as AssumptionName;
    const flipped: Partial<Assumptions> = { [assumption]: !config.assumptions[assumption] };
    const changed = { ...config, assumptions: assumptions({ ...config.assumptions, ...flipped }) };
    const other = makeModel(changed, policy, guard === undefined ? {} : { guard });
    const tried = run(other, parseScenario(text, other.table, other.machine), options);
    if (options.stop?.() === true) return [];
    const atoms = changes(atomsOf(usual), atomsOf(tried));
    const said = atoms.length > 0 ? atoms : changes(wholesOf(usual), wholesOf(tried));
    if (said.length === 0) return [];
    const value = changed.assumptions[assumption];
    const because = value ? '' : `: ${otherwise}`;
    return [`with ${assumption}=${String(value)}: ${said.join(', ')}${because}`];
  });
}

/** All interleavings of the calls given, agents included. Throws ScenarioError where the text is none. */
export function tryScenario(model: Model, text: string, options: TryOptions = {}): TryResult {
  const { config, policy, table, machine } = model;
  const { traceOf, flip = true } = options;
  const tried = run(model, parseScenario(text, table, machine), options);
  const { system, states, complete } = tried;
  const outcomes = tried.outcomes.map(({ outcome, count, path }): TryOutcome => ({
    outcome,
    count,
    trace: traceOf === undefined ? [] : traceOf(model, system, path()),
  }));
  return {
    policy: policy.name,
    base: config.base,
    platform: config.platform,
    scenario: text,
    states,
    complete,
    assumptions: shownAssumptions(config),
    outcomes,
    notes: flip ? notesOf(model, text, tried, options) : [],
  };
}

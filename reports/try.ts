// Litmus tests in the way of herd7: final outcomes with counts, then how the ones that matter come about.

import type { TryOutcome, TryResult } from '../models/results.ts';
import { hang, number, plain, plural, underlined } from './layout.ts';
import { raceTable } from './table.ts';
import { assumptionsText } from './words.ts';

export interface TryOptions {
  /** Outcomes to show with their table; those that name a fault, a loss, a leak or an error unless given. */
  readonly ofInterest?: (outcome: TryOutcome) => boolean;
}

const TROUBLE = /fault|fatal|corrupt|leak|violation|lost|poison|stale|-E[A-Z]/;

const trouble = (outcome: TryOutcome): boolean => TROUBLE.test(outcome.outcome);

/** Grouping keeps the order of the outcomes given. */
function outcomeList(result: TryResult, marked: (outcome: TryOutcome) => boolean): string[] {
  const width = Math.max(1, ...result.outcomes.map((o) => number(o.count).length));
  return result.outcomes.flatMap((o) =>
    hang(`${marked(o) ? '*' : ' '} ${number(o.count).padStart(width)}  `, o.outcome, 2),
  );
}

function coverage(result: TryResult): string {
  const states = plural(result.states, 'state');
  return result.complete ? `all interleavings, ${states}` : `NOT all interleavings: stopped at ${states}`;
}

function platformLines(result: TryResult, marked: (outcome: TryOutcome) => boolean): string[] {
  const shown = result.outcomes.filter(marked);
  const finals = result.outcomes.reduce((sum, o) => sum + o.count, 0);
  return [
    ...underlined(`${result.policy} on ${result.base}, ${result.platform}`),
    ...hang('', `${coverage(result)}; assumed: ${assumptionsText(result.assumptions)}`, 2),
    ...hang('', `Outcomes ${number(result.outcomes.length)}, in ${plural(finals, 'distinct final state')}`),
    ...outcomeList(result, marked),
    ...(shown.length === 0 ? [] : ['(*: shown below)']),
    '',
    ...result.notes.flatMap((note) => hang('', note)),
    ...(result.notes.length === 0 ? [] : ['']),
    ...shown.flatMap((o) => [...hang('', `${o.outcome}:`), '', ...raceTable(o.trace), '']),
  ];
}

export function tryText(results: readonly TryResult[], options: TryOptions = {}): string {
  const marked = options.ofInterest ?? trouble;
  const scenarios = [...new Set(results.map((result) => result.scenario))];
  const lines = scenarios.flatMap((scenario) => [
    ...hang('try ', scenario),
    '',
    ...results
      .filter((result) => result.scenario === scenario)
      .flatMap((result) => platformLines(result, marked)),
  ]);
  return plain(lines);
}

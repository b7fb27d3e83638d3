// check: judge policies; print one report.

import { PolicyError, SuiteError } from '../../engine/errors.ts';
import type { Result, RunReport, Vmm } from '../../models/results.ts';
import { type BaseFindings, check, makeBaseFindings } from '../../properties/check.ts';
import { type CorpusEntry, CorpusError, loadCorpus } from '../../properties/corpus/corpus.ts';
import { runJson } from '../../reports/json.ts';
import { ktap } from '../../reports/ktap.ts';
import { mail, replayFileName } from '../../reports/mail.ts';
import { text } from '../../reports/text.ts';
import { byGravity, isGuilt } from '../../reports/words.ts';
import { otherCoreOf, searchAhead } from '../other-core.ts';
import { corpusFiles, readText } from '../files.ts';
import { plainTexts } from '../plain-text.ts';
import { type Named, policiesOf } from '../policies.ts';
import { type Pool, openPool } from '../pool.ts';
import { type Session, complain, openSession, prepareOut, print, writeOut } from '../session.ts';
import { type Config, failuresOf } from '../../models/bounds.ts';
import { STATUS, worstStatus } from '../status.ts';
import {
  type Format,
  type RawOptions,
  UsageError,
  baseOf,
  configOf,
  failOf,
  formatOf,
  numberOf,
  parseOnly,
  platformsOf,
  vmmsOf,
} from '../usage.ts';
import { guardOf } from '../watchdog.ts';

export const RUNS_DEFAULT = 3000;
const RUNS_MAX = 10_000_000;
const SECONDS_MAX = 1_000_000;

export const seedOf = (options: RawOptions): string => options.seed ?? 'gmem-1';

export function corpusEntries(): CorpusEntry[] {
  return corpusFiles().flatMap((file) => {
    try {
      return [loadCorpus(file, readText(file))];
    } catch (error) {
      if (error instanceof CorpusError) throw new UsageError(error.message);
      throw error;
    }
  });
}

export function timeOf(options: RawOptions): number | null {
  return options.time === undefined ? null : numberOf('--time', options.time, 1, SECONDS_MAX);
}

/**
 * The searches of an adversarial VMM are long and those of a cooperative one are short: a worker begins with the former
 * while this thread judges the latter.
 */
const SEARCHED: readonly Vmm[] = ['adversarial', 'cooperative'];
const JUDGED: readonly Vmm[] = ['cooperative', 'adversarial'];
const inOrder = (cells: readonly Config[], vmms: readonly Vmm[]): Config[] =>
  vmms.flatMap((vmm) => cells.filter((cell) => cell.vmm === vmm));

interface Ran {
  /** In the order of the report. */
  readonly results: Result[];
  readonly statuses: number[];
}

/** In the order of the report. */
const cellsOf = ({ policy }: Named, options: RawOptions): Config[] =>
  platformsOf(options).flatMap((platform) =>
    vmmsOf(options).flatMap((vmm) =>
      failOf(options, failuresOf(baseOf(options, policy.base), platform)).map((fail) => ({
        ...configOf(options, policy.base, platform, vmm, 'small'),
        fail,
      })),
    ),
  );

/** One policy on all the platforms asked for; what was found before an error of the policy is kept. */
function runPolicy(
  named: Named,
  options: RawOptions,
  session: Session,
  base: BaseFindings,
  corpus: readonly CorpusEntry[],
  pool: Pool,
  startCell: (what: string) => void,
): Ran {
  const { policy, bundled, file } = named;
  const cells = cellsOf(named, options);
  const found = new Map<Config, Result>();
  const statuses: number[] = [];
  const ran = (): Ran => ({ results: cells.flatMap((config) => found.get(config) ?? []), statuses });
  const only = parseOnly(options.only);
  const runs = options.runs === undefined ? RUNS_DEFAULT : numberOf('--runs', options.runs, 0, RUNS_MAX);
  for (const config of inOrder(cells, JUDGED)) {
    if (session.interrupted()) return ran();
    const { platform, vmm, fail } = config;
    startCell([policy.name, platform, `VMM ${vmm}`, ...(fail === null ? [] : [`fail ${fail}`])].join(', '));
    const complainOf = (what: string): void =>
      complain(`${policy.name} on ${config.base}, ${platform}, VMM ${vmm}: ${what}`);
    try {
      const result = check(config, policy, base, {
        seed: seedOf(options),
        runs,
        corpus,
        explain: options.all === true || formatOf(options) === 'json' ? 'all' : 'gravest',
        flip: true,
        hasTokens: bundled,
        stop: session.stop,
        progress: (progress) => session.progress(`${policy.name} ${platform} ${vmm}`, progress),
        ...(only === undefined ? {} : { only }),
        ...guardOf(bundled),
        otherCore: otherCoreOf(pool, named, only),
      });
      found.set(config, file === undefined ? result : { ...result, policyFile: file });
      statuses.push(
        result.verdict === 'violated'
          ? STATUS.violated
          : result.verdict === 'vacuous'
            ? STATUS.vacuous
            : STATUS.conformant,
      );
    } catch (error) {
      session.clearProgress();
      if (error instanceof PolicyError) {
        complainOf(`the policy breaks the API: ${error.message}`);
        statuses.push(STATUS.policyError);
        return ran();
      }
      if (!(error instanceof SuiteError)) throw error;
      complainOf(`a bug of the suite: ${error.message}. Please report it.`);
      statuses.push(STATUS.bug);
      return ran();
    }
  }
  return ran();
}

/** The report in the format asked for. Mail: the gravest axiom, or every violation. */
export function render(given: RunReport, format: Format, all: boolean): string {
  const report = plainTexts(given);
  switch (format) {
    case 'json':
      return runJson(given);
    case 'ktap':
      return ktap(report);
    case 'text':
      return text(report, { all });
    case 'mail': {
      const found = report.results.flatMap((result) =>
        result.violations.map((violation) => ({ result, violation })),
      );
      const guilty = found
        .filter(({ violation }) => isGuilt(violation))
        .sort((a, b) => byGravity(a.violation, b.violation));
      /* what is no violation of the policy's is no mail to write: the verdict is */
      const chosen = all ? found : guilty.slice(0, 1);
      return chosen.length === 0
        ? text(report)
        : chosen.map(({ result, violation }) => mail(result, violation)).join('\n');
    }
  }
}

/**
 * Files for what no token holds: those that the report names and, with --out, all of them, in that folder.
 */
export function writeReplays(options: RawOptions, results: readonly Result[], printed: string): void {
  const done = new Set<string>();
  for (const result of results)
    for (const violation of [...result.violations].sort(byGravity)) {
      const name = replayFileName(result, violation);
      const wanted =
        printed.includes(` ${name}`) || (options.out !== undefined && violation.blame === 'policy');
      if (violation.replay === undefined || !wanted || done.has(name)) continue;
      done.add(name);
      try {
        writeOut(options.out ?? '.', name, `${JSON.stringify(violation.replay, null, 2)}\n`);
        if (options.out === undefined) complain(`wrote ./${name}, which replays ${violation.invariant}`);
      } catch (error) {
        complain(`${name} could not be written: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
}

export async function checkCommand(words: readonly string[], options: RawOptions): Promise<number> {
  const format = formatOf(options);
  configOf(
    options,
    'rfc-v2',
    platformsOf(options)[0] ?? 'bare',
    vmmsOf(options)[0] ?? 'adversarial',
    'small',
  );
  failOf(options);
  parseOnly(options.only);
  const policies = await policiesOf(words);
  if (options.out !== undefined) prepareOut(options.out);
  const corpus = corpusEntries();
  const session = openSession(timeOf(options));
  const base = makeBaseFindings();
  const cells = policies.reduce((sum, named) => sum + cellsOf(named, options).length, 0);
  let cell = 0;
  const startCell = (what: string): void => session.startCell(++cell, cells, what);
  const pool = openPool();
  /* where time is short, what is searched ahead may never be asked for */
  if (timeOf(options) === null)
    for (const named of policies)
      for (const config of inOrder(cellsOf(named, options), SEARCHED))
        searchAhead(pool, named, parseOnly(options.only), config, session.stop);
  const ran = policies.map((named) => runPolicy(named, options, session, base, corpus, pool, startCell));
  pool.close();
  session.clearProgress();
  const report: RunReport = { version: 1, seed: seedOf(options), results: ran.flatMap((r) => r.results) };
  const printed = report.results.length === 0 ? '' : render(report, format, options.all === true);
  if (printed !== '') print(printed);
  writeReplays(options, report.results, printed);
  if (options.out !== undefined) writeOut(options.out, 'report.json', runJson(report));
  if (session.interrupted()) return STATUS.interrupted;
  return worstStatus(ran.flatMap((r) => r.statuses));
}

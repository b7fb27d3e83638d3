// matrix: all bundled proposals on all platforms with both kinds of VMM; quick bounds first, then as much
// more as time allows.

import type { Config } from '../../models/bounds.ts';
import { boundsOf } from '../../models/bounds.ts';
import type { Result } from '../../models/results.ts';
import { type CheckOptions, check, makeBaseFindings } from '../../properties/check.ts';
import { matrixJson } from '../../reports/json.ts';
import { type MatrixCell, matrix } from '../../reports/matrix.ts';
import { otherCoreOf } from '../other-core.ts';
import { openPool } from '../pool.ts';
import { asciiOf, plainTexts } from '../plain-text.ts';
import { type Named, policiesOf } from '../policies.ts';
import { type Session, openSession, prepareOut, print } from '../session.ts';
import { STATUS } from '../status.ts';
import { type RawOptions, configOf, platformsOf, vmmsOf } from '../usage.ts';
import { guardOf } from '../watchdog.ts';
import { seedOf, timeOf, writeReplays } from './check.ts';

const SECONDS_DEFAULT = 45;

interface Cell {
  readonly named: Named;
  readonly config: Config;
  result: Result;
  reached: string;
}

const word = (result: Result): string =>
  result.verdict === 'violated' || result.preemptionBound === null
    ? 'exhausted'
    : result.preemptionBound >= 0
      ? 'bounded'
      : 'sampled';

const ofFile = ({ file }: Named, result: Result): Result =>
  file === undefined ? result : { ...result, policyFile: file };

export async function matrixCommand(words: readonly string[], options: RawOptions): Promise<number> {
  const seconds = timeOf(options) ?? SECONDS_DEFAULT;
  const policies = await policiesOf(words);
  if (options.out !== undefined) prepareOut(options.out);
  const session: Session = openSession(null);
  const base = makeBaseFindings();
  const pool = openPool();
  const checkOptions = (what: string, named: Named, stop: () => boolean): CheckOptions => ({
    seed: seedOf(options),
    runs: 0,
    explain: 'none',
    flip: false,
    hasTokens: named.bundled,
    ...guardOf(named.bundled),
    otherCore: otherCoreOf(pool, named, undefined),
    stop,
    progress: (progress) => session.progress(what, progress),
  });
  const cells: Cell[] = [];
  for (const vmm of vmmsOf(options))
    for (const named of policies)
      for (const platform of platformsOf(options)) {
        if (session.interrupted()) break;
        const config = configOf(options, named.policy.base, platform, vmm, 'quick');
        const what = `${named.policy.name}, ${platform}, VMM ${vmm}`;
        session.startCell(
          cells.length + 1,
          policies.length * platformsOf(options).length * vmmsOf(options).length,
          what,
        );
        const result = check(
          config,
          named.policy,
          base,
          checkOptions(`${named.policy.name} ${platform} ${vmm}`, named, session.interrupted),
        );
        cells.push({
          named,
          config,
          result: ofFile(named, result),
          reached: `${config.bounds.name} ${word(result)}`,
        });
      }
  /* What is violated already needs no larger bounds; the rest goes on, the smallest first, while time lasts. */
  const deadline = (): boolean => session.interrupted() || session.seconds() > seconds;
  const open = cells
    .filter((cell) => cell.result.verdict !== 'violated')
    .sort((a, b) => a.result.states - b.result.states);
  for (const cell of options.bounds === undefined && options.calls === undefined ? open : []) {
    if (deadline()) break;
    const config = { ...cell.config, bounds: boundsOf('small') };
    const result = check(
      config,
      cell.named.policy,
      base,
      checkOptions(`${cell.named.policy.name} ${config.platform} ${config.vmm}, small`, cell.named, deadline),
    );
    if (result.preemptionBound !== null && result.verdict !== 'violated') break;
    cell.result = ofFile(cell.named, result);
    cell.reached = `small ${word(result)}`;
  }
  session.clearProgress();
  pool.close();
  const rows: MatrixCell[] = cells.map(({ named, config, result, reached }) => ({
    policy: named.policy.name,
    base: config.base,
    platform: config.platform,
    vmm: config.vmm,
    result,
    reached,
  }));
  const settings = `seed ${asciiOf(seedOf(options))}, ${seconds} s`;
  const printed =
    options.format === 'json' ? matrixJson(seedOf(options), rows) : matrix(plainTexts(rows), { settings });
  print(printed);
  const results = rows.map(({ result }) => result);
  writeReplays(options, results, options.format === 'json' ? '' : printed);
  return session.interrupted() ? STATUS.interrupted : STATUS.conformant;
}

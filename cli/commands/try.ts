// try: a litmus. All interleavings of the calls given, every final outcome.

import { initialStates } from '../../models/boot.ts';
import { VMMS } from '../../models/bounds.ts';
import { replay } from '../../engine/replay.ts';
import { traceOf } from '../../properties/explain/explain.ts';
import { makeModel } from '../../properties/system.ts';
import { ScenarioError, tryScenario } from '../../properties/litmus/try.ts';
import { tryJson } from '../../reports/json.ts';
import { tryText } from '../../reports/try.ts';
import { plainTexts } from '../plain-text.ts';
import { policiesOf } from '../policies.ts';
import { openSession, print } from '../session.ts';
import { STATUS } from '../status.ts';
import { type RawOptions, UsageError, configOf, formatOf, oneOf, platformsOf } from '../usage.ts';
import { guardOf } from '../watchdog.ts';
import { timeOf } from './check.ts';

const INITIALS = ['shared', 'private', 'shared-huge', 'private-huge'] as const;

export async function tryCommand(
  scenario: string,
  options: RawOptions & { readonly policy?: string; readonly initial?: string },
): Promise<number> {
  const format = formatOf(options);
  const named = (await policiesOf([options.policy ?? 'vmm-remap']))[0];
  if (named === undefined) throw new UsageError(`--policy ${options.policy ?? ''} names no policy`);
  const vmm = options.vmm === undefined ? 'adversarial' : oneOf('vmm', options.vmm, VMMS);
  const initial = INITIALS.indexOf(oneOf('initial state', options.initial ?? 'shared', INITIALS));
  const session = openSession(timeOf(options));
  const results = platformsOf(options).map((platform) => {
    const config = configOf(options, named.policy.base, platform, vmm, 'small');
    if (initial >= initialStates(config).length)
      throw new UsageError(
        `--initial ${INITIALS[initial]}: base ${config.base} has no huge pages; known there: ${INITIALS.slice(0, 2).join(', ')}`,
      );
    try {
      return tryScenario(makeModel(config, named.policy, guardOf(named.bundled)), scenario, {
        initial,
        stop: session.stop,
        traceOf: (model, system, path) => traceOf(model, system, replay(system, path).steps),
      });
    } catch (error) {
      if (error instanceof ScenarioError) throw new UsageError(error.message);
      throw error;
    }
  });
  print(format === 'json' ? tryJson(results) : tryText(plainTexts(results)));
  return session.interrupted() ? STATUS.interrupted : STATUS.conformant;
}

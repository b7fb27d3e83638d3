// The other end of beside.ts: searches a part in a worker thread.

import { KEYS } from '../properties/properties.ts';
import { searchPart } from '../properties/parts.ts';
import { makeModel } from '../properties/system.ts';
import { ENDED, FLAG, type Task } from './beside.ts';
import { policiesOf } from './policies.ts';
import { guardOf } from './watchdog.ts';

/** Whatever goes wrong here goes wrong again, and with words, where the part is searched instead. */
export async function runPart({ policy, file, only, wanted, port, flags }: Task): Promise<void> {
  let ended: number = ENDED.failed;
  try {
    const named = (await policiesOf([file ?? policy], { tried: true })).find(
      (each) => each.policy.name === policy,
    );
    if (named === undefined) return;
    const { config, calls, initial, until } = wanted;
    const model = makeModel(config, named.policy, {
      ...guardOf(named.bundled),
      ...(only === null ? {} : { only: KEYS.filter(({ name }) => only.includes(name)) }),
    });
    const stop = (): boolean => {
      Atomics.add(flags, FLAG.beats, 1);
      return Atomics.load(flags, FLAG.stop) !== 0;
    };
    port.postMessage(searchPart(model, calls, initial, { stop, ...(until === undefined ? {} : { until }) }));
    ended = ENDED.done;
  } catch {
    /* see above */
  } finally {
    Atomics.store(flags, FLAG.ended, ended);
    Atomics.notify(flags, FLAG.ended);
  }
}

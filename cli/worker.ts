// The other end of pool.ts: searches halves in a worker thread.

import { receiveMessageOnPort } from 'node:worker_threads';
import { KEYS } from '../properties/spec/keys.ts';
import { type Tally, searchHalf } from '../properties/halves.ts';
import { type Model, makeModel } from '../properties/system.ts';
import { FLAG, type Link, STATE, type Sent, type Task } from './pool.ts';
import { policiesOf } from './policies.ts';
import { guardOf } from './watchdog.ts';

async function modelFor({ policy, file, only, wanted }: Task): Promise<Model | null> {
  const named = (await policiesOf([file ?? policy], { tried: true })).find(
    (each) => each.policy.name === policy,
  );
  if (named === undefined) return null;
  return makeModel(wanted.config, named.policy, {
    ...guardOf(named.bundled),
    ...(only === null ? {} : { only: KEYS.filter(({ name }) => only.includes(name)) }),
  });
}

/** Never returns: it waits for the next task, and ends with its thread. */
export async function serve({ port, flags, states, told }: Link): Promise<never> {
  const waiting: Sent[] = [];
  /* both halves of a search come one after the other, and what the functions of its calls do is the same */
  let last: { readonly key: string; readonly model: Model } | null = null;

  const search = async (task: Sent): Promise<Tally | null> => {
    const { wanted } = task;
    const key = JSON.stringify([task.policy, task.file, task.only, wanted.config]);
    const model: Model | null = last?.key === key ? last.model : await modelFor(task);
    if (model === null) return null;
    last = { key, model };
    const stop = (): boolean => {
      Atomics.add(flags, FLAG.beats, 1);
      return Atomics.load(told, task.id) !== 0;
    };
    const { calls, initial, until } = wanted;
    return searchHalf(model, calls, initial, { stop, ...(until === undefined ? {} : { until }) });
  };
  for (;;) {
    const sent = Atomics.load(flags, FLAG.sent);
    for (;;) {
      const found: { readonly message: Sent } | undefined = receiveMessageOnPort(port);
      if (found === undefined) break;
      if (found.message.urgent) waiting.unshift(found.message);
      else waiting.push(found.message);
    }
    const task = waiting.shift();
    if (task === undefined) {
      Atomics.wait(flags, FLAG.sent, sent);
      continue;
    }
    if (Atomics.compareExchange(states, task.id, STATE.waits, STATE.runs) !== STATE.waits) continue;
    let made: number = STATE.failed;
    try {
      const tally = await search(task);
      if (tally !== null) {
        port.postMessage({ id: task.id, tally });
        made = STATE.done;
      }
    } catch {
      /* whatever goes wrong here goes wrong again, and with words, where the half is searched instead */
    }
    Atomics.store(states, task.id, made);
    Atomics.notify(states, task.id);
  }
}

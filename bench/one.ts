// One timed run in a process of its own, so that memory and compiled code are its own: prints a line of JSON.

import { explore } from '../engine/explore.ts';
import { roam } from '../engine/walk.ts';
import { coreSystem } from './core.ts';

/** Xorshift: natural numbers below 2^31. */
function randomFrom(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 1;
  };
}

function timed<T>(run: () => T): T & { cpuSeconds: number } {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return { ...result, cpuSeconds: (user + system) / 1e6 };
}

const [job, ...numbers] = process.argv.slice(2);
const [pages, converts, maps, accesses] = numbers.map(Number);

function measure(): object {
  const system = coreSystem({ pages, converts, maps, accesses });
  if (job !== 'explore')
    return timed(() => ({
      steps: roam(system, randomFrom(12_345), {
        steps: 20_000_000,
        stepsPerWalk: 100,
        judged: job === 'judged',
      }).steps,
    }));
  const { states, transitions, complete, cpuSeconds } = timed(() => explore(system));
  return { states, transitions, complete, cpuSeconds };
}

const figures = measure();
/* Linux and macOS differ in the unit of maxRSS; Node gives kilobytes on both. */
process.stdout.write(
  `${JSON.stringify({ ...figures, rssMb: Math.round(process.resourceUsage().maxRSS / 1024) })}\n`,
);

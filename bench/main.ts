// `npm run bench [-- --json] [-- --full] [-- --runs N]`: speed beside SPIN, and of random walks.

import { freemem } from 'node:os';
import { valuesOf } from './args.ts';
import type { CoreFigures } from './bench.ts';

const values = valuesOf('npm run bench [-- --json] [-- --full] [-- --runs N]', {
  json: { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  runs: { type: 'string', default: '5' },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  process.stderr.write(`--runs takes a number from 1, given '${values.runs}'\n`);
  process.exit(2);
}
/* all models: not for a line about the usage */
const { INSTANCES, LARGE, hasSpin, measureAll, nameOf } = await import('./bench.ts');

const print = (line: string): void => {
  if (!values.json) process.stdout.write(`${line}\n`);
};
const cell = (value: string | number, width: number): string => String(value).padStart(width);
const row = (r: CoreFigures): void => {
  const spin = r.spinCpuSeconds;
  const ratio = spin === null ? '-' : (r.cpuSeconds / spin).toFixed(2);
  print(
    `${r.instance.padEnd(9)}${cell(r.states, 12)}${cell(r.transitions, 13)}${cell(r.cpuSeconds.toFixed(2), 8)}` +
      `${cell(spin?.toFixed(2) ?? '-', 8)}${cell(ratio, 7)}${cell(r.rssMb, 8)}`,
  );
};

const spin = hasSpin();
const memoryMb = freemem() / 2 ** 20;
const wanted = values.full ? [...INSTANCES, ...LARGE] : INSTANCES;
const instances = wanted.filter((known) => known.memoryMb < memoryMb);
for (const { instance, memoryMb: needed } of wanted.filter((known) => !instances.includes(known)))
  print(`${nameOf(instance)} left out: needs ${needed} MB, ${Math.round(memoryMb)} MB are free`);
print(
  `core (pages, converts, maps, accesses): CPU seconds, median of ${runs} runs in processes of their own`,
);
if (!spin) print('no SPIN here: spin and gcc must be on the PATH');
print('instance       states  transitions     CPU    SPIN  ratio  RSS MB');
print('-----------------------------------------------------------------');
const figures = measureAll({ instances, runs, spin, onRow: row });
const { walk, machine } = figures;
print('');
print(
  `random walks: ${walk.stepsPerCpuSecond} atomic steps per CPU second, states not judged; ${walk.judgedStepsPerCpuSecond} with each state judged`,
);
if (machine !== null)
  print(
    `machine: ${machine.statesPerCpuSecond} states per CPU second, ${machine.bytesPerState} bytes a state; ` +
      'invalidate-callback on sev-snp: ' +
      machine.sizes
        .map((size) => `${size.bounds} ${size.complete ? '' : 'more than '}${size.states} states`)
        .join(', '),
  );
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);

// Arguments of the benchmarks: one clear line for what cannot be followed, status 2.

import { parseArgs, type ParseArgsConfig } from 'node:util';

const USAGE = 2;

/** Values of the options, as parseArgs() gives them. With --help prints the usage and ends. */
export function valuesOf<T extends NonNullable<ParseArgsConfig['options']>>(usage: string, options: T) {
  const give = (text: string, status: number): never => {
    (status === 0 ? process.stdout : process.stderr).write(`${text}\n`);
    process.exit(status);
  };
  if (process.argv.slice(2).includes('--help')) return give(`usage: ${usage}`, 0);
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const what = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    return give(`bench: ${what}; usage: ${usage}`, USAGE);
  }
}

// Stand-in until the command line exists.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './root.ts';

const USAGE = 'usage: gmem-conform check|matrix|try|replay|faults|witness|claims|diff|new-policy|list\n';

/** Runs the command line; gives the exit status. */
export function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--version')) {
    const text: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
    const version =
      typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : 'unknown';
    process.stdout.write(`${version}\n`);
    return Promise.resolve(0);
  }
  process.stdout.write(USAGE);
  return Promise.resolve(argv.includes('--help') ? 0 : 2);
}

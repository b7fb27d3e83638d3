// new-policy: a policy of the user's own to start from.

import { existsSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readText } from '../files.ts';
import { shellWord } from '../plain-text.ts';
import { isCheckout, packageRoot } from '../root.ts';
import { print } from '../session.ts';
import { STATUS } from '../status.ts';
import { UsageError } from '../usage.ts';

/** What starts the program from this folder. */
const commandHere = (): string =>
  isCheckout()
    ? `node ${shellWord(join(relative('.', packageRoot()), 'bin', 'gmem-conform.js'))}`
    : 'npx gmem-conform';

export function newPolicyCommand(name: string): number {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
    throw new UsageError(`a policy's name is kebab-case text, not '${name}'`);
  const file = `${name}.ts`;
  if (existsSync(file)) throw new UsageError(`./${file} is there already; choose another name or remove it`);
  const constant = name
    .replace(/-+([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())
    .replace(/^(\d)/, 'policy$1');
  const template = readText(join(packageRoot(), 'templates', 'policy.ts.txt'));
  try {
    writeFileSync(file, template.replaceAll('POLICY_NAME', name).replaceAll('POLICY_CONSTANT', constant));
  } catch (error) {
    throw new UsageError(
      `./${file} cannot be written (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  print(`wrote ./${file}; judge it with: ${commandHere()} check ./${file}`);
  return STATUS.conformant;
}

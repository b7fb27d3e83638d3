// What the documentation says of the program is what the program does: quoted output, quoted commands, code,
// names, links.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { main } from '../cli/main.ts';
import { FIELDS, policiesOf } from '../cli/policies.ts';
import { packageRoot } from '../cli/root.ts';
import { STATUS } from '../cli/status.ts';
import { type RawOptions, configOf, failOf, formatOf, parseOnly, platformsOf, vmmsOf } from '../cli/usage.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { INVARIANTS, SOMETIMES } from '../properties/spec/index.ts';
import {
  GUIDE,
  LISTS,
  README,
  block,
  configOn,
  guideFiles,
  guideOutput,
  guidePolicies,
  keyIn,
  mailAbout,
  read,
} from '../pins/docs.ts';

const REWRITE = 'run `node --import tsx pins/docs.ts --write`, and read the diff';
const PAGES = [
  README,
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(packageRoot(), 'docs')).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md'));

afterEach(() => {
  vi.restoreAllMocks();
});

/** What the command line prints. */
async function printed(argv: readonly string[]): Promise<{ readonly out: string; readonly status: number }> {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    out += String(chunk);
    return true;
  });
  const status = await main(argv);
  vi.restoreAllMocks();
  return { out, status };
}

/** Words of a shell command; quotes as in sh. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

const PROGRAM = 'node bin/gmem-conform.js ';

/** Every command line quoted on a page, without the program. */
function commandsIn(page: string): string[] {
  const lines = read(page).split('\n');
  const whole = lines.filter((line) => line.startsWith(PROGRAM)).map((line) => line.slice(PROGRAM.length));
  return whole.map((line) => line.replace(/\s{2,}.*$/, ''));
}

/** `--vmm-threads 2` as `vmmThreads: '2'`; flags as `true`. */
function optionsIn(argv: readonly string[]): RawOptions & { readonly policy?: string } {
  const found: { [name: string]: string | true } = {};
  argv.forEach((word, k) => {
    if (!word.startsWith('--')) return;
    const name = word.slice(2).replace(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());
    const value = argv[k + 1];
    found[name] = value === undefined || value.startsWith('--') ? true : value;
  });
  return found;
}

/** Throws where a value of an option is not known. */
async function checkValues(options: RawOptions & { readonly policy?: string }): Promise<void> {
  const [platform] = platformsOf(options);
  const [vmm] = vmmsOf(options);
  configOf(options, 'rfc-v2', platform, vmm, 'small');
  formatOf(options);
  failOf(options);
  parseOnly(options.only);
  if (options.policy !== undefined) await policiesOf([options.policy]);
}

describe('commands', () => {
  const quoted = PAGES.flatMap((page) => commandsIn(page).map((command) => ({ page, command })));

  test('there are some', () => {
    expect(quoted.length).toBeGreaterThan(10);
  });

  test.each(quoted)('$page: $command', async ({ command }) => {
    const argv = words(command);
    const [name = '', ...rest] = argv;
    const help = await printed([name, '--help']);
    expect(help.status).toBe(STATUS.conformant);
    for (const word of rest.filter((each) => each.startsWith('--')))
      expect(help.out, `${name} knows ${word}`).toMatch(new RegExp(`^ +${word}[ ,]`, 'm'));
    await checkValues(optionsIn(rest));
    if (name === 'list') expect((await printed(argv)).status).toBe(STATUS.conformant);
    if (name === 'check' && rest[0] !== undefined && /^[a-z][a-z-]*$/.test(rest[0]))
      expect(await policiesOf([rest[0]])).toHaveLength(1);
  });
});

describe('README', () => {
  test('has two commands to set up, in a block each', () => {
    const blocks = [...read(README).matchAll(/```\n((?:npm .*\n)+)```/g)].map(([, body]) => body);
    expect(blocks).toEqual(['npm ci && npm start\n', 'npm cit\n']);
  });

  test('quotes the counterexample as it is printed', () => {
    const page = read(README);
    const quoted = block(page, 'counterexample');
    const [command = ''] = commandsIn(README).filter((line) => line.endsWith('--format mail'));
    expect(command).toBe('check vmm-remap --platform sev-snp --vmm adversarial --bounds quick --format mail');
    const policy = POLICIES.find(({ name }) => name === 'vmm-remap');
    if (policy === undefined) throw new Error('vmm-remap is not bundled');
    expect(mailAbout(policy, configOn(policy, 'sev-snp', 'quick'), keyIn(quoted)), REWRITE).toBe(quoted);
  });

  test('says the exit statuses that there are', () => {
    const listed = [...read(README).matchAll(/^\| (\d+) \|/gm)].map(([, status]) => Number(status));
    expect(listed.sort((a, b) => a - b)).toEqual(Object.values(STATUS).sort((a, b) => a - b));
  });
});

describe('writing-a-policy', () => {
  const page = read(GUIDE);

  test('has every field of a policy', () => {
    const words = new Set(page.match(/\w+/g));
    expect(Object.keys(FIELDS).filter((field) => !words.has(field))).toEqual([]);
  });

  test('its files load, and the tool says of them what is quoted', async () => {
    const policies = await guidePolicies(page);
    expect([...policies.keys()]).toEqual(guideFiles(page).map(({ name }) => name));
    const said = guideOutput(page, policies);
    for (const [name, body] of said) expect(body, REWRITE).toBe(block(page, name));
    const verdicts = [...policies.keys()].map((name) => said.get(name)?.split(/[ :]/)[0]);
    expect(verdicts).toEqual(['VIOLATED', 'VIOLATED', 'EXHAUSTED', 'VIOLATED']);
    /* the planted fault of the page is caught by the invariant that it names */
    const planted = [...policies.values()].find((policy) => policy.planted !== undefined)?.planted;
    if (planted === undefined) throw new Error('no policy of the page names what it plants');
    expect(said.get('mail-001-flush.ts')).toContain(planted.invariant);
  });
});

describe('lists', () => {
  test.each(LISTS)('%s is up to date', (path, list) => {
    expect(read(path), REWRITE).toBe(list());
  });

  test('name every invariant and every policy', () => {
    const all = PAGES.map(read).join('\n');
    const names = [...INVARIANTS, ...SOMETIMES, ...POLICIES, ...BROKEN].map(({ name }) => name);
    expect(names.filter((name) => !all.includes(`\`${name}\``) && !all.includes(`## ${name}\n`))).toEqual([]);
  });
});

describe('pages', () => {
  test.each(PAGES)('%s: links lead somewhere, characters are ASCII', (page) => {
    const body = read(page);
    const links = [...body.matchAll(/\]\(([^)#:]+)\)/g)].map(([, link]) => link);
    expect(
      links.filter((link) => !existsSync(join(packageRoot(), dirname(page), link))),
      'broken links',
    ).toEqual([]);
    expect(/[^\n -~]/.exec(body)?.[0]).toBeUndefined();
  });

  test('ARCHITECTURE.md names every folder of sources', () => {
    const body = read('ARCHITECTURE.md');
    const folders = readdirSync(packageRoot(), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$)/.test(entry.name))
      .map((entry) => entry.name);
    expect(folders.filter((name) => !body.includes(`${name}/`))).toEqual([]);
  });
});

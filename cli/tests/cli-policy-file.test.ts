// A policy of the user's own from the first check to the mail: what is printed can be pasted, sent and replayed.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { asciiOf, shellWord } from '../plain-text.ts';
import { packageRoot } from '../root.ts';
import { ALONE, complaint, policyFile, run, testFolder, withHook } from './cli-run.ts';

const folder = testFolder();

const cwd = process.cwd();
process.chdir(folder);
afterAll(() => {
  process.chdir(cwd);
});

/** Returns with a lock held. */
const leaky = (name: string, title = name, body = "yield* lock('pages_mutex'); return 0;"): string =>
  policyFile(
    name,
    `import { lock, type Policy, type Steps } from 'gmem-iommu-conformance/api';
export const policy: Policy = {
  name: 'leaky', title: '${title}', source: 'a test', base: 'rfc-v2',
  *ioas_map_file(range) { ${body} },
};
`,
  );

/** The files that replay lines name, each with the rest of its command. */
const commandsIn = (out: string): string[][] =>
  [...out.replace(/\\\n/g, '').matchAll(/gmem-conform (replay \S+\.json.*)/g)].map((found) =>
    found[1].split(/ +/),
  );

describe('texts beyond ASCII', () => {
  test.each(['text', 'mail', 'ktap'])('%s', async (format) => {
    const file = leaky(
      `umlaut-${format}`,
      'my-notifier (J\u00f6rg Mu\u00df, 1\u00a0Jan\u00a02026 \u2192 v2)',
    );
    const ran = await run('check', file, ...ALONE, '--format', format);
    expect(ran.status).toBe(1);
    expect(ran.out).toMatch(/^[\n -~]*$/);
    if (format !== 'ktap')
      expect(ran.out.replace(/\s+/g, ' ')).toContain('my-notifier (Jorg Muss, 1 Jan 2026 ? v2) on rfc-v2');
  });

  test('names', () => {
    expect(asciiOf('\u0141ukasz \u00d8rsted \u2018x\u2019\t\u6f22')).toBe("Lukasz Orsted 'x' ?");
    expect(shellWord("./a b'c/j\u00f6.ts")).toBe("./a\\ b\\'c/j$'\\xc3\\xb6'.ts");
  });
});

describe('replay', () => {
  test('of a mail that was saved, and quoted', async () => {
    const mail = await run('check', 'vmm-remap', ...ALONE, '--format', 'mail');
    const saved = join(folder, 'saved.mail');
    writeFileSync(saved, mail.out.replace(/(GC1-.{10,20}-)/, '$1\n').replace(/^/gm, '> '));
    expect((await run('replay', saved)).out).toBe(mail.out);
    const text = readFileSync(saved, 'utf8');
    const bin = join(packageRoot(), 'bin', 'gmem-conform.js');
    const piped = spawnSync(process.execPath, [bin, 'replay', '-'], { input: text, encoding: 'utf8' });
    expect(piped.stdout).toBe(mail.out);
  });

  test('of what does not fit', async () => {
    expect(complaint(await run('replay', 'GC1-'))).toMatch(/not a token: nothing after GC1;/);
    expect(complaint(await run('replay', 'GC1-AAAA--BBBB'))).toMatch(/group 2 is empty/);
    const found = await run('check', leaky('mine'), ...ALONE);
    const [argv] = commandsIn(found.out);
    const wrong = withHook('not-mine', 'return 0;');
    const ran = await run(...argv.slice(0, 2), '--policy', wrong);
    expect(complaint(ran)).toMatch(/is about the policy 'leaky', and \S+not-mine\.ts has not-mine$/m);
    expect(ran.status).toBe(2);
    expect(complaint(await run('replay', 'GC1-AAAA', '--calls', '2'))).toMatch(/unknown option '--calls'/);
  });
});

test('a file that is not there is a matter of usage', async () => {
  const ran = await run('check', './nowhere.ts');
  expect(complaint(ran)).toMatch(/nowhere\.ts: no such file/);
  expect(ran.status).toBe(2);
});

test('a policy under the name of a bundled one is taken with a warning, and none not at all', async () => {
  const named = (name: string): string =>
    policyFile(
      `${name}-again`,
      `export const p = { name: '${name}', title: 'x', source: 'x', base: 'rfc-v2', *ioas_map_file() { return 0; } };`,
    );
  expect(
    complaint(await run('try', 'A: map 0', '--policy', named('folio-pin'), '--platform', 'bare')),
  ).toMatch(/a bundled policy is named 'folio-pin' too/);
  const ran = await run('check', named('none'), ...ALONE);
  expect(complaint(ran)).toMatch(/policy\.name is 'none'/);
  expect(ran.status).toBe(3);
});

test('several cells are counted where nobody sees the progress', async () => {
  const ran = await run('check', 'none', ...ALONE, '--platform', 'bare,tdx');
  expect(ran.err).toBe(
    'gmem-conform: cell 1 of 2: none, bare, VMM adversarial\ngmem-conform: cell 2 of 2: none, tdx, VMM adversarial\n',
  );
});

describe('each replay line that is printed can be followed', () => {
  test('of findings on the base, in several cells', async () => {
    const written = await run('new-policy', 'my-idea');
    const command = /judge it with: node (\S+) check \.\/my-idea\.ts$/m.exec(written.out)?.[1] ?? '';
    expect(existsSync(command)).toBe(true);
    const found = await run('check', './my-idea.ts', ...ALONE, '--platform', 'bare,tdx');
    const commands = commandsIn(found.out);
    expect(commands.length).toBeGreaterThan(0);
    for (const argv of commands) {
      const again = await run(...argv);
      expect(again.err).toBe('');
      expect(again.out).toMatch(/finding on rfc-v2/);
    }
  });

  test('of a schedule taken elsewhere, and from there', async () => {
    const found = await run('check', leaky('moved'), ...ALONE);
    const [argv] = commandsIn(found.out);
    const moved = await run(...argv, '--platform', 'tdx');
    const [there] = commandsIn(moved.out);
    expect(there[1]).not.toBe(argv[1]);
    expect((await run(...there)).out).toContain(', tdx, ');
  });

  test('where the path of the policy is longer than a line', async () => {
    const found = await run('check', leaky(`long-${'x'.repeat(90)}`), ...ALONE, '--format', 'mail');
    expect(found.out).toMatch(/\.json \\\n {4}--policy \S+\\\n/);
    const [argv] = commandsIn(found.out);
    const again = await run(...argv);
    expect(again.status).toBe(1);
    /* and the mail itself can be */
    writeFileSync('mail.txt', found.out.replace(/^/gm, '> '));
    expect(await run('replay', 'mail.txt')).toEqual(again);
  });
});

// A policy of the user's own from the first check to the mail: what is printed can be pasted, sent and replayed.

import { afterAll, describe, expect, test } from 'vitest';
import { asciiOf, shellWord } from '../cli/plain-text.ts';
import { QUICK, folder, policyFile, run } from './cli-run.ts';

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

describe('texts beyond ASCII', () => {
  test.each(['text', 'mail', 'ktap'])('%s', async (format) => {
    const file = leaky(
      `umlaut-${format}`,
      'my-notifier (J\u00f6rg Mu\u00df, 1\u00a0Jan\u00a02026 \u2192 v2)',
    );
    const ran = await run('check', file, ...QUICK, '--format', format);
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

/** The files that replay lines name, each with the rest of its command. */
const commandsIn = (out: string): string[][] =>
  [...out.replace(/\\\n/g, '').matchAll(/gmem-conform (replay \S+\.json.*)/g)].map((found) =>
    found[1].split(/ +/),
  );

describe('each replay line that is printed can be followed', () => {
  test('of findings on the base, in several cells', async () => {
    expect((await run('new-policy', 'my-idea')).status).toBe(0);
    const found = await run('check', './my-idea.ts', ...QUICK, '--platform', 'bare,tdx');
    const commands = commandsIn(found.out);
    expect(commands.length).toBeGreaterThan(0);
    for (const argv of commands) {
      const again = await run(...argv);
      expect(again.err).toBe('');
      expect(again.out).toMatch(/finding on rfc-v2/);
    }
  });

  test('of a schedule taken elsewhere, and from there', async () => {
    const found = await run('check', leaky('moved'), ...QUICK);
    const [argv] = commandsIn(found.out);
    const moved = await run(...argv, '--platform', 'tdx');
    const [there] = commandsIn(moved.out);
    expect(there[1]).not.toBe(argv[1]);
    expect((await run(...there)).out).toContain(', tdx, ');
  });

  test('where the path of the policy is longer than a line', async () => {
    const found = await run('check', leaky(`long-${'x'.repeat(90)}`), ...QUICK);
    expect(found.out).toMatch(/\.json \\\n {4}--policy \S+\\\n/);
    const [argv] = commandsIn(found.out);
    expect((await run(...argv)).status).toBe(1);
  });
});

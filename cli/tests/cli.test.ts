// The command line as a user meets it: exit statuses, and one clear message for each thing that can be wrong.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ALONE, QUICK, complaint, policyFile, run, runHurried, testFolder, withHook } from './cli-run.ts';

const folder = testFolder();

describe('words that do not exist name those that do, status 2', () => {
  test.each([
    [['check', 'nosuch'], /no policy 'nosuch'; known: none, vmm-remap/],
    [['check', 'vmm-remap', '--platform', 'z80'], /no platform 'z80'; known: bare, sev-snp, tdx/],
    [['check', 'vmm-remap', '--base', 'linux-0.01'], /no base 'linux-0.01'; known: linux-7.2, rfc-v2, v8/],
    [['check', 'vmm-remap', '--only', 'no-such'], /no invariant 'no-such'; known: no-mapping-to-freed-page/],
    [
      ['check', 'vmm-remap', '--bounds', 'huge'],
      /no bounds named 'huge'; known: quick, small, medium, large/,
    ],
    [['check', 'vmm-remap', '--calls', 'many'], /--calls is 'many', must be a whole number from 1 to 8/],
    [['check', 'vmm-remap', '--frobnicate'], /unknown option '--frobnicate'/],
    [
      ['check', 'vmm-remap', '--assume', 'snp.nothing=true'],
      /no assumption 'snp.nothing'; known: snp.rmpupdate/,
    ],
    [
      ['check', 'vmm-remap', '--fail', 'nothing'],
      /no step that can fail 'nothing'; known: kvm_gmem_get_folio, iommu_map/,
    ],
    [['check', 'vmm-remap', '--guest', 'evil'], /no guest 'evil'; known: honest, malicious/],
    [['check', 'vmm-remap', '--cast', 'crowd'], /no cast 'crowd'; known: host/],
    [['check', 'vmm-remap', '--format', 'pdf'], /no format 'pdf'; known: text, mail, json, ktap/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['list', 'everything'], /no list 'everything'; known: policies/],
    [['try', 'Q: map 0'], /no thread 'Q'/],
    [['try', 'E: revoke'], /thread 'E' is there with --cast dmabuf only/],
    [
      ['check', 'vmm-remap', '--assume', 'iommu_map-never-fails=false'],
      /taken for granted .*--fail iommu_map/,
    ],
    [['try', 'A: frob 0'], /no call 'frob'; known: map, unmap/],
    [['replay', 'GC1-AAAA-BBBB'], /token/],
    [['replay', 'nosuch.json'], /nosuch.json: cannot be read/],
  ])('%j', async (argv, message) => {
    const ran = await run(...argv);
    expect(complaint(ran)).toMatch(message);
    expect(ran.status).toBe(2);
    expect(ran.out).toBe('');
  });

  test('GMEM_YIELD_MS that is no number', async () => {
    vi.stubEnv('GMEM_YIELD_MS', 'soon');
    try {
      const ran = await run('check', withHook('in-time', 'return 0;'), ...QUICK);
      expect(complaint(ran)).toMatch(/GMEM_YIELD_MS is 'soon', must be a whole number of milliseconds/);
      expect(ran.status).toBe(2);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('--out below a file', async () => {
    const file = policyFile('in-the-way', '');
    const ran = await run('check', 'none', ...QUICK, '--out', join(file, 'sub'));
    expect(complaint(ran)).toMatch(/--out .*: cannot be written/);
    expect(ran.status).toBe(2);
  });

  test('a damaged corpus file', async () => {
    const file = join(folder, 'damaged.json');
    writeFileSync(file, '{ "policy": "vmm-remap", ');
    const ran = await run('replay', file);
    expect(complaint(ran)).toMatch(/damaged.json/);
    expect(ran.status).toBe(2);
  });
});

describe('policy files that break the API, status 3', () => {
  const cases: readonly (readonly [string, () => string, RegExp])[] = [
    ['does not parse', () => policyFile('parse', 'export const x = {{{;'), /parse\.ts:1:\d+: Expected/],
    ['exports nothing', () => policyFile('nothing', 'export const y = 1;'), /exports no policy/],
    [
      'throws when loaded',
      () => policyFile('throws', "throw new Error('boom at load');"),
      /threw while it was loaded: boom at load/,
    ],
    [
      'has the wrong shape',
      () => policyFile('shape', "export const p = { name: 'Shape', title: 1 };"),
      /policy.name is "Shape"/,
    ],
    [
      'throws inside a call',
      () => withHook('throws-inside', "yield* gmem_invalidate_seq(); throw new Error('boom');"),
      /ioas_map_file\(\) threw: boom/,
    ],
    [
      'never yields',
      () => withHook('never-yields', 'for (;;) counter++;'),
      /did not yield within \d+ ms of wall-clock time/,
    ],
    [
      'unlocks what it does not hold',
      () => withHook('not-held', "yield* unlock('pages_mutex'); return 0;"),
      /unlocked 'pages_mutex' \(write\), held by nobody/,
    ],
    [
      'answers differently',
      () =>
        withHook(
          'differs',
          "yield* lock(counter++ % 2 === 0 ? 'pages_mutex' : 'slots_lock'); yield* gmem_invalidate_seq(); return 0;",
        ),
      /chose a different step/,
    ],
    [
      'yields no step',
      () => withHook('no-step', 'yield 17 as never; return 0;'),
      /a step is made by a constructor/,
    ],
    [
      'takes too many steps',
      () => withHook('too-many', 'for (;;) yield* gmem_invalidate_seq();'),
      /took more than 200 steps/,
    ],
    [
      'steps out of its range',
      () => withHook('range', 'yield* iommu_map(99, 0); return 0;'),
      /iova is 99, must be a whole number from 0 to 0/,
    ],
  ];
  test.each(cases)('%s', async (_what, file, message) => {
    const patience = message.source.includes('did not yield') ? runHurried : run;
    const ran = await patience('check', file(), ...QUICK);
    expect(complaint(ran)).toMatch(message);
    expect(ran.status).toBe(3);
  });

  test('try and matrix watch over a policy file as check does', async () => {
    const file = withHook('never-yields-here', 'for (;;) counter++;');
    for (const argv of [
      ['try', 'A: map 0', '--policy', file, '--platform', 'bare'],
      ['matrix', file, ...QUICK],
    ]) {
      const ran = await runHurried(...argv);
      expect(complaint(ran)).toMatch(/did not yield within 300 ms/);
      expect(ran.status).toBe(3);
    }
  });

  test('keeps what was found before', async () => {
    const ran = await run('check', 'vmm-remap', withHook('late', "throw new Error('late');"), ...ALONE);
    expect(ran.out).toMatch(/VIOLATED no-mapping-to-freed-page/);
    expect(complaint(ran)).toMatch(/late\(?.*threw: late|threw: late/);
    expect(ran.status).toBe(3);
  });
});

describe('a forgotten yield*, status 3', () => {
  const cases: readonly (readonly [string, () => string, RegExp])[] = [
    [
      'of a statement',
      () => withHook('forgets', "lock('pages_mutex'); yield* gmem_invalidate_seq(); return 0;"),
      /ioas_map_file\(\): lock\(\) was made and never yielded: write `yield\* lock\(\.\.\.\)`/,
    ],
    [
      'of an answer',
      () => withHook('takes-for-answer', "return iommu_map(0, 0) ? 0 : '-ENOMEM';"),
      /iommu_map\(\) was made and never yielded/,
    ],
  ];
  test.each(cases)('%s', async (_what, file, message) => {
    const ran = await run('check', file(), ...QUICK);
    expect(complaint(ran)).toMatch(message);
    expect(ran.status).toBe(3);
  });
});

describe('loops without an end, status 3', () => {
  const cases: readonly (readonly [string, () => string, RegExp])[] = [
    [
      'never yields in a hook',
      () => withHook('hook-never-yields', 'for (;;) counter++;', 'invalidate_start'),
      /invalidate_start\(\) threw: did not yield within \d+ ms of wall-clock time/,
    ],
    [
      'never yields after a lock',
      () =>
        withHook('lock-never-yields', "yield* lock('pages_mutex'); for (;;) counter++;", 'invalidate_end'),
      /invalidate_end\(\) threw: did not yield within \d+ ms of wall-clock time/,
    ],
    [
      'never returns from replaces()',
      () => withHook('replaces-never-returns', '} , replaces: () => { for (;;) counter++;'),
      /replaces\(\) threw: did not yield within \d+ ms of wall-clock time/,
    ],
  ];
  test.each(cases)('%s', async (_what, file, message) => {
    const ran = await runHurried('check', file(), ...QUICK);
    expect(complaint(ran)).toMatch(message);
    expect(ran.status).toBe(3);
  });
});

describe('results', () => {
  test('a violated axiom blamed on the policy is status 1, and its mail replays byte for byte', async () => {
    const found = await run('check', 'vmm-remap', ...QUICK, '--runs', '300', '--format', 'mail');
    expect(found.status).toBe(1);
    const token = /GC1-[0-9A-Z-]+/.exec(found.out)?.[0] ?? '';
    expect(token.length).toBeLessThanOrEqual(60);
    const again = await run('replay', token);
    expect(again.out).toBe(found.out);
    expect(again.status).toBe(1);
    const half = token.lastIndexOf('-', 30) + 1;
    const quoted = await run('replay', `> > ${token.slice(0, half)}\n> > ${token.slice(half)}`);
    expect(quoted.out).toBe(found.out);
  });

  test('settings are said in the subject, and the token holds them', async () => {
    const out = join(folder, 'with-ats');
    const argv = [
      'check',
      'vmm-remap',
      ...ALONE,
      '--ats',
      '--guest',
      'honest',
      '--format',
      'mail',
      '--out',
      out,
    ];
    const found = await run(...argv, '--only', 'no-mapping-to-freed-page');
    expect(found.status).toBe(1);
    expect(found.out.replace(/\s+/g, ' ')).toContain('VMM adversarial, ATS, guest honest');
    const token = /GC1-[0-9A-Z-]+/.exec(found.out)?.[0] ?? '';
    expect((await run('replay', token)).out).toBe(found.out);
  });

  test('same seed, same bytes', async () => {
    const argv = [
      'check',
      'folio-pin',
      '--platform',
      'tdx',
      '--vmm',
      'cooperative',
      '--pages',
      '1',
      '--calls',
      '2',
      '--runs',
      '300',
      '--seed',
      'twice',
    ];
    const first = await run(...argv);
    expect(first.status).toBe(0);
    expect((await run(...argv)).out).toBe(first.out);
  });

  test('what no token holds is written to a file that replays', async () => {
    const file = withHook('leaves-lock', "yield* lock('pages_mutex'); return 0;");
    const out = join(folder, 'reports');
    const found = await run('check', file, ...ALONE, '--format', 'mail', '--out', out);
    expect(found.status).toBe(1);
    const name = /\S+\.json/.exec(found.out)?.[0] ?? '';
    expect(readFileSync(join(out, name), 'utf8')).toContain('nothing-left-at-release');
    const again = await run('replay', join(out, name), '--policy', file);
    expect(again.status).toBe(1);
    expect(again.out).toContain('VIOLATED nothing-left-at-release');
  });

  test('a policy to start from conforms', async () => {
    const cwd = process.cwd();
    process.chdir(folder);
    try {
      expect((await run('new-policy', 'my-idea')).status).toBe(0);
      expect(complaint(await run('new-policy', 'my-idea'))).toMatch(/is there already/);
      const judged = await run('check', './my-idea.ts', ...QUICK);
      expect(judged.err).toBe('');
      expect(judged.out).toMatch(/EXHAUSTED/);
      expect(judged.status).toBe(0);
    } finally {
      process.chdir(cwd);
    }
  });
});

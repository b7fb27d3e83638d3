// The benchmarks as commands: what they cannot follow is one line, status 2.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../cli/root.ts';

describe.each(['main.ts', 'iommufd.ts'])('bench/%s', (file) => {
  test.each([
    ['--help', 0, /^usage: npm run bench/],
    ['--frobnicate', 2, /^bench: Unknown option '--frobnicate'.*; usage: npm run bench/],
  ])('%s', (argument, status, message) => {
    const ran = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(packageRoot(), 'bench', file), argument],
      { cwd: packageRoot(), encoding: 'utf8' },
    );
    expect(ran.status).toBe(status);
    const said = ran.stdout + ran.stderr;
    expect(said).toMatch(message);
    expect(said.trimEnd().split('\n').length).toBe(1);
  });
});

// ^C, and a reader that goes away: the command as a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/gmem-conform.js', import.meta.url));

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** What it prints until it has ended; `onErr` is told of each piece of its standard error. */
async function start(
  argv: readonly string[],
  onErr: (child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += String(text)));
  child.stderr.on('data', (text) => {
    err += String(text);
    onErr(child);
  });
  return new Promise((resolve) => {
    child.on('close', (status) => {
      resolve({ status, out, err });
    });
  });
}

const LONG = ['check', 'revoke-on-truncate', 'none', '--base', 'rfc-v2', '--bounds', 'medium'];

test('the first ^C ends the search, and what it has found so far is printed', async () => {
  let told = false;
  const { status, out, err } = await start(LONG, (child) => {
    if (!told) child.kill('SIGINT');
    told = true;
  });
  expect(err).toBe('gmem-conform: cell 1 of 12: revoke-on-truncate, bare, VMM cooperative\n');
  expect(out).toMatch(/^VACUOUS: no run reached [^;]*; the search ended at/m);
  expect(status).toBe(130);
});

test('the second one does not wait for it', async () => {
  const { status, out } = await start(LONG, (child) => {
    child.kill('SIGINT');
    child.kill('SIGINT');
    /* two that come at once may be one */
    setTimeout(() => child.kill('SIGINT'), 20);
  });
  expect([status, out]).toEqual([130, '']);
});

test('whoever reads no further is told nothing of it, and the status stays', async () => {
  const onePage = ['--bounds', 'quick', '--pages', '1', '--platform', 'bare', '--vmm', 'adversarial'];
  const argv = [BIN, 'check', 'vmm-remap', ...onePage, '--format', 'json'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let err = '';
  child.stderr.on('data', (text) => (err += String(text)));
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect([status, err]).toEqual([1, '']);
});

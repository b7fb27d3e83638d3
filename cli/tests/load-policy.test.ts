// Policies of the user's own and the watchdog, from a checkout. The installed package: packaging.test.ts.

import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PolicyLoadError, loadPolicyModule, pickPolicies, placeInPolicy } from '../load-policy.ts';
import { POLICIES } from '../../policies/index.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { checked, policiesOf } from '../policies.ts';
import { packageRoot } from '../root.ts';
import { guardWith } from '../watchdog.ts';

const place = realpathSync(mkdtempSync(join(tmpdir(), 'gmem-policy-')));

afterAll(() => {
  rmSync(place, { recursive: true, force: true });
});

function policy(name: string, text: string): string {
  const file = join(place, name);
  writeFileSync(file, text);
  return file;
}

async function problem(path: string, milliseconds?: number): Promise<string> {
  try {
    await loadPolicyModule(path, milliseconds === undefined ? {} : { milliseconds });
  } catch (error) {
    if (error instanceof PolicyLoadError) return error.message;
    throw error;
  }
  return 'loaded';
}

describe('loadPolicyModule', () => {
  test('loads TypeScript from a folder with nothing else in it', async () => {
    const text =
      "import * as api from 'gmem-iommu-conformance/api';\n\n" +
      'export const mine = { name: `mine ${Object.keys(api).length > 0}`, fail(n: number): never { throw new Error(String(n)); } };\n';
    const file = policy('mine.ts', text);
    const [mine] = pickPolicies(await loadPolicyModule(file)) as [
      { readonly name: string; fail: (n: number) => never },
    ];
    expect(mine.name).toBe('mine true');
    try {
      mine.fail(1);
    } catch (error) {
      expect(placeInPolicy(error)).toMatch(`${file}:3:`);
    }
    expect.assertions(2);
  });

  test('names a file that is missing, a folder and another kind of file', async () => {
    expect(await problem(join(place, 'none.ts'))).toBe(`${join(place, 'none.ts')}: no such file`);
    expect(await problem(place)).toMatch('not a file');
    expect(await problem(policy('x.json', '{}'))).toMatch('ends in .ts, .mts, .js or .mjs');
  });

  test('tries files in one process until one of them leaves something behind', async () => {
    const pids = join(place, 'pids');
    const note = (rest: string): string =>
      `import { appendFileSync } from 'node:fs';
if (/policy-loader/.test(process.argv[1])) { appendFileSync('${pids}', process.pid + ' '); ${rest} }`;
    const files = ['', '', 'setTimeout(() => process.exit(7), 100);', '', '', 'process.exit(7);', ''].map(
      (rest, k) => policy(`tried-${k}.ts`, note(rest)),
    );
    const said: string[] = [];
    for (const file of files) said.push(await problem(file));
    expect(said.filter((each) => each !== 'loaded')).toEqual([
      `${files[5]}: ended the process while it was loaded (exit status 7)`,
    ]);
    const [a, b, c, d, e, f, again, g] = readFileSync(pids, 'utf8').split(' ');
    expect([b, c, e, f]).toEqual([a, a, d, d]);
    expect(new Set([a, d, again, g]).size).toBe(4);
  });

  test('gives up on a file that never finishes loading', async () => {
    const file = policy('loop.ts', 'for (;;);');
    expect(await problem(file, 700)).toMatch(
      `${file}: did not finish loading within 700 ms of wall-clock time`,
    );
  });
});

test('pickPolicies takes the default export, else every export that has a name', () => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  expect(pickPolicies({ default: a, b })).toEqual([a]);
  expect(pickPolicies({ default: [a, 1, b] })).toEqual([a, b]);
  expect(pickPolicies({ a, b, again: a, n: 1, f: () => a, none: null, o: {} })).toEqual([a, b]);
  expect(pickPolicies({ default: 1 })).toEqual([]);
  expect(pickPolicies(null)).toEqual([]);
});

describe('guardWith', () => {
  const short = guardWith(50);
  const long = guardWith(20_000);
  const forever = (): never => {
    for (;;);
  };
  const late = 'did not yield within 50 ms of wall-clock time';

  test('gives results and errors through', () => {
    expect(short(() => 7)).toBe(7);
    expect(short(() => undefined)).toBeUndefined();
    expect(() =>
      short(() => {
        throw new TypeError('mine');
      }),
    ).toThrow(new TypeError('mine'));
  });

  test('interrupts an endless loop, which cannot catch that', () => {
    expect(() => short(forever)).toThrow(late);
    const stubborn = (): void => {
      try {
        forever();
      } catch {
        forever();
      }
    };
    expect(() => short(stubborn)).toThrow(late);
    expect(short(() => 8)).toBe(8);
  });

  test('nests both ways', () => {
    expect(() => long(() => short(forever))).toThrow(late);
    expect(() => short(() => long(forever))).toThrow(late);
    const goesOn = long(() => {
      expect(() => short(forever)).toThrow(late);
      return short(() => 9);
    });
    expect(goesOn).toBe(9);
  });
});

describe('a bundled policy or a planted fault, taken over by spread', () => {
  test.each([...POLICIES, ...BROKEN].map((bundled) => [bundled.name, bundled] as const))(
    '%s has the fields of a policy',
    (_name, bundled) => {
      const mine = { ...bundled, name: 'mine' };
      expect(checked(mine, 'mine.ts')).toBe(mine);
    },
  );

  test('loads from a file', async () => {
    const from = join(packageRoot(), 'policies', 'folio-pin.ts');
    const file = policy(
      'spread.ts',
      `import { folioPin } from ${JSON.stringify(from)};
export const mine = { ...folioPin, name: 'mine', own_mutex_class: true, dmabuf: {} };
`,
    );
    expect((await policiesOf([file])).map(({ policy: { name } }) => name)).toEqual(['mine']);
  });

  test('a field of another kind is told', () => {
    const [first] = POLICIES;
    const told = (fields: object): string => {
      try {
        checked({ ...first, ...fields }, 'mine.ts');
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
      return 'nothing';
    };
    expect(told({ dmabuf: 1 })).toMatch('policy.dmabuf is 1, must be an object');
    expect(told({ own_mutex_class: 'yes' })).toMatch(
      'policy.own_mutex_class is "yes", must be true or false',
    );
    expect(told({ access_page: () => 0 })).toMatch('write *access_page(range) { ... }');
    expect(told({ acces_page: () => 0 })).toMatch(
      'policy.acces_page is no field of a policy; known: ioas_map',
    );
  });
});

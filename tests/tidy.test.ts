// Style as a test. Each rule is first shown a text that breaks it, because a rule that cannot fail says
// nothing.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../cli/root.ts';
import { MODELS_PAGE, modelList, modelPage } from '../pins/model-list.ts';
import { importDirections } from './tidy/imports.ts';
import {
  exemption,
  fileLength,
  foreignNames,
  functionLength,
  leftOvers,
  lineLength,
  looseTypes,
  machineWrites,
  purity,
} from './tidy/rules.ts';
import { type Finding, type Source, sourceOf, trackedSources } from './tidy/source.ts';

const sources = trackedSources();

/* The files that follow in this process would have the syntax trees in each of their garbage collections. */
afterAll(() => {
  sources.length = 0;
});

/* Set when npm runs the test; the host itself is written nowhere. */
const registry = process.env['npm_config_registry'];
const host = registry === undefined || registry === '' ? null : new URL(registry).host;

type Rule = (source: Source) => Finding[];

/** Name, rule, then made-up texts: path, text, and how many breaches it has. */
const RULES: readonly (readonly [string, Rule, readonly (readonly [string, string, number])[]])[] = [
  [
    'imports go one way',
    importDirections,
    [
      ['api/x.ts', "import type { A } from '../models/machine.ts';", 1],
      ['policies/x.ts', "import { a } from '../models/machine.ts'; import { b } from '../api/index.ts';", 1],
      ['policies/broken/x.ts', "import { a } from '../none.ts'; export * from '../../engine/walk.ts';", 1],
      [
        'models/x.ts',
        "import { a } from '../properties/spec/index.ts'; import { match } from 'ts-pattern';",
        1,
      ],
      ['models/steps/x.ts', "import { match } from 'ts-pattern';", 1],
      ['engine/x.ts', "import { a } from '../api/index.ts'; import { match } from 'ts-pattern';", 2],
      [
        'arbitraries/x.ts',
        "import { a } from '../models/bounds.ts'; import { b } from '../models/machine.ts';",
        1,
      ],
      ['properties/x.ts', "import { a } from '../reports/mail.ts'; import { b } from 'node:fs';", 2],
      ['properties/x.test.ts', "import { a } from '../reports/mail.ts'; import { b } from 'node:fs';", 0],
      ['reports/x.ts', "import { a } from '../engine/a.ts'; import type { B } from '../engine/b.ts';", 1],
      [
        'reports/x.ts',
        "import { type A, type B } from '../engine/a.ts'; import { c } from '../api/index.ts';",
        1,
      ],
      ['cli/x.ts', "import fc from 'fast-check'; import seedrandom from 'seedrandom';", 1],
      ['cli/x.ts', "import { a } from '../tests/tidy/source.ts';", 1],
      ['properties/suite.ts', "import seedrandom from 'seedrandom';", 1],
      [
        'properties/sampling/sample.ts',
        "import seedrandom from 'seedrandom'; import fc from 'fast-check';",
        0,
      ],
      ['engine/x.ts', "const a = await import('../api/index.ts'); type B = import('../api/index.ts').B;", 2],
    ],
  ],
  [
    'no clock, randomness or output where verdicts are made',
    purity,
    [
      [
        'models/x.ts',
        'Math.random(); Date.now(); performance.now(); new Date(); Date(); console.log(1); process.argv;',
        7,
      ],
      ['reports/x.test.ts', 'process.env; console.log(1);', 1],
      ['cli/x.ts', 'Date.now(); process.exit();', 0],
    ],
  ],
  [
    'files have at most 300 lines',
    fileLength,
    [
      ['cli/x.ts', 'f();\n'.repeat(301), 1],
      ['cli/x.ts', `// tidy: long because it is a table\n${'f();\n'.repeat(301)}`, 0],
      ['cli/x.ts', 'f();\n'.repeat(300), 0],
    ],
  ],
  [
    'functions have at most 70 lines',
    functionLength,
    [
      ['cli/x.ts', `function f() {\n${'f();\n'.repeat(69)}}`, 1],
      ['cli/x.ts', `const o = { m() {\n${'f();\n'.repeat(69)}} };`, 1],
      [
        'cli/x.ts',
        `const f = () => {\nconst g = () => {\n${'f();\n'.repeat(60)}};\n${'f();\n'.repeat(60)}};`,
        0,
      ],
    ],
  ],
  [
    'lines have at most 120 columns',
    lineLength,
    [
      ['cli/x.ts', `// ${'x'.repeat(118)}`, 1],
      ['cli/x.ts', `// ${'x'.repeat(117)}`, 0],
      ['cli/x.ts', `f({\n  says: '${'x'.repeat(150)}',\n});`, 0],
      ['cli/x.ts', `f('${'x'.repeat(150)}') + g('y');`, 1],
    ],
  ],
  ['no any, no !', looseTypes, [['tests/x.ts', 'const a = (b: any): number => b!; // any! "any"', 2]]],
  [
    'only models/steps and models/exec write machine state',
    machineWrites,
    [
      ['models/kvm/x.ts', 'm[1] = 2; m[a[0]] |= 1; m[3]++; --m[4]; n[1] = 2; if (m[1] === 2) f(m[1]);', 4],
      ['models/exec/x.ts', 'm[1] = 2;', 0],
      ['models/steps/x.ts', 'm[1] = 2;', 0],
    ],
  ],
  ['no left-over notes', leftOvers, [['docs/x.md', `a\n${'TO' + 'DO'}: b\n`, 1]]],
  [
    'nothing of one machine',
    (source) => foreignNames(source, host),
    [
      ['docs/x.md', `see /${'wo' + 'rk'}/main\nand npm's ${'regi' + 'stry'}.example.org\n`, 2],
      ['docs/x.md', `written by ${'Cla' + 'ude'}\n`, 1],
      ['docs/x.md', 'the invalidation queue is an agent of the session-free model; frameworks/main\n', 0],
    ],
  ],
];

describe.each(RULES)('%s', (_name, rule, examples) => {
  test.each(examples)('the rule itself: %s %j', (path, text, breaches) => {
    expect(rule(sourceOf(path, text))).toHaveLength(breaches);
  });

  test('holds', () => {
    expect(sources.flatMap(rule)).toEqual([]);
  });
});

test('a registry host in use is found wherever it stands', () => {
  expect(foreignNames(sourceOf('x.md', 'at packages.example'), 'packages.example')).toHaveLength(1);
});

test('exemptions from the limits of length are these', () => {
  expect(exemption(sourceOf('cli/x.ts', 'f(); // tidy: long because of that\n'))).toBeNull();
  expect(exemption(sourceOf('cli/x.ts', 'f();\n// tidy: long because it is a table\n'))).toBe(
    'it is a table',
  );
  const listed = sources.flatMap((source) => {
    const reason = exemption(source);
    return reason === null ? [] : [`${source.path}: ${reason}`];
  });
  expect(listed).toMatchSnapshot();
});

describe('MODEL: comments', () => {
  test('are read to their end', () => {
    const text = [
      '/* MODEL: one. */',
      'f(); // MODEL: behind code',
      '// MODEL: two',
      '// lines.',
      'f();',
      '/**',
      ' * Before.',
      ' * MODEL: in a',
      ' * block.',
      ' */',
    ].join('\n');
    expect(modelList([sourceOf('models/x.ts', text), sourceOf('cli/x.ts', text)])).toEqual([
      '- `models/x.ts`: one.',
      '- `models/x.ts`: behind code',
      '- `models/x.ts`: two lines.',
      '- `models/x.ts`: in a block.',
    ]);
  });

  test(`are all listed in ${MODELS_PAGE} (npm run model-list writes it)`, () => {
    expect(readFileSync(join(packageRoot(), MODELS_PAGE), 'utf8')).toBe(modelPage(sources));
  });
});

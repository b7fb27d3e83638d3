// What the documentation quotes from the program: lists of invariants and policies, one mail, and what the
// tool says of the policies in docs/writing-a-policy.md. docs.test.ts compares;
// `node --import tsx pins/docs.ts --write` writes all of it, which takes minutes.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Policy } from '../api/index.ts';
import { loadPolicyModule, pickPolicies } from '../cli/load-policy.ts';
import { packageRoot } from '../cli/root.ts';
import { parseOnly } from '../cli/usage.ts';
import { type Config, PLATFORMS, VMMS, assumptions, boundsOf } from '../models/bounds.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { type CheckOptions, check, makeBaseFindings, recertify, replayed } from '../properties/check.ts';
import { INVARIANTS, SOMETIMES } from '../properties/spec/index.ts';
import { type Key, keyOf } from '../properties/spec/keys.ts';
import { judgementOf } from '../properties/spec/index.ts';
import { makeModel } from '../properties/system.ts';
import { mail } from '../reports/mail.ts';
import { text } from '../reports/text.ts';

export const README = 'README.md';
export const GUIDE = 'docs/writing-a-policy.md';
/** The file of the guide whose race is shown. */
const RACE = 'mail-001-callback.ts';
const GENERATED = 'Written by `node --import tsx pins/docs.ts --write`; do not edit.';

/** What `check` uses where nothing else is said. */
const OPTIONS: CheckOptions = { seed: 'gmem-1', runs: 0, explain: 'gravest', flip: true, hasTokens: true };
/** For the guide: no token for policies of the user's own, and no assumptions on bare that matter there. */
const GUIDE_OPTIONS: CheckOptions = { ...OPTIONS, flip: false, hasTokens: false };

export const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');

export function configOn(policy: Policy, platform: Config['platform'], bounds: 'quick' | 'small'): Config {
  return {
    base: policy.base === 'linux-7.2' ? 'linux-7.2' : 'rfc-v2',
    platform,
    vmm: 'adversarial',
    bounds: boundsOf(bounds),
    device: null,
    assumptions: assumptions(),
    fail: null,
  };
}

/* ---- lists ---- */

/** `axiom`, or where it is something else. */
function judgements(invariant: string): string {
  const cells = PLATFORMS.flatMap((platform) =>
    VMMS.map((vmm) => {
      const judged = judgementOf(invariant, { ...configOn(POLICIES[0], platform, 'quick'), vmm });
      return { where: `${platform}/${vmm}`, judged };
    }),
  );
  const other = (['flag', 'not judged'] as const).flatMap((judged) => {
    const where = cells.filter((cell) => cell.judged === judged).map((cell) => cell.where);
    return where.length === 0 ? [] : [`${judged} on ${where.join(', ')}`];
  });
  return other.length === 0 ? 'axiom everywhere' : `axiom, but ${other.join('; ')}`;
}

function invariantList(): string {
  const always = INVARIANTS.flatMap(({ name, says, source, partner, breaches }) => [
    `## ${name}`,
    '',
    says,
    '',
    `* source: ${source}`,
    `* outcomes: ${breaches.map(({ outcome }) => outcome).join(', ')}`,
    `* judged: ${judgements(name)}`,
    `* its race was reached when: \`${partner}\``,
    '',
  ]);
  const head = [
    '# Invariants',
    '',
    GENERATED,
    '',
    'Each holds in every state and at every step (`always`). Its partner (`sometimes`, at the end) says that the race in which',
    'it can be broken was reached. An axiom that is broken makes the policy nonconformant, a flag is counted.',
    '`properties/spec/` is the specification: one file a family, one row an invariant.',
    '',
  ];
  const sometimes = SOMETIMES.map(({ name, says }) => `* \`${name}\`: ${says}`);
  return [...head, ...always, '## sometimes', '', ...sometimes, ''].join('\n');
}

function policyList(): string {
  const bundled = POLICIES.map(
    ({ name, title, base, source }) => `* \`${name}\` on ${base}: ${title}. Source: ${source}.`,
  );
  const planted = BROKEN.flatMap(({ name, base, planted: fault }) =>
    fault === undefined
      ? []
      : [
          `* \`${name}\` on ${base}, ${fault.platform}, VMM ${fault.vmm}: ${fault.fault} Caught by \`${fault.invariant}\`.`,
        ],
  );
  return [
    '# Policies',
    '',
    GENERATED,
    '',
    '## Proposals',
    '',
    ...bundled,
    '',
    '## Planted faults',
    '',
    'Each is a proposal or a base with one thing wrong, and names the invariant that must catch it: `gmem-conform faults`.',
    '',
    ...planted,
    '',
  ].join('\n');
}

export const LISTS: readonly (readonly [string, () => string])[] = [
  ['docs/invariants.md', invariantList],
  ['docs/policies.md', policyList],
];

/* ---- quoted output ---- */

/** What stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`, without the code fence. */
export function block(page: string, name: string): string {
  const found = new RegExp(`<!-- ${name}: begin -->\\n\`\`\`\\n([^]*?)\`\`\`\\n<!-- ${name}: end -->`).exec(
    page,
  );
  if (found === null) throw new Error(`no block '${name}'`);
  return found[1];
}

function withBlock(page: string, name: string, body: string): string {
  block(page, name);
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [before, after] = [page.slice(0, page.indexOf(begin)), page.slice(page.indexOf(end))];
  return `${before}${begin}\n\`\`\`\n${body.trimEnd()}\n\`\`\`\n${after}`;
}

/** `VIOLATED invariant (outcome)` */
export function keyIn(report: string): Key {
  const [, invariant = '', outcome = ''] = /^VIOLATED (\S+)\s+\(([^)]+)\)/m.exec(report) ?? [];
  const key = keyOf(invariant, outcome);
  if (key === undefined) throw new Error(`no key ${invariant} (${outcome})`);
  return key;
}

/** The mail about one key: what `check --format mail` prints of it, without the search of all the rest. */
export function mailAbout(policy: Policy, config: Config, key: Key, options = OPTIONS): string {
  const model = makeModel(config, policy);
  const finding = recertify(model, key, options);
  if (finding === null) return `${key.name} is not hit`;
  const result = replayed(model, finding, 'policy', options);
  return result.violations.map((violation) => mail(result, violation)).join('');
}

/** The verdict of a text report: its paragraph. */
function verdictIn(report: string): string {
  const verdict = /^(VIOLATED|EXHAUSTED|BOUNDED|SAMPLED|VACUOUS)/;
  return `${report.split('\n\n').find((paragraph) => verdict.test(paragraph)) ?? ''}\n`;
}

/** The table of a mail and the sentence under it. */
function raceIn(report: string): string {
  return `${report.slice(0, report.indexOf('\nrule ')).trimEnd()}\n`;
}

/** The files of the guide: `<!-- file: NAME -->`, then a TypeScript block. */
export function guideFiles(page: string): { readonly name: string; readonly code: string }[] {
  return [...page.matchAll(/<!-- file: (\S+) -->\n```ts\n([^]*?)```/g)].map(([, name, code]) => ({
    name,
    code,
  }));
}

const isPolicy = (value: unknown): value is Policy =>
  typeof value === 'object' && value !== null && 'base' in value && 'title' in value;

/** The policies of the guide, loaded as a user would have them: from a folder with nothing else in it. */
export async function guidePolicies(page: string): Promise<Map<string, Policy>> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gmem-docs-')));
  try {
    const files = guideFiles(page);
    for (const { name, code } of files) writeFileSync(join(folder, name), code);
    const found = new Map<string, Policy>();
    for (const { name } of files) {
      const policy = pickPolicies(await loadPolicyModule(join(folder, name))).find(isPolicy);
      if (policy !== undefined) found.set(name, policy);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Blocks of the guide by name: the verdict of each file, on bare at quick bounds with the `--only` of its
 * command, and the race.
 */
export function guideOutput(page: string, policies: ReadonlyMap<string, Policy>): Map<string, string> {
  const base = makeBaseFindings();
  const out = new Map<string, string>();
  for (const [name, policy] of policies) {
    const [, only] = new RegExp(`check \\./${name} .*--only (\\S+)`).exec(page) ?? [];
    const keys = parseOnly(only);
    /* with one invariant asked for, all that is quoted is there without the explanation */
    const options: CheckOptions =
      keys === undefined ? GUIDE_OPTIONS : { ...GUIDE_OPTIONS, only: keys, explain: 'none' };
    const result = check(configOn(policy, 'bare', 'quick'), policy, base, options);
    out.set(name, verdictIn(text({ version: 1, seed: OPTIONS.seed, results: [result] })));
    if (name === RACE)
      out.set('race', result.violations.map((violation) => raceIn(mail(result, violation))).join(''));
  }
  return out;
}

async function write(): Promise<void> {
  const put = (path: string, body: string): void => writeFileSync(join(packageRoot(), path), body);
  for (const [path, list] of LISTS) put(path, list());
  const policies = await guidePolicies(read(GUIDE));
  let guide = read(GUIDE);
  for (const [name, body] of guideOutput(guide, policies)) guide = withBlock(guide, name, body);
  put(GUIDE, guide);
  const readme = read(README);
  const command = /^node (bin\/\S+) (check .*--format mail)$/m.exec(readme);
  if (command === null) throw new Error(`${README} quotes no command`);
  const options = { cwd: packageRoot(), encoding: 'utf8' } as const;
  let printed = '';
  try {
    printed = execFileSync(process.execPath, [command[1], ...command[2].split(' ')], options);
  } catch (error) {
    /* 1: violated, as it should be */
    printed = typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : '';
  }
  put(README, withBlock(readme, 'counterexample', printed));
}

if (process.argv.includes('--write')) void write();

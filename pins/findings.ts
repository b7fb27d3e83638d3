// Writes docs/findings.md and docs/objections.md: npm run findings. A trace is searched for anew, and certified.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../cli/root.ts';
import type { FaultResult } from '../models/results.ts';
import { none } from '../policies/none.ts';
import { findAmong } from '../properties/litmus/lowest.ts';
import { type CheckOptions, recertify, replayed } from '../properties/check.ts';
import type { BaseFinding } from '../properties/known/base-finding.ts';
import { BASE_FINDINGS, findingConfig } from '../properties/known/findings.ts';
import { SOURCE_NOTES } from '../properties/known/source-notes.ts';
import { type Answer, OBJECTIONS } from '../properties/known/objections.ts';
import { keyOf } from '../properties/spec/keys.ts';
import { makeModel } from '../properties/system.ts';
import { mail } from '../reports/mail.ts';

export const FINDINGS_PAGE = 'docs/findings.md';
export const OBJECTIONS_PAGE = 'docs/objections.md';
const GENERATED = 'Written by `npm run findings`; do not edit.';
const OPTIONS: CheckOptions = { seed: 'gmem-1', runs: 0, explain: 'gravest', flip: true, hasTokens: true };

/** The mail about the finding. Throws where the suite does not find it. */
function mailOf(found: BaseFinding): string {
  const key = keyOf(found.invariant, found.outcome);
  if (key === undefined) throw new Error(`${found.id}: there is no ${found.invariant} (${found.outcome})`);
  const model = makeModel(findingConfig(found), none);
  const finding =
    found.calls === undefined ? recertify(model, key, OPTIONS) : findAmong(model, key, found.calls);
  if (finding === null) throw new Error(`${found.id}: ${key.name} is not hit`);
  const result = replayed(model, finding, 'base', OPTIONS);
  return result.violations.map((violation) => mail(result, violation)).join('');
}

const onBase = (base: BaseFinding['base']): number =>
  BASE_FINDINGS.filter((found) => found.base === base).length;

export function findingsPage(mailFor: (found: BaseFinding) => string): string {
  const head = [
    '# Findings on the bases',
    '',
    GENERATED,
    '',
    'What `linux-7.2`, `rfc-v2` and `v8` break with policy `none`, that is without any IOMMU. Each was found by a search, and the',
    'trace is the shortest one within its bounds, or among the calls that it names where it is not certified. A model is not the',
    'kernel: the source says who has seen it in the code.',
    '',
    `Of these ${BASE_FINDINGS.length}, ${onBase('linux-7.2')} are on \`linux-7.2\`, ${onBase('v8')} on \`v8\` and ${onBase('rfc-v2')} on \`rfc-v2\`. RFC v2 is a series of 14 May 2025 that was not merged;`,
    'Linux 7.2 has none of its conversion, and the later series (v8, 18 Jun 2026) has other code in its place.',
    '',
  ];
  const each = BASE_FINDINGS.flatMap((found) => [
    `## ${found.id}`,
    '',
    found.says,
    '',
    `* source: ${found.source}`,
    `* holds: ${found.holds}`,
    ...(found.alsoOn === undefined ? [] : [`* also found on: ${found.alsoOn.join(', ')}`]),
    '',
    '```',
    mailFor(found).trimEnd(),
    '```',
    '',
  ]);
  const notes = SOURCE_NOTES.map((note) => `* ${note}`);
  return [...head, ...each, '## Met in the sources', '', ...notes, ''].join('\n');
}

function answerText(answer: Answer, faults: ReadonlyMap<string, FaultResult>): string {
  if (answer.is === 'equivalent') return `equivalent: ${answer.why}`;
  if (answer.is === 'not expressible') return `not expressible: ${answer.why}`;
  const note = answer.note === undefined ? '' : `; ${answer.note}`;
  if (answer.is === 'uapi')
    return `caught by errno-as-documented (${answer.faults.map((name) => `\`${name}\``).join(', ')}, see uapi.md)${note}`;
  if (answer.is === 'finding')
    return `${answer.findings.map((id) => `[${id}](findings.md#${id})`).join(', ')}${note}`;
  const texts = answer.faults.map((name) => {
    const result = faults.get(name);
    if (result === undefined) throw new Error(`there is no planted fault ${name}`);
    const size = `${result.calls} calls, ${result.switches} switches, ${result.steps} steps`;
    return `\`${name}\`: ${result.invariant} (${result.outcome ?? ''}), ${size}`;
  });
  return `${texts.join('; ')}${note}`;
}

export function objectionsPage(faults: readonly FaultResult[]): string {
  const byName = new Map(faults.map((result) => [result.name, result]));
  const head = [
    '# Bugs, races and objections',
    '',
    GENERATED,
    '',
    'What was reported (B), raised in review (R), found by reading (N) or is still open (O) about guest_memfd and its',
    'conversions, and what catches it here: a planted fault with the invariant and the size of its shortest trace',
    '(`gmem-conform faults NAME`), or a finding on a base itself. D numbers are those that the sources of the policies cite.',
    '',
    '| D | kind | what | source | here |',
    '| --- | --- | --- | --- | --- |',
  ];
  const rows = OBJECTIONS.map(({ d, kind, says, source, answers }) => {
    const here = answers.map((answer) => answerText(answer, byName)).join('<br>');
    return `| D${d} | ${kind} | ${says} | ${source} | ${here} |`;
  });
  return [...head, ...rows, ''].join('\n');
}

export function pinnedFaults(): readonly FaultResult[] {
  return JSON.parse(
    readFileSync(join(packageRoot(), 'properties/known/faults.json'), 'utf8'),
  ) as readonly FaultResult[];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(join(packageRoot(), FINDINGS_PAGE), findingsPage(mailOf));
  writeFileSync(join(packageRoot(), OBJECTIONS_PAGE), objectionsPage(pinnedFaults()));
}

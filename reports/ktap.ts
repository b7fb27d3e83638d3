// KTAP version 1 (Documentation/dev-tools/ktap.rst): one test a result, its invariants as subtests.

import type { InvariantResult, Result, RunReport, Violation } from '../models/results.ts';
import { ReportError } from './layout.ts';
import { causalSentence, replayText } from './mail.ts';
import { isBaseFinding, isGuilt, verdictText } from './words.ts';

const INDENT = '  ';

/** `#` starts a directive, so it must not be in a description. */
const described = (text: string): string => text.replace(/#/g, '\\#');

const diagnostic = (text: string): string => `# ${text}`;

function ofInvariant(
  result: Result,
  inv: InvariantResult,
  accept: (v: Violation) => boolean,
): Violation | undefined {
  return result.violations.find((v) => v.invariant === inv.name && accept(v));
}

function subtest(result: Result, inv: InvariantResult, n: number): string[] {
  const name = `${n} ${described(inv.name)}`;
  const own = ofInvariant(result, inv, isGuilt);
  if (own !== undefined) {
    return [
      diagnostic(causalSentence(own)),
      diagnostic(`replay: ${replayText(result, own)}`),
      `not ok ${name}`,
    ];
  }
  const base = ofInvariant(result, inv, isBaseFinding);
  if (base !== undefined)
    return [
      diagnostic(`finding on ${result.base}, policy none does the same: ${base.witness}`),
      `ok ${name}`,
    ];
  if (inv.verdict === 'not-judged') return [`ok ${name} # SKIP not judged`];
  if (inv.verdict === 'unreached') return [`ok ${name} # SKIP unreached`];
  return [`ok ${name}`];
}

function test(result: Result, n: number): string[] {
  const name = `${n} ${described(`${result.policy} ${result.base} ${result.platform} ${result.vmm}`)}`;
  if (result.verdict === 'not-applicable')
    return [`ok ${name} # SKIP not applicable${result.reason === undefined ? '' : `: ${result.reason}`}`];
  const subtests = result.invariants.flatMap((inv, i) => subtest(result, inv, i + 1));
  const nested = [
    'KTAP version 1',
    `1..${result.invariants.length}`,
    ...subtests,
    diagnostic(verdictText(result)),
  ];
  const ok = result.violations.some(isGuilt) ? 'not ok' : 'ok';
  // A result that shows nothing must not count as a pass.
  const skip = result.verdict === 'vacuous' && ok === 'ok' ? ' # SKIP vacuous' : '';
  return [...nested.map((line) => INDENT + line), `${ok} ${name}${skip}`];
}

/** Lines are not wrapped: a parser reads one a test. Throws ReportError beyond printable ASCII. */
export function ktap(report: RunReport): string {
  const tests = report.results.flatMap((result, i) => test(result, i + 1));
  const lines = ['KTAP version 1', `1..${report.results.length}`, ...tests];
  for (const line of lines) {
    if (/[^ -~]/.test(line))
      throw new ReportError(`KTAP line is not printable ASCII: ${JSON.stringify(line)}`);
  }
  return lines.join('\n') + '\n';
}

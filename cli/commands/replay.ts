// replay: the same report again, from a token or from a file; with --platform or --assume the same schedule
// elsewhere.

import { existsSync } from 'node:fs';
import { ASSUMPTIONS, type Config, PLATFORMS, assumptions, boundsOf } from '../../models/bounds.ts';
import type { Blame, Result, RunReport } from '../../models/results.ts';
import { POLICIES } from '../../policies/index.ts';
import { type CheckOptions, makeBaseFindings, recertify, replayed } from '../../properties/check.ts';
import {
  type CorpusEntry,
  CorpusError,
  configOfEntry,
  loadCorpus,
  runEntry,
  toCorpus,
} from '../../properties/corpus/corpus.ts';
import { type Key, keyName, keyOf } from '../../properties/spec/keys.ts';
import type { Finding } from '../../properties/finding.ts';
import { type Model, freeEnvironment, makeModel } from '../../properties/system.ts';
import { decodeFinding, findingOf } from '../../properties/token/token.ts';
import { TokenError, decodeToken } from '../../reports/token.ts';
import { otherCoreOf } from '../other-core.ts';
import { openPool } from '../pool.ts';
import { readText } from '../files.ts';
import { bundledNamed, plantedFaults, policiesOf } from '../policies.ts';
import { complain, openSession, prepareOut, print, writeOut } from '../session.ts';
import { STATUS } from '../status.ts';
import { type RawOptions, UsageError, formatOf, oneOf, parseAssumptions } from '../usage.ts';
import { guardOf } from '../watchdog.ts';
import { render, seedOf, timeOf, writeReplays } from './check.ts';

type Options = RawOptions & { readonly policy?: string };

const PLACE_BITS = 16;

interface Subject {
  readonly model: Model;
  readonly key: Key;
  readonly blame: Blame;
  /** As it was written down; null where it cannot be made here. */
  readonly written: Finding | null;
  /** What is not as it was. */
  readonly stale: readonly string[];
  readonly bundled: boolean;
}

async function fromToken(text: string): Promise<Subject> {
  try {
    const number = decodeToken(text);
    const proposed = decodeFinding(number, POLICIES);
    const decoded = proposed.policy === null ? decodeFinding(number, await plantedFaults()) : proposed;
    if (decoded.model === null || decoded.key === null)
      throw new UsageError(`the token cannot be replayed here: ${decoded.stale.join('; ')}`);
    const written = findingOf(decoded, PLACE_BITS);
    return {
      model: decoded.model,
      key: decoded.key,
      blame: decoded.blame,
      written: written === null ? null : { ...written, certified: false, certifiedStates: 0 },
      stale: decoded.stale,
      bundled: true,
    };
  } catch (error) {
    if (error instanceof TokenError) throw new UsageError(error.message);
    throw error;
  }
}

/** The entry's schedule on this model, as a finding. */
function writtenOn(model: Model, entry: CorpusEntry, key: Key): Finding | null {
  const { path } = runEntry(model, entry);
  if (path === null) return null;
  const system = model.system(freeEnvironment(model, model.config.bounds.calls), PLACE_BITS);
  const actors = path.moves.map((move) => system.actorOf(move));
  return {
    key,
    system,
    path,
    calls: path.moves.filter((move) => system.offerOf(move) >= 0).length,
    switches: actors.filter((actor, k) => k > 0 && actor !== actors[k - 1]).length,
    steps: path.moves.length,
    certified: false,
    certifiedStates: 0,
  };
}

async function fromFile(file: string, options: Options): Promise<Subject> {
  let entry: CorpusEntry;
  try {
    entry = loadCorpus(file, readText(file));
  } catch (error) {
    if (error instanceof CorpusError) throw new UsageError(error.message);
    throw error;
  }
  const candidates = options.policy === undefined ? [] : await policiesOf([options.policy]);
  const given = candidates.find(({ policy: { name } }) => name === entry.policy);
  const policy = options.policy === undefined ? await bundledNamed(entry.policy) : given?.policy;
  if (policy === undefined) {
    const where =
      options.policy === undefined
        ? `which is not bundled: name its file with --policy ./${entry.policy}.ts`
        : `and ${options.policy} has ${candidates.map((each) => each.policy.name).join(', ')}`;
    throw new UsageError(`${file} is about the policy '${entry.policy}', ${where}`);
  }
  const key = keyOf(entry.invariant, entry.outcome);
  if (key === undefined)
    throw new UsageError(`${file}: there is no invariant ${keyName(entry.invariant, entry.outcome)} here`);
  const bundled = given?.bundled ?? true;
  const config = configOfEntry(entry, {
    base: entry.base,
    platform: entry.platform,
    vmm: entry.vmm,
    bounds: boundsOf('small'),
    device: null,
    assumptions: assumptions(),
    fail: null,
  });
  const model = makeModel(config, policy, guardOf(bundled));
  const written = writtenOn(model, entry, key);
  const base = makeBaseFindings().of(config, checkOptions(options, bundled), [key]).hits;
  return {
    model,
    key,
    blame: base[key.property] > 0 ? 'base' : 'policy',
    written,
    stale: written === null ? ['its calls do not break the invariant any more'] : [],
    bundled,
  };
}

const checkOptions = (options: Options, bundled: boolean): CheckOptions => ({
  seed: seedOf(options),
  runs: 0,
  explain: 'gravest',
  flip: true,
  hasTokens: bundled,
  ...guardOf(bundled),
});

/** The same calls and schedule on another platform, or with other assumptions. */
function elsewhere(subject: Subject, options: Options): Subject {
  const { model, key, written } = subject;
  if (options.platform === undefined && options.assume === undefined) return subject;
  if (written === null) throw new UsageError('there is no schedule to take elsewhere');
  const platform =
    options.platform === undefined ? model.config.platform : oneOf('platform', options.platform, PLATFORMS);
  const given = parseAssumptions(options.assume);
  const changed = Object.fromEntries(
    ASSUMPTIONS.filter((a) => given[a.name] !== a.default).map((a) => [a.name, given[a.name]]),
  );
  const config: Config = {
    ...model.config,
    platform,
    assumptions: { ...model.config.assumptions, ...changed },
  };
  const entry = toCorpus(model, written, 'replayed elsewhere');
  const other = makeModel(config, model.policy, guardOf(subject.bundled));
  return { ...subject, model: other, written: writtenOn(other, entry, key), stale: [] };
}

const STDIN = 0;

/** What a mail, quoted or not, says is to be replayed: a token, or the names of a file and of its policy's. */
function replayIn(mail: string, name: string): { readonly named: string; readonly policy?: string } {
  /* a command over several lines is joined as a shell does */
  const text = mail.replace(/^[> ]+/gm, '').replaceAll('\\\n', '');
  const token = /\bGC\d(?:-\s*[0-9A-Z]{1,4}\b)+/i.exec(text)?.[0];
  if (token !== undefined) return { named: token };
  const [, named, policy] = /\breplay (\S+\.json)\b(?: +--policy ([\w./@+-]+))?/.exec(text) ?? [];
  if (named === undefined)
    throw new UsageError(`${name === '-' ? 'standard input' : name}: there is no replay token in it`);
  return policy === undefined ? { named } : { named, policy };
}

export async function replayCommand(words: readonly string[], given: Options): Promise<number> {
  const format = formatOf({ ...given, format: given.format ?? 'mail' });
  const [first = ''] = words;
  const isMail = words.length === 1 && (first === '-' || (existsSync(first) && !first.endsWith('.json')));
  const { named, policy } = isMail
    ? replayIn(readText(first === '-' ? STDIN : first), first)
    : { named: words.join(' ') };
  const options = policy === undefined ? given : { ...given, policy: given.policy ?? policy };
  const isFile = named.endsWith('.json');
  const start = isFile ? await fromFile(named, options) : await fromToken(named);
  if (options.out !== undefined) prepareOut(options.out);
  const moved = options.platform !== undefined || options.assume !== undefined;
  const subject = elsewhere(start, options);
  const { model, key, blame, written, stale, bundled } = subject;
  const session = openSession(timeOf(options));
  const checking = { ...checkOptions(options, bundled), stop: session.stop };
  const again = (): Finding | null => {
    const file = bundled || options.policy === undefined ? {} : { file: options.policy };
    const pool = openPool();
    const otherCore = otherCoreOf(pool, { policy: model.policy, bundled, ...file }, undefined);
    try {
      return recertify(model, key, { ...checking, otherCore }, written?.calls);
    } finally {
      pool.close();
    }
  };
  const finding = moved || stale.length > 0 ? written : (again() ?? written);
  for (const sentence of stale) complain(sentence);
  if (finding === null) {
    print(
      `${model.policy.name} on ${model.config.base}, ${model.config.platform}: these calls do not break ${key.name} here.`,
    );
    return STATUS.conformant;
  }
  const made: Result = replayed(model, finding, blame, checking);
  const result = bundled || options.policy === undefined ? made : { ...made, policyFile: options.policy };
  const report: RunReport = { version: 1, seed: seedOf(options), results: [result] };
  const rendered = render(report, format, true);
  print(rendered);
  /* what was replayed from a file has one already */
  if (moved || !isFile) writeReplays(options, [result], rendered);
  if (options.out !== undefined) writeOut(options.out, 'report.txt', rendered);
  return blame === 'policy' && result.violations.some(({ severity }) => severity === 'axiom')
    ? STATUS.violated
    : STATUS.conformant;
}

// The command line: argv in, exit status out. The only place with files, clock and exit codes is this folder.

import { Command, CommanderError } from 'commander';
import { PolicyError } from '../engine/errors.ts';
import { PLATFORMS } from '../models/bounds.ts';
import { checkCommand } from './commands/check.ts';
import { faultsCommand } from './commands/faults.ts';
import { listCommand } from './commands/list.ts';
import { matrixCommand } from './commands/matrix.ts';
import { newPolicyCommand } from './commands/new-policy.ts';
import { replayCommand } from './commands/replay.ts';
import { tryCommand } from './commands/try.ts';
import { version } from './files.ts';
import { PolicyLoadError } from './load-policy.ts';
import { complain } from './session.ts';
import { STATUS } from './status.ts';
import { type RawOptions, UsageError } from './usage.ts';

const STATUSES = `
Exit status: 0 conformant; 1 violated (an axiom, blamed on a policy); 2 usage;
3 the policy breaks the API; 4 a bug of the suite; 5 vacuous; 130 interrupted,
after printing what was found. matrix, try and list exit 0 when they ran to
the end; faults exits 1 when a planted fault survives.`;

const MODEL_OPTIONS = [
  ['--base <name>', 'linux-7.2, rfc-v2 or v8; default: the one that the policy names'],
  ['--platform <names>', `${PLATFORMS.join(', ')}; several with commas; default: all`],
  ['--vmm <names>', 'adversarial, cooperative; default: both'],
  ['--device <T0|T1>', 'untrusted or trusted device streams only; default: both'],
  ['--ats', 'untrusted devices cache translations themselves (device TLB)'],
  ['--guest <name>', 'honest or malicious; default: honest with a cooperative VMM, else malicious'],
  ['--cast <names>', 'further actors: host, slots, launch, vmsa, domains, access, dmabuf'],
  ['--assume <name=value,..>', 'flip an assumption; see list assumptions'],
  ['--bounds <name>', 'quick, small, medium, large'],
  ['--pages <n>', 'pages of guest_memfd'],
  ['--calls <n>', 'calls in total'],
  ['--vmm-threads <n>', 'threads of user space'],
  ['--vcpus <n>', 'vCPUs'],
  ['--devices <n>', 'devices'],
  ['--preemptions <n>', 'at most so many preemptions'],
  ['--max-states <n>', 'give up exhausting beyond so many states'],
] as const;

const RUN_OPTIONS = [
  ['--fail <step>', 'none, a step that fails once, or sweep; default: none'],
  ['--only <names>', 'judge these invariants only'],
  ['--seed <text>', 'seed of all sampling; default: gmem-1'],
  ['--runs <n>', 'sampled runs of more calls, after the search'],
  ['--time <seconds>', 'end searches after so much wall-clock time; what they found is still explained'],
  ['--format <name>', 'text, mail, json, ktap; default: text'],
  ['--all', 'explain every violation, not only the gravest'],
  ['--out <dir>', 'write report.json and replay files there'],
] as const;

const REPLAY_OPTIONS = [
  ['--platform <name>', 'the same schedule on another platform'],
  ['--assume <name=value,..>', 'the same schedule with an assumption flipped; see list assumptions'],
  ['--seed <text>', 'as it was given to check, for the header of the report'],
  ['--time <seconds>', 'stop after so much wall-clock time'],
  ['--format <name>', 'text, mail, json, ktap; default: mail'],
  ['--out <dir>', 'write report.txt and replay files there'],
] as const;

function withOptions(command: Command, options: readonly (readonly [string, string])[]): Command {
  for (const [flags, says] of options) command.option(flags, says);
  return command;
}

/** Wires the commands up; `run` gets what each gives. */
function programOf(run: (status: number | Promise<number>) => Promise<void>): Command {
  const program = new Command('gmem-conform');
  program
    .description('Judges protocols between guest_memfd and the IOMMU by running them.')
    .version(version())
    .addHelpText('after', STATUSES)
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        complain(text.replace(/^error: /, '').trimEnd());
      },
    });
  const add = (usage: string, says: string): Command =>
    program.command(usage).description(says).exitOverride().allowExcessArguments(false);
  withOptions(add('check [policies...]', 'judge: corpus, exhaustive search, sampling; minimise, report'), [
    ...MODEL_OPTIONS,
    ...RUN_OPTIONS,
  ]).action((words: string[], options: RawOptions) => run(checkCommand(words, options)));
  withOptions(add('matrix [policies...]', 'all policies on all platforms'), [
    ...MODEL_OPTIONS,
    ...RUN_OPTIONS,
  ]).action((words: string[], options: RawOptions) => run(matrixCommand(words, options)));
  withOptions(add('try <scenario>', 'all interleavings of the calls given, every final outcome'), [
    ...MODEL_OPTIONS,
    ...RUN_OPTIONS,
  ])
    .option('--policy <name>', 'the policy; default: vmm-remap')
    .option('--initial <word>', 'shared, private, shared-huge or private-huge; default: shared')
    .action((scenario: string, options: RawOptions & { policy?: string; initial?: string }) =>
      run(tryCommand(scenario, options)),
    );
  withOptions(
    add(
      'replay <token...>',
      'the same report again, from a token, a replay file, or a mail (- reads one from standard input)',
    ),
    REPLAY_OPTIONS,
  )
    .option('--policy <file>', 'the policy file, where the trace is of a policy of your own')
    .action((words: string[], options: RawOptions & { policy?: string }) =>
      run(replayCommand(words, options)),
    );
  withOptions(
    add('faults [names...]', 'planted faults: caught by, in how many seeds, shortest trace'),
    RUN_OPTIONS,
  )
    .option('--seeds <n>', 'seeds to sample with; default: 20')
    .action((names: string[], options: RawOptions & { seeds?: string }) =>
      run(faultsCommand(names, options)),
    );
  add('new-policy <name>', 'write a policy of your own to start from').action((name: string) =>
    run(newPolicyCommand(name)),
  );
  add('list <what>', 'policies, bases, platforms, invariants, assumptions, calls, bounds, locks').action(
    (what: string) => run(listCommand(what)),
  );
  return program;
}

/** Runs the command line; gives the exit status. Errors of the user's are one message each. */
export async function main(argv: readonly string[]): Promise<number> {
  let status: number = STATUS.conformant;
  try {
    await programOf(async (given) => {
      status = await given;
    }).parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? STATUS.conformant : STATUS.usage;
    if (error instanceof UsageError) {
      complain(error.message);
      return STATUS.usage;
    }
    if (error instanceof PolicyLoadError || error instanceof PolicyError) {
      complain(error.message);
      return STATUS.policyError;
    }
    throw error;
  }
}

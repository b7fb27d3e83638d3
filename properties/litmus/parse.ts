// The text of a litmus test: `A: map 0; convert_private 0 | V: fault_private 0 | D: write 0`.

import { type Range, showRange } from '../../api/index.ts';
import type { Call, CallTable } from '../../models/calls.ts';
import type { Cast } from '../../models/bounds.ts';
import type { Machine } from '../../models/machine.ts';

/** The text does not say a scenario: what is wrong, and what would do. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

export interface ThreadCalls {
  /** As written: `A`, `V1`. */
  readonly letter: string;
  /** Number of the thread. */
  readonly thread: number;
  readonly calls: readonly Call[];
}

/** Letters of all threads: A, B, C for the VMM's; V and D with a number from the second on; M, H, K, E of one each. */
export function lettersOf(machine: Machine): string[] {
  const seen = new Map<string, number>();
  return machine.threads.map(({ kind }) => {
    const nth = seen.get(kind) ?? 0;
    seen.set(kind, nth + 1);
    if (kind === 'vmm') return String.fromCharCode('A'.charCodeAt(0) + nth);
    if (kind === 'mf') return 'M';
    if (kind === 'host') return 'H';
    if (kind === 'driver') return 'K';
    if (kind === 'exporter') return 'E';
    return `${kind === 'vcpu' ? 'V' : 'D'}${nth === 0 ? '' : nth}`;
  });
}

/** Threads that are not there without their cast. */
const CAST_LETTERS: { readonly [letter: string]: Cast | undefined } = { H: 'host', K: 'access', E: 'dmabuf' };

const CALL = /^(\w+)(?:\s+(?:(\d+)|(\d+)\s*-\s*(\d+)|\[\s*(\d+)\s*,\s*(\d+)\s*\)))?$/;

/** `0`, `0-1` (both ends counted) or `[0,2)`. */
function parseCall(text: string): { readonly word: string; readonly range: Range | null } {
  const [, word, one, first, last, start, end] = CALL.exec(text) ?? [];
  if (word === undefined)
    throw new ScenarioError(`'${text}' is not a call: write one as 'map 0', 'map 0-1' or 'map [0,2)'`);
  if (one !== undefined) return { word, range: { start: Number(one), end: Number(one) + 1 } };
  if (first !== undefined) return { word, range: { start: Number(first), end: Number(last) + 1 } };
  return { word, range: start === undefined ? null : { start: Number(start), end: Number(end) } };
}

function callOf(text: string, offered: readonly Call[], letter: string, pages: number): Call {
  const { word, range } = parseCall(text);
  const calls = offered.filter((call) => call.word === word);
  if (calls.length === 0) {
    const known = [...new Set(offered.map((call) => call.word))].join(', ');
    throw new ScenarioError(`${letter} has no call '${word}'; known: ${known === '' ? 'none here' : known}`);
  }
  const [first] = calls;
  const takesNone = calls.length === 1 && (first.args.length === 0 || pages > 1);
  if (range === null) {
    if (takesNone) return first;
    throw new ScenarioError(`'${word}' takes a page or a range: '${word} 0'`);
  }
  if (range.start >= range.end) throw new ScenarioError(`'${text}': the range ${showRange(range)} is empty`);
  if (range.end > pages) throw new ScenarioError(`'${text}' is out of bounds: pages are 0 to ${pages - 1}`);
  const call = calls.find((each) => each.range.start === range.start && each.range.end === range.end);
  if (call !== undefined && !takesNone) return call;
  throw new ScenarioError(
    takesNone ? `'${word}' takes no argument` : `'${word}' takes one page, not ${showRange(range)}`,
  );
}

/** Throws ScenarioError. */
export function parseScenario(text: string, table: CallTable, machine: Machine): ThreadCalls[] {
  const letters = lettersOf(machine);
  const found: ThreadCalls[] = [];
  for (const list of text.split('|').map((each) => each.trim())) {
    const colon = list.indexOf(':');
    if (colon < 0) throw new ScenarioError(`'${list}' names no thread: write 'A: map 0'`);
    const letter = list.slice(0, colon).trim();
    const thread = letters.indexOf(letter.replace(/^([VD])0$/, '$1'));
    const cast = CAST_LETTERS[letter];
    if (thread < 0 && cast !== undefined)
      throw new ScenarioError(`thread '${letter}' is there with --cast ${cast} only`);
    if (thread < 0) throw new ScenarioError(`there is no thread '${letter}'; known: ${letters.join(', ')}`);
    if (found.some((each) => each.thread === thread))
      throw new ScenarioError(`thread '${letter}' stands here twice`);
    const offered = table.calls.filter((call) => call.thread === machine.threads[thread].kind);
    const words = list.slice(colon + 1).split(';');
    const calls = words.map((each) => each.trim()).filter((each) => each !== '');
    if (calls.length === 0) throw new ScenarioError(`thread '${letter}' has no calls`);
    found.push({ letter, thread, calls: calls.map((each) => callOf(each, offered, letter, machine.pages)) });
  }
  return found;
}

// Results of calls as part of the state, so that states that differ in nothing but what was returned stay
// apart.

import type { State } from '../../engine/layout.ts';
import type { CallOffer, Domain, System } from '../../engine/system.ts';
import { EVENT, type EventName } from '../../models/events.ts';
import type { ThreadCalls } from './parse.ts';

const RESULT_BITS = 5;

/** What an access that a step made has come to. */
const VERDICTS: { readonly [K in EventName]?: string } = {
  'access.ok': 'ok',
  'access.contained-fault': 'contained fault',
  'access.host-fatal': 'host fatal',
  'access.host-corruption': 'host corruption',
  'access.leak': 'confidential leak',
  'access.integrity': 'integrity violation',
  'access.dma-lost': 'DMA lost silently',
  'access.dma-lost-clean': 'DMA lost silently',
  'access.ciphertext': 'ciphertext read',
  'access.cpu-fatal': 'host fatal',
  'access.cpu-corruption': 'host corruption',
  'access.cpu-leak': 'confidential leak',
};
const VERDICT_OF = new Map(Object.entries(VERDICTS).map(([name, text]) => [EVENT[name as EventName], text]));

export interface Registers {
  /** The domain with a register for each call. */
  readonly domain: Domain;
  /** Say where positions and places are: known once the system is made. */
  readonly attach: (system: System) => void;
  /** `A: 0, -EAGAIN; V: 0; D: contained fault` */
  readonly outcomeOf: (state: State) => string;
}

function resultText(result: unknown, isDevice: boolean): string {
  if (result === null || result === undefined || result === 0) return isDevice ? 'not issued' : '0';
  if (typeof result === 'object' && 'errno' in result) return String(result.errno);
  return typeof result === 'string' ? result : JSON.stringify(result);
}

/** `isDead`: the host is down, so what has not returned never will, and that is no fault of its own. */
export function withRegisters(
  inner: Domain,
  groups: readonly ThreadCalls[],
  isDead: (state: State) => boolean,
): Registers {
  const firstRegister = inner.fields.reduce((sum, { count = 1 }) => sum + count, 0);
  const registerOf = inner.threads.map((): number => -1);
  let registers = 0;
  for (const { thread, calls } of groups) {
    registerOf[thread] = firstRegister + registers;
    registers += calls.length;
  }
  const texts: string[] = [];
  const codeOf = (text: string): number => {
    const known = texts.indexOf(text);
    return (known < 0 ? texts.push(text) - 1 : known) + 1;
  };
  let positionAt: readonly number[] = [];
  let placeAt: readonly number[] = [];

  const apply = (state: State, thread: number, op: number): number => {
    /* A call that starts is counted after its first step. */
    const call = state[positionAt[thread]] - (state[placeAt[thread]] === 0 ? 0 : 1);
    const answer = inner.apply(state, thread, op);
    if (answer < 0) return answer;
    for (const event of inner.events) {
      const verdict = VERDICT_OF.get(event);
      if (verdict !== undefined) state[registerOf[thread] + call] = codeOf(verdict);
    }
    return answer;
  };
  const finish = (state: State, thread: number, offer: CallOffer, result: unknown): void => {
    inner.finish?.(state, thread, offer, result as Parameters<NonNullable<Domain['finish']>>[3]);
    const register = registerOf[thread] + state[positionAt[thread]] - 1;
    if (state[register] === 0)
      state[register] = codeOf(resultText(result, inner.threads[thread].kind === 'device'));
  };
  const ofGroup = (state: State, { letter, thread, calls }: ThreadCalls): string => {
    const started = state[positionAt[thread]];
    const said = calls.map((_, k) => {
      const code = state[registerOf[thread] + k];
      if (code > 0) return texts[code - 1];
      if (k >= started) return 'not started';
      return isDead(state) ? 'in flight' : 'never returns';
    });
    return `${letter}: ${said.join(', ')}`;
  };
  const FATAL = 'host fatal';
  return {
    domain: {
      ...inner,
      fields: [...inner.fields, { name: 'result', bits: RESULT_BITS, count: registers }],
      apply,
      finish,
    },
    attach: (system) => {
      placeAt = system.placeAt;
      const { fields } = system.layout;
      positionAt = inner.threads.map((_, k) => fields.find(({ name }) => name === `position.${k}`)?.at ?? -1);
    },
    outcomeOf: (state) => {
      const text = groups.map((group) => ofGroup(state, group)).join('; ');
      /* a freed page that was taken by another owner, with the key of the guest still on it */
      return isDead(state) && !text.includes(FATAL) ? `${text}; host: fatal on reuse of a freed page` : text;
    },
  };
}

// errno-as-documented, the sequential half: for every call a table of conditions, the first that holds decides.
// A row says what user space sees, in numbers without a width: that a sum wraps is `over ULONG_MAX` here and a
// comparison in uapi/model. docs/uapi.md is written from these tables.

import type { BaseName } from '../../api/index.ts';
import { type Context, type Outcome, PAGE_SIZE, type Ret } from '../model/context.ts';

export const BASES: readonly BaseName[] = ['linux-7.2', 'rfc-v2', 'v8'];

/** A base that, read to the letter, does something else than its documentation says. */
export interface Departure {
  /** Absent: the base does not make this check at all, and the next rows decide. */
  readonly ret?: Ret;
  readonly says: string;
}

export interface Row<A> {
  readonly says: string;
  /** By base; a base that is not named makes no such check. */
  readonly ret: { readonly [base in BaseName]?: Ret };
  readonly when: (ctx: Context, args: A) => boolean;
  readonly departs?: { readonly [base in BaseName]?: Departure };
}

export interface Table<A> {
  readonly call: string;
  /** Where in the kernel or in which mail. */
  readonly source: string;
  readonly bases: readonly BaseName[];
  /** In the order of the checks; the last one always holds. */
  readonly rows: readonly Row<A>[];
  /** What stands beside the table. */
  readonly notes?: readonly string[];
}

type When<A> = Row<A>['when'];

/** The same in all three bases. */
export const row = <A>(says: string, ret: Ret, when: When<A>, departs?: Row<A>['departs']): Row<A> => ({
  says,
  ret: { 'linux-7.2': ret, 'rfc-v2': ret, v8: ret },
  when,
  ...(departs === undefined ? {} : { departs }),
});
export const rowIn = <A>(says: string, ret: Row<A>['ret'], when: When<A>): Row<A> => ({ says, ret, when });

export const isUnaligned = (value: bigint): boolean => value % PAGE_SIZE !== 0n;

/** Rows that hold, in order: the first one decides, as documented. */
export const rowsThatHold = <A>({ rows }: Table<A>, ctx: Context, args: A): number[] =>
  rows.flatMap(({ ret, when }, number) => (ret[ctx.base] !== undefined && when(ctx, args) ? [number] : []));

/** What errno-as-documented says of a call, or null; `holding` are the rows that hold. */
export function breach<A>(
  { call, rows }: Table<A>,
  base: BaseName,
  holding: readonly number[],
  { ret }: Outcome,
): string | null {
  /* a base that leaves a check out goes on to the next row */
  const decides = holding.find((number) => {
    const departure = rows[number].departs?.[base];
    return departure === undefined || departure.ret !== undefined;
  });
  if (decides === undefined) throw new Error(`${call}: no row holds on ${base}`);
  const { ret: documented, departs, says } = rows[decides];
  const expected = departs?.[base]?.ret ?? documented[base];
  if (expected === ret) return null;
  return `errno-as-documented: ${call} on ${base} returns ${ret}, documented is ${expected}: ${says}`;
}

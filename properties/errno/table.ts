// errno-as-documented, the sequential half: for every call a table of conditions, the first that holds decides.
// A row says what user space sees, in numbers without a width: that a sum wraps is `over ULONG_MAX` here and a
// comparison in models/uapi. docs/uapi.md is written from these tables.

import type { BaseName } from '../../api/index.ts';
import { type Context, type Outcome, PAGE_SIZE, type Ret } from '../../models/uapi/context.ts';

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

/** Number of the row that decides: as documented, or as the base does it. */
export function decidingRow<A>(table: Table<A>, ctx: Context, args: A, asDone: boolean): number {
  return table.rows.findIndex(({ ret, when, departs }) => {
    if (ret[ctx.base] === undefined || !when(ctx, args)) return false;
    const departure = asDone ? departs?.[ctx.base] : undefined;
    return departure === undefined || departure.ret !== undefined;
  });
}

export interface Documented {
  readonly row: number;
  readonly ret: Ret;
}

export function documented<A>(table: Table<A>, ctx: Context, args: A, asDone = false): Documented {
  const number = decidingRow(table, ctx, args, asDone);
  if (number < 0) throw new Error(`${table.call}: no row holds on ${ctx.base}`);
  const { ret, departs } = table.rows[number];
  const found = (asDone ? departs?.[ctx.base]?.ret : undefined) ?? ret[ctx.base];
  if (found === undefined) throw new Error(`${table.call}: row ${number} is not of ${ctx.base}`);
  return { row: number, ret: found };
}

/** Rows that hold, of any return value: more than one means that their order decides. */
export const rowsThatHold = <A>(table: Table<A>, ctx: Context, args: A): number[] =>
  table.rows.flatMap(({ ret, when }, number) =>
    ret[ctx.base] !== undefined && when(ctx, args) ? [number] : [],
  );

/** What errno-as-documented says of a call, or null. */
export function breach<A>(table: Table<A>, ctx: Context, args: A, { ret }: Outcome): string | null {
  const asDone = documented(table, ctx, args, true);
  if (asDone.ret === ret) return null;
  return `errno-as-documented: ${table.call} on ${ctx.base} returns ${ret}, documented is ${asDone.ret}: ${table.rows[asDone.row].says}`;
}

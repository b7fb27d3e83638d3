// Interval trees as arrays in order, and the iterators over one and two of them: lib/interval_tree.c and
// double_span.h. Closed intervals.

import { ULONG_MAX } from './kernel.ts';

export interface interval_tree_node {
  start: number;
  last: number;
}

/** A node, and what it is part of. */
export interface Tree<T> {
  readonly nodes: { readonly node: interval_tree_node; readonly of: T }[];
}

export const tree = <T>(): Tree<T> => ({ nodes: [] });

export function interval_tree_insert<T>(itree: Tree<T>, node: interval_tree_node, of: T): void {
  let at = itree.nodes.length;
  while (at > 0 && itree.nodes[at - 1].node.start > node.start) at--;
  itree.nodes.splice(at, 0, { node, of });
}

export function interval_tree_remove<T>(itree: Tree<T>, node: interval_tree_node): boolean {
  const at = itree.nodes.findIndex((each) => each.node === node);
  if (at >= 0) itree.nodes.splice(at, 1);
  return at >= 0;
}

export function interval_tree_iter_first<T>(itree: Tree<T>, start: number, last: number): T | null {
  for (const each of itree.nodes) if (each.node.start <= last && each.node.last >= start) return each.of;
  return null;
}

/** All that intersect, in ascending order. */
export function interval_tree_all<T>(itree: Tree<T>, start: number, last: number): T[] {
  return itree.nodes
    .filter((each) => each.node.start <= last && each.node.last >= start)
    .map((each) => each.of);
}

/** interval_tree_span_iter at a position: used or hole, and how far it goes. */
interface Span {
  readonly used: boolean;
  readonly last: number;
}

/* Used nodes that touch are one span, as in interval_tree_span_iter_next_gap(). */
function spanAt(itree: Tree<unknown>, at: number, last: number): Span {
  let until = at - 1;
  for (const { node } of itree.nodes) {
    if (node.start > until + 1) {
      if (until < at) return { used: false, last: Math.min(node.start - 1, last) };
      break;
    }
    if (node.last > until) until = node.last;
  }
  return until < at ? { used: false, last } : { used: true, last: Math.min(until, last) };
}

/** interval_tree_double_span_iter; `start` is start_hole or start_used, `last` the other end. */
export interface DoubleSpan {
  /** 0 hole, 1 used in the first tree, 2 in the second, -1 done. */
  is_used: -1 | 0 | 1 | 2;
  start: number;
  last: number;
  readonly itrees: readonly [Tree<unknown>, Tree<unknown>];
  readonly last_index: number;
}

export function interval_tree_double_span_iter_update(iter: DoubleSpan): void {
  let last_hole = ULONG_MAX;
  for (let i = 0; i < 2; i++) {
    const span = spanAt(iter.itrees[i], iter.start, iter.last_index);
    if (!span.used) {
      last_hole = Math.min(last_hole, span.last);
      continue;
    }
    /* The first tree always takes priority. */
    iter.is_used = i === 0 ? 1 : 2;
    iter.last = Math.min(span.last, last_hole);
    return;
  }
  iter.is_used = 0;
  iter.last = last_hole;
}

export function interval_tree_double_span_iter_first(
  itree1: Tree<unknown>,
  itree2: Tree<unknown>,
  start: number,
  last: number,
): DoubleSpan {
  const iter: DoubleSpan = { is_used: 0, start, last: start, itrees: [itree1, itree2], last_index: last };
  interval_tree_double_span_iter_update(iter);
  return iter;
}

export function interval_tree_double_span_iter_next(iter: DoubleSpan): void {
  if (iter.is_used === -1 || iter.last === iter.last_index) {
    iter.is_used = -1;
    return;
  }
  iter.start = iter.last + 1;
  interval_tree_double_span_iter_update(iter);
}

// What is said of one defect of a base.

import type { AssumptionName, Base, BoundName, Cast, Failable, PlatformName } from '../../models/bounds.ts';
import type { Bounds, Vmm } from '../../models/results.ts';

export interface BaseFinding {
  /** Kebab-case: the heading of docs/findings.md, and how objections.ts speaks of it. */
  readonly id: string;
  readonly base: Base;
  readonly platform: PlatformName;
  readonly vmm: Vmm;
  readonly invariant: string;
  readonly outcome: string;
  /** What happens, in a sentence or two. */
  readonly says: string;
  /** Who has said so before, or `found here`. */
  readonly source: string;
  /** Since when, or until which version, it holds. */
  readonly holds: string;
  readonly bounds?: BoundName;
  /** What differs from those. */
  readonly numbers?: Partial<Bounds>;
  /** The calls, as `try` takes them, where a search of all calls is too large: then it is not certified. */
  readonly calls?: string;
  readonly fail?: Failable;
  readonly cast?: readonly Cast[];
  readonly assume?: { readonly [K in AssumptionName]?: boolean };
  /** Further keys that the same defect breaks. */
  readonly also?: readonly string[];
  /** Bases that break the invariant in the same way; a test searches them. */
  readonly alsoOn?: readonly Base[];
}

// What a run says, as plain data: the contract between the suite, the reports and the command line. Types only.

export type Verdict = 'violated' | 'exhausted' | 'bounded' | 'sampled' | 'vacuous' | 'not-applicable';
export type Severity = 'axiom' | 'flag';
export type Blame = 'policy' | 'base';
export type Vmm = 'adversarial' | 'cooperative';

/** Limits of a search, printed with every verdict. Sizes are scaled: a huge page is `hugePages` base pages. */
export interface Bounds {
  /** quick, small, medium, large, or custom where a number was given alone. */
  readonly name: string;
  readonly pages: number;
  readonly hugePages: number;
  readonly calls: number;
  readonly vmmThreads: number;
  readonly vcpus: number;
  readonly devices: number;
  /** null: not bounded. */
  readonly preemptions: number | null;
  readonly maxStates: number;
}

/** A field that a step changed; values as words: `none`, `pfn 5, 4K`, `invalidate_lock held by VMM 0`. */
export interface FieldChange {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

export interface TraceStep {
  /** Column and running number in it: `1.3`. */
  readonly n: string;
  /** Name of the acting thread or agent; one column each: `VMM 0`, `vCPU 0`, `DEV 0`, `IOMMU`, `host`. */
  readonly thread: string;
  /**
   * Set on the first step of a call: what was called, as the user says it: `fallocate(PUNCH_HOLE) index
   * [0,1)`.
   */
  readonly call: string | null;
  /** Kernel functions entered since this thread's last step, outermost first: `kvm_gmem_get_pfn`. */
  readonly enters: readonly string[];
  /** Functions that the step is inside of, the call itself not counted: the indentation. */
  readonly depth: number;
  /** Step kind, greppable: `iommu_map`. */
  readonly step: string;
  /** One line in the field's words: `iommu_map() iova 0 -> pfn 5, 4K`. */
  readonly text: string;
  readonly args: { readonly [name: string]: string | number | boolean };
  /** What the step answered, as words; empty where it answers nothing. */
  readonly answer: string;
  /** Result of the call when this was its last step: `0`, `-EAGAIN`; null before that. */
  readonly returns: string | null;
  /** Locks that the thread holds after the step. */
  readonly locks: readonly string[];
  readonly diff: readonly FieldChange[];
}

/** What a further access does on this platform. */
export interface Consequence {
  /** `DMA write to iova 0` */
  readonly access: string;
  /** `host corruption` */
  readonly outcome: string;
  readonly moreCalls: number;
  readonly note: string;
}

/** What the 60 characters of a token hold. */
export const TOKEN_NUMBER_MAX = 2n ** 205n - 1n;

export interface Violation {
  readonly invariant: string;
  /** Which kind of breach: `IOPTE`, `IOTLB`, `contained fault`, ... */
  readonly outcome: string;
  /** The invariant's own sentence. */
  readonly says: string;
  readonly source: string;
  /** The breach in the field's words: `IOPTE[iova 0] -> pfn 5, which is free`. */
  readonly witness: string;
  readonly severity: Severity;
  readonly blame: Blame;
  /** Blamed on the policy because the search of its base alone, which did not end, has not met it. */
  readonly baseSearched?: false;
  readonly calls: number;
  readonly switches: number;
  readonly steps: number;
  /** No violation of the same invariant and outcome is lower in (calls, switches, steps) within the bounds. */
  readonly certified: boolean;
  /** States visited to certify; from three calls on with those of the search of all calls, see ARCHITECTURE.md. */
  readonly certifiedStates: number;
  /** The number that reports/token.ts spells; null where it is too large for a token, and for policies of a file. */
  readonly token: bigint | null;
  /** The same as plain data by name, for a file: what no token holds. */
  readonly replay?: unknown;
  readonly trace: readonly TraceStep[];
  /** Initial state in words, as far as the trace touches it: `index 0: shared, not allocated`. */
  readonly initially: string;
  readonly consequence: Consequence | null;
  /** Net change of state from first step to last, with the step that made it: `(1.3), still there at 1.6`. */
  readonly state: readonly string[];
  /** Which single step, moved, removed or added, restores the invariant. */
  readonly why: readonly string[];
  /** Assumptions whose flip changes this verdict, and those that were tried without effect. */
  readonly dependsOn: readonly string[];
  readonly assumedWithoutEffect: readonly string[];
}

export interface InvariantResult {
  readonly name: string;
  readonly expectation: 'always' | 'sometimes' | 'reachable';
  readonly verdict: 'holds' | 'violated' | 'flagged' | 'unreached' | 'reached' | 'not-judged';
  readonly hits: number;
}

export interface Result {
  readonly policy: string;
  /** `vmm-remap (RFC, 25 Feb 2026)` */
  readonly policyTitle: string;
  /** Where a policy of the user's own was loaded from, as it was named. */
  readonly policyFile?: string;
  readonly base: string;
  readonly platform: string;
  readonly vmm: Vmm;
  readonly bounds: Bounds;
  /** What is not at its default, as words: `device T0`, `ATS`, `guest malicious`. */
  readonly settings?: readonly string[];
  readonly assumptions: { readonly [name: string]: boolean };
  readonly verdict: Verdict;
  readonly reason?: string;
  /** Sampled runs. */
  readonly runs: number;
  readonly states: number;
  readonly steps: number;
  /**
   * Largest preemption bound that was completed; null when the search was complete without one; -1 when none
   * was.
   */
  readonly preemptionBound: number | null;
  readonly flags: { readonly [name: string]: number };
  readonly dependsOn: readonly string[];
  readonly invariants: readonly InvariantResult[];
  readonly violations: readonly Violation[];
}

export interface RunReport {
  readonly version: 1;
  readonly seed: string;
  readonly results: readonly Result[];
}

export interface TryOutcome {
  /** `A: 0; V: exit to user space; D: contained fault` */
  readonly outcome: string;
  /** Distinct final states. */
  readonly count: number;
  readonly trace: readonly TraceStep[];
}

export interface TryResult {
  readonly policy: string;
  readonly base: string;
  readonly platform: string;
  readonly scenario: string;
  readonly states: number;
  readonly complete: boolean;
  readonly assumptions: { readonly [name: string]: boolean };
  readonly outcomes: readonly TryOutcome[];
  /** What a flipped assumption adds or removes, in sentences. */
  readonly notes: readonly string[];
}

export interface FaultResult {
  readonly name: string;
  readonly invariant: string;
  /** Of the shortest trace. */
  readonly outcome?: string;
  readonly platform: string;
  readonly base: string;
  readonly caught: boolean;
  readonly seedsCaught: number;
  readonly seeds: number;
  readonly calls: number;
  readonly switches: number;
  readonly steps: number;
  readonly certified: boolean;
  /** Not found without a preemption. */
  readonly needsRace: boolean;
}

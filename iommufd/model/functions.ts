// The functions that a proposal or a planted fault may replace: those of Linux 7.2, by name. Code of this level
// calls them through k.fn.

import type { LINUX_7_2 } from './linux-7.2.ts';

export type Functions = typeof LINUX_7_2;

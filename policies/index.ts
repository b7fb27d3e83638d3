// The bundled proposals, in the order in which reports show them.

import type { Policy } from '../api/index.ts';
import { folioPin } from './folio-pin.ts';
import { invalidateCallback } from './invalidate-callback.ts';
import { none } from './none.ts';
import { revokeOnTruncate } from './revoke-on-truncate.ts';
import { vmmRemap } from './vmm-remap.ts';

export const POLICIES: readonly Policy[] = [none, vmmRemap, folioPin, invalidateCallback, revokeOnTruncate];

// Writes docs/uapi.md; uapi.test.ts compares.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../cli/root.ts';
import { uapiPage } from '../uapi/doc.ts';

writeFileSync(join(packageRoot(), 'docs/uapi.md'), uapiPage());

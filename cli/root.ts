// Where the package lies: its own sources in a checkout, dist/ beside package.json when it is installed.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, also from `dist/cli/`. Assets (corpus/, templates/) are found from here. */
export function packageRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let at = here; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (dirname(at) === at) throw new Error(`no package.json above ${here}`);
  }
}

/** True in a checkout, where the sources run as they are. */
export function isCheckout(): boolean {
  return existsSync(join(packageRoot(), 'cli', 'main.ts'));
}

/** What `gmem-iommu-conformance/api` means to a policy: the API of the running copy. */
export function apiFile(): string {
  return isCheckout()
    ? join(packageRoot(), 'api', 'index.ts')
    : join(packageRoot(), 'dist', 'api', 'index.js');
}

// What a report says of this program and of the host that it runs on: a figure or a verdict without them is hearsay.

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, hostname, release, type } from 'node:os';

/** Of this package. */
export function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export interface About {
  readonly version: string;
  /** The name of the host. */
  readonly host: string;
  /** Its processors and its system. */
  readonly hardware: string;
}

export function about(): About {
  const processor = cpus()[0]?.model.trim() ?? 'an unknown processor';
  const count = availableParallelism();
  return {
    version: `epochvisor ${version()}, Node.js ${process.version}`,
    host: hostname(),
    hardware: `${count === 1 ? '1 processor' : `${count} processors`} (${processor}), ${type()} ${release()}`,
  };
}

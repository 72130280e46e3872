// Connections that a program makes: preview 1 has no call for it, but every language can open a file.
//
// What `--connect NAME=HOST:PORT` names is found in a folder, /dev/tcp, which is pre-opened after all others: to open NAME in
// it is to connect, and what is opened is a connection. So only what was named can be reached, and a program that would go on
// after its peer has broken off opens the name again.

import { FILETYPE_DIRECTORY, FILETYPE_SOCKET_STREAM, OFLAGS_DIRECTORY, OFLAGS_EXCL } from '../abi.js';
import type { Core } from '../core.js';
import type { NetworkDescriptor } from '../descriptors.js';
import { EEXIST, ENOENT, ENOTDIR, fail } from '../errno.js';
import { writeStreamFilestat } from '../stat.js';

/** Where the names are. */
export const NETWORK_FOLDER = '/dev/tcp';

/** The folder itself. */
const HERE = '.';

function connectorOf(core: Core, name: string): number {
  const index = core.configuration.connectors.indexOf(name);
  if (index < 0) fail(ENOENT);
  return index;
}

/** Waits until it is known whether there is a connection, whatever the flags; answers its descriptor. */
export function openNetwork(
  core: Core,
  folder: NetworkDescriptor,
  path: string,
  { oflags, rights, flags }: { readonly oflags: number; readonly rights: number; readonly flags: number },
): number {
  if (path === HERE) {
    core.descriptors.reserve();
    return core.descriptors.add({ ...folder, rights: rights & folder.rights, flags });
  }
  const connector = connectorOf(core, path);
  if ((oflags & OFLAGS_DIRECTORY) !== 0) fail(ENOTDIR);
  if ((oflags & OFLAGS_EXCL) !== 0) fail(EEXIST);
  core.descriptors.reserve();
  const stream = core.connect(connector);
  return core.descriptors.add({ kind: 'connection', stream, rights: rights & folder.inheriting, inheriting: 0, flags });
}

/** What is known of a name without connecting. */
export function networkFilestat(core: Core, path: string, view: DataView, at: number): void {
  if (path === HERE) writeStreamFilestat(view, at, 0, 0, FILETYPE_DIRECTORY);
  else writeStreamFilestat(view, at, 0, connectorOf(core, path) + 1, FILETYPE_SOCKET_STREAM);
}

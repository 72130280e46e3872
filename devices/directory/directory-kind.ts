// Directories, as a machine of a WASI program has them: `--dir HOST[::GUEST][:ro]`, named as wasmtime names them.

import { join } from 'node:path';
import type { DeviceKind, DeviceSource } from '../device-kind.js';
import { FIRST_DIRECTORY } from './directory-commands.js';

const READ_ONLY = ':ro';

export const DIRECTORY_KIND: DeviceKind = {
  name: 'directory',
  firstNumber: FIRST_DIRECTORY,
  movement: undefined,
  flag: {
    usage: '--dir <HOST[::GUEST][:ro]>',
    help: 'a folder of this host for a WASI program, by the name GUEST; :ro for reading only (repeatable)',
    repeatable: true,
    expected: 'It is HOST or HOST::GUEST, both paths.',
    parse: parseFolder,
  },
  backing: { code: 'DIR', name: 'the folder', isFolder: true, isBegun: false },
  title: ({ guestPath }) => `folder ${guestPath}`,
  open: async ({ path, readOnly = false }, index, then, memory) => {
    const { Directory } = await import('./directory.js');
    const remembers = memory === undefined ? undefined : join(memory, `directory-${index}`);
    return Directory.open(path, { readOnly, known: then?.known, memory: remembers });
  },
};

function parseFolder(text: string): DeviceSource | undefined {
  const readOnly = text.endsWith(READ_ONLY);
  const paths = readOnly ? text.slice(0, -READ_ONLY.length) : text;
  const at = paths.indexOf('::');
  const path = at < 0 ? paths : paths.slice(0, at);
  const guestPath = at < 0 ? paths : paths.slice(at + 2);
  if (path === '' || guestPath === '' || guestPath.includes('\0')) return undefined;
  return { kind: 'directory', path, guestPath, readOnly };
}

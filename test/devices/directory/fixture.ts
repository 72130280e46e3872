// What the conformance of devices needs of directories.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECTORY_CHANGE } from '../../../devices/directory/directory-commands.js';
import { DIRECTORY_KIND } from '../../../devices/directory/directory-kind.js';
import { FIRST_NEW_INODE, ROOT_INODE } from '../../../engine/wasi/image.js';
import { encodeMutation } from '../../../engine/wasi/mutation.js';
import { type DeviceFixture, operation } from '../conformance.js';

export const fixture: DeviceFixture = {
  source: async folder => {
    const path = join(folder, 'folder');
    await mkdir(path);
    return { kind: DIRECTORY_KIND.name, path, guestPath: '/data', readOnly: false };
  },
  valid: id => {
    const file = { inode: FIRST_NEW_INODE + id, parent: ROOT_INODE, name: Buffer.from(`file ${id}`) };
    return operation(id, DIRECTORY_CHANGE, { data: encodeMutation({ kind: 'createFile', ...file }) });
  },
};

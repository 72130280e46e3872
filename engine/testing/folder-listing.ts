// All that is in a folder as one text, so that two folders can be compared like two files: names, kinds, contents.
//
// One line an entry, in the order of the bytes of its path; times and owners are left out, for they differ from run to run:
//
//   d PATH/          - SIZE SHA-256 PATH          l PATH -> TARGET

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @param path the folder; its own name is not part of the listing */
export function listFolder(path: string): string {
  const lines: string[] = [];
  list(path, '', lines);
  return lines.map(line => `${line}\n`).join('');
}

function list(root: string, below: string, lines: string[]): void {
  const names = readdirSync(Buffer.from(root + below, 'latin1'), { encoding: 'latin1' }).sort();
  for (const name of names) {
    const inside = `${below}/${name}`;
    // One character a byte: names need not be text.
    const path = Buffer.from(root + inside, 'latin1');
    const stat = lstatSync(path);
    if (stat.isDirectory()) {
      lines.push(`d ${inside}/`);
      list(root, inside, lines);
    } else if (stat.isSymbolicLink()) {
      lines.push(`l ${inside} -> ${readlinkSync(path, 'latin1')}`);
    } else {
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
      lines.push(`- ${stat.size} ${hash} ${inside}`);
    }
  }
}

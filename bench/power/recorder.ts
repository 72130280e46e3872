// Loaded before all else in each process of a machine (`--import`): notes what it does to the files of a folder, in one file for all of
// them, in the order in which it is done (file-events.ts).
//
// It lies around Node's own functions, so that the program is that of production. One that is not here would go unseen: what was noted
// is compared with the files that there are in the end (recorded-run.ts).

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { EVENTS_VARIABLE, type FileEvent, FOLDER_VARIABLE } from './file-events.js';

const [eventsFile, folder] = [process.env[EVENTS_VARIABLE], process.env[FOLDER_VARIABLE]];
// Guests' threads write nothing.
if (isMainThread && eventsFile !== undefined && folder !== undefined) await record(eventsFile, folder);

type Any = (...args: unknown[]) => unknown;
type Functions = Record<string, Any>;
type Then = (error: unknown, result?: unknown) => void;

async function record(eventsFile: string, folder: string): Promise<void> {
  const { openSync, writeSync } = fs;
  const events = openSync(eventsFile, 'a');
  const note = (event: FileEvent) => writeSync(events, `${JSON.stringify(event)}\n`);
  const handles = new Map<number, string>();
  let [opened, syncs, depth] = [0, 0, 0];

  const within = (path: unknown): string | undefined => {
    const whole = resolve(String(path));
    return whole.startsWith(`${folder}/`) ? whole.slice(folder.length + 1) : whole === folder ? '' : undefined;
  };
  const noteOpened = (path: unknown, flags: unknown, fd: number) => {
    const inside = within(path);
    handles.delete(fd);
    if (inside === undefined) return;
    const handle = `${process.pid}:${opened++}`;
    handles.set(fd, handle);
    note({ type: 'opened', path: inside, handle, makes: /[wa]/.test(String(flags ?? 'r')) });
  };
  const noteWritten = (fd: number, bytes: Uint8Array, at: unknown) => {
    const handle = handles.get(fd);
    if (handle === undefined || bytes.length === 0) return;
    const where = typeof at === 'number' ? { at } : {};
    note({ type: 'written', handle, ...where, bytes: Buffer.from(bytes).toString('base64') });
  };
  const beginSync = (fd: number): (() => void) => {
    const handle = handles.get(fd);
    if (handle === undefined) return () => undefined;
    const sync = syncs++;
    note({ type: 'syncs', handle, sync });
    return () => note({ type: 'synced', handle, sync });
  };
  const noteCut = (fd: number, length: unknown) => {
    const handle = handles.get(fd);
    if (handle !== undefined) note({ type: 'cut', handle, length: Number(length ?? 0) });
  };
  const beginClose = (fd: number): (() => void) => {
    const handle = handles.get(fd);
    // Something else may have been given its number by then.
    return () => handles.get(fd) === handle && handles.delete(fd);
  };
  const noteFolder = (path: unknown) => {
    const inside = within(path);
    if (inside !== undefined) note({ type: 'folder', path: inside });
  };
  const noteRemoved = (path: unknown) => {
    const inside = within(path);
    if (inside !== undefined) note({ type: 'removed', path: inside });
  };
  const noteMoved = (type: 'linked' | 'renamed', from: unknown, to: unknown) => {
    const [was, is] = [within(from), within(to)];
    if (was !== undefined && is !== undefined) note({ type, from: was, to: is });
  };
  /** A whole file by its path. */
  const noteWhole = (path: unknown, data: unknown, flag: unknown) => {
    noteOpened(path, flag ?? 'w', -1);
    noteCut(-1, 0);
    noteWritten(-1, bytesOf(data), undefined);
    handles.delete(-1);
  };

  /** What Node does by itself, by others of its functions, is one thing. */
  const around = (functions: Functions, name: string, make: (plain: Any) => Any) => {
    const plain = functions[name]!.bind(functions) as Any;
    functions[name] = make(plain);
  };
  const sync = (name: string, done: (args: unknown[], result: unknown) => void) =>
    around(fs as unknown as Functions, name, plain => (...args) => {
      depth++;
      let result: unknown;
      try {
        result = plain(...args);
      } finally {
        depth--;
      }
      if (depth === 0) done(args, result);
      return result;
    });
  const called = (name: string, begin: (args: unknown[]) => (result: unknown) => void) =>
    around(fs as unknown as Functions, name, plain => (...args) => {
      const done = begin(args);
      const then = args.pop() as Then;
      return plain(...args, (error: unknown, ...results: unknown[]) => {
        if (error === null || error === undefined) done(results[0]);
        (then as Any)(error, ...results);
      });
    });
  const promised = (functions: Functions, name: string, begin: (args: unknown[]) => (result: unknown) => void) =>
    around(functions, name, plain => async (...args) => {
      const done = begin(args);
      const result = await plain(...args);
      done(result);
      return result;
    });

  sync('openSync', ([path, flags], fd) => noteOpened(path, flags, fd as number));
  sync('writeSync', ([fd, bytes, from, length, at], written) => {
    if (typeof bytes === 'string') noteWritten(fd as number, Buffer.from(bytes), undefined);
    else noteWritten(fd as number, part(bytes as Uint8Array, from, written), length === undefined ? undefined : at);
  });
  sync('writeFileSync', ([path, data, options]) => noteWhole(path, data, (options as { flag?: string })?.flag));
  sync('ftruncateSync', ([fd, length]) => noteCut(fd as number, length));
  sync('renameSync', ([from, to]) => noteMoved('renamed', from, to));
  sync('mkdirSync', ([path]) => noteFolder(path));
  sync('rmSync', ([path]) => noteRemoved(path));
  sync('unlinkSync', ([path]) => noteRemoved(path));
  sync('closeSync', ([fd]) => handles.delete(fd as number));

  called('open', args => fd => noteOpened(args[0], args[1], fd as number));
  called('write', ([fd, bytes, from, , at]) => written => {
    noteWritten(fd as number, part(bytes as Uint8Array, from, written), at);
  });
  for (const name of ['fsync', 'fdatasync']) called(name, ([fd]) => beginSync(fd as number));
  called('close', ([fd]) => beginClose(fd as number));
  for (const name of ['unlink', 'rm', 'rmdir'])
    called(
      name,
      ([path]) =>
        () =>
          noteRemoved(path),
    );

  const promises = fs.promises as unknown as Functions;
  const probe = await fs.promises.open(eventsFile, 'r');
  const handle = Object.getPrototypeOf(probe) as Functions;
  await probe.close();
  promised(
    promises,
    'open',
    ([path, flags]) =>
      opened =>
        noteOpened(path, flags, (opened as { fd: number }).fd),
  );
  promised(promises, 'writeFile', ([path, data, options]) => () => {
    noteWhole(path, data, (options as { flag?: string })?.flag);
  });
  promised(
    promises,
    'mkdir',
    ([path]) =>
      () =>
        noteFolder(path),
  );
  promised(
    promises,
    'link',
    ([from, to]) =>
      () =>
        noteMoved('linked', from, to),
  );
  promised(
    promises,
    'rename',
    ([from, to]) =>
      () =>
        noteMoved('renamed', from, to),
  );
  for (const name of ['unlink', 'rm', 'rmdir'])
    promised(
      promises,
      name,
      ([path]) =>
        () =>
          noteRemoved(path),
    );
  const method = (name: string, begin: (fd: number, args: unknown[]) => (result: unknown) => void) => {
    const plain = handle[name]!;
    handle[name] = async function (this: { fd: number }, ...args: unknown[]) {
      const done = begin(this.fd, args);
      const result = await plain.apply(this, args);
      done(result);
      return result;
    };
  };
  method('write', (fd, [bytes, from, , at]) => result => {
    noteWritten(fd, part(bytes as Uint8Array, from, (result as { bytesWritten: number }).bytesWritten), at);
  });
  for (const name of ['writeFile', 'appendFile']) {
    method(
      name,
      (fd, [data]) =>
        () =>
          noteWritten(fd, bytesOf(data), undefined),
    );
  }
  for (const name of ['sync', 'datasync']) method(name, fd => beginSync(fd));
  method(
    'truncate',
    (fd, [length]) =>
      () =>
        noteCut(fd, length),
  );
  method('close', fd => beginClose(fd));
  syncBuiltinESMExports();
}

function bytesOf(data: unknown): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
}

/** What of it was written. */
function part(bytes: Uint8Array, from: unknown, written: unknown): Uint8Array {
  const start = Number(from ?? 0);
  return bytes.subarray(start, start + Number(written));
}

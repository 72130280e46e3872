// A recording: all that is needed to run a guest again, in one file. It is one segment (wire/segments.ts): the guest's module
// first, then the log of the machine, put together of its replicas' (chain.ts).
//
// The module is in it, deflated, and not only its hash: whoever is sent a recording has another build of the guest, or none, and
// without the very bytes a log tells nothing.

import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { EpochvisorError } from '../errors/errors.js';
import { chainOf, extentOf, recordsOfChain } from '../log/chain.js';
import type { FoundRecord, StoredLog } from '../log/log-reader.js';
import { encodeSegmentRecord, type SegmentRecord } from '../wire/segment-records.js';
import { corrupt, encodeSegmentHeader, RecordEncoder, type SegmentHeader } from '../wire/segments.js';
import { HOST_DISK } from './host-disk.js';
import { openLogFile, openLogs } from './host-logs.js';
import { decodeLoggedMachine, type LoggedMachine } from './logged-machine.js';

const MODULE_PIECE_BYTES = 1 << 20;
/** No module that can be run is larger than that (wasm/engine-limits.ts). */
const MODULE_BYTES_MAX = 1 << 30;
const WRITE_BYTES = 1 << 20;

/** What can be run again, or looked at: a recording, or the logs of a machine's replicas. */
export interface Recording {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly machine: LoggedMachine;
  /** The guest's; undefined: it is not in there. */
  readonly module: Uint8Array | undefined;
  /** From the beginning, each time. @throws EpochvisorError LOG_CORRUPT, LOG_VERSION, LOG_MISSING */
  records(): Generator<FoundRecord, void, undefined>;
}

/**
 * A recording, or a folder of logs.
 * @throws EpochvisorError LOG_MISSING, LOG_CORRUPT, LOG_VERSION, LOGS_DIFFER
 */
export function openRecording(path: string): Recording {
  if (HOST_DISK.isFolder(path)) return recordingOf(path, openLogs(path));
  const log = openLogFile(path);
  const machine = decodeLoggedMachine(log.header.description, path);
  return { path, header: log.header, machine, module: moduleIn(log), records: () => log.records() };
}

function recordingOf(path: string, logs: readonly StoredLog[]): Recording {
  const links = chainOf(logs.map(extentOf));
  const [{ extent }] = links as readonly [(typeof links)[number]];
  const { header } = extent.log;
  return {
    path,
    header: { ...header, incarnation: '', number: 1, position: extent.from, chain: 0 },
    machine: decodeLoggedMachine(header.description, extent.log.path),
    module: undefined,
    records: () => recordsOfChain(links),
  };
}

/** The module is the first that there is. */
function moduleIn(log: StoredLog): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  for (const { record } of log.records()) {
    if (record.type !== 'module') break;
    pieces.push(record.bytes);
  }
  if (pieces.length === 0) return undefined;
  let module: Uint8Array;
  try {
    module = inflateRawSync(Buffer.concat(pieces), { maxOutputLength: MODULE_BYTES_MAX });
  } catch {
    throw corrupt(log.path, 'the module in it is damaged', 0);
  }
  if (hashOf(module) !== log.header.moduleHash) throw corrupt(log.path, 'the module in it is another one', 0);
  return module;
}

export function hashOf(module: Uint8Array): string {
  return createHash('sha256').update(module).digest('hex');
}

/**
 * Puts the logs in a folder together, as a file that appears whole or not at all.
 * @returns its size, bytes
 * @throws EpochvisorError as `openRecording`; RECORDING_FILE
 */
export async function writeRecording(path: string, folder: string, module: Uint8Array): Promise<number> {
  const recording = openRecording(folder);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    let bytes: number;
    try {
      bytes = await writeAll(file, recording, module);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return bytes;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (error instanceof EpochvisorError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError(
      'RECORDING_FILE',
      `${path} can't be written: ${code ?? message}`,
      `the logs are kept: epochvisor replay --guest GUEST.wasm ${folder}`,
    );
  }
}

async function writeAll(file: FileHandle, recording: Recording, module: Uint8Array): Promise<number> {
  let bytes = 0;
  let waiting: Uint8Array[] = [encodeSegmentHeader(recording.header)];
  let waitingBytes = waiting[0]!.length;
  const write = async () => {
    await file.writeFile(Buffer.concat(waiting));
    bytes += waitingBytes;
    [waiting, waitingBytes] = [[], 0];
  };
  const records = new RecordEncoder(0);
  for (const record of allOf(recording, module)) {
    const encoded = records.encode(encodeSegmentRecord(record));
    waiting.push(encoded);
    waitingBytes += encoded.length;
    if (waitingBytes >= WRITE_BYTES) await write();
  }
  await write();
  return bytes;
}

function* allOf(recording: Recording, module: Uint8Array): Generator<SegmentRecord, void, undefined> {
  const deflated = deflateRawSync(module);
  for (let at = 0; at < deflated.length; at += MODULE_PIECE_BYTES) {
    yield { type: 'module', bytes: deflated.subarray(at, at + MODULE_PIECE_BYTES) };
  }
  for (const { record } of recording.records()) yield record;
}

// The Output Rule as it can be checked from outside (OR): whatever the outside has seen is part of what the survivor did itself.
//
// Where clock and random numbers make runs differ, another run proves nothing. But the survivor has executed the whole history, up to
// the failover by the log and from there on by itself, and every byte that it put out was noted as its guest's thread handed it over
// (kill-hook.ts): also those that the dead primary had released, and that the survivor only held. A byte that came out, and that
// the survivor did not put out at that place, came of a history that nobody goes on with.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Output } from '../protocol/vocabulary.js';
import { type Difference, firstDifference } from './difference.js';

/** A piece of a stream, as the guest of a replica put it out. */
export interface PutOut {
  readonly incarnation: string;
  readonly stream: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface OutputRuleCheck {
  /** Bytes that were compared. */
  readonly bytes: number;
  /** Undefined: the rule was kept. `expected`: what the survivor did; `found`: what came out. */
  readonly breach: (Difference & { readonly stream: number }) | undefined;
}

/**
 * @param visible what came out, by stream
 * @param endLeft the dead primary had released the guest's end: the survivor need not have come as far
 * @returns undefined where nothing is known of the survivor
 */
export function checkOutputRule(
  visible: ReadonlyMap<number, Uint8Array>,
  putOut: readonly PutOut[],
  survivor: string,
  endLeft: boolean,
): OutputRuleCheck | undefined {
  const own = putOut.filter(({ incarnation }) => incarnation === survivor);
  let bytes = 0;
  for (const [stream, seen] of visible) {
    const pieces = own.filter(piece => piece.stream === stream);
    // Who joined goes on from a snapshot; nothing is known here of what came before.
    const from = pieces[0]?.offset ?? 0;
    const did = Buffer.concat(pieces.map(piece => piece.bytes));
    const found = seen.subarray(from);
    const common = endLeft ? Math.min(found.length, did.length) : found.length;
    // What it did, and nobody has taken yet, is no breach.
    const difference = firstDifference(did.subarray(0, common), found.subarray(0, common));
    bytes += common;
    if (difference !== undefined) return { bytes, breach: { ...difference, offset: from + difference.offset, stream } };
  }
  return own.length === 0 && bytes === 0 ? undefined : { bytes, breach: undefined };
}

// ---- the recording

const RECORDING_FILE = 'put-out';

export function recordingFile(folder: string): string {
  return join(folder, RECORDING_FILE);
}

/** A replica that is a thread tells at once; a process writes to a file. */
export type PutOutTarget = string | ((piece: PutOut) => unknown);

export function recordOutput(target: PutOutTarget, incarnation: string, output: Output): void {
  if (output.type !== 'stream') return;
  const { stream, offset } = output;
  // A copy: the bytes lie in a ring that is used again.
  const bytes = Buffer.from(output.bytes);
  if (typeof target === 'function') target({ incarnation, stream, offset, bytes });
  else appendFileSync(target, `${JSON.stringify({ incarnation, stream, offset, bytes: bytes.toString('base64') })}\n`);
}

export function readRecording(folder: string): PutOut[] {
  const file = recordingFile(folder);
  if (!existsSync(file)) return [];
  // A process that was killed in the middle of a write leaves half a line.
  const lines = readFileSync(file, 'utf8').split('\n');
  const whole = lines.filter(line => line.endsWith('}'));
  return whole.map(line => {
    const piece = JSON.parse(line) as Omit<PutOut, 'bytes'> & { readonly bytes: string };
    return { ...piece, bytes: Buffer.from(piece.bytes, 'base64') };
  });
}

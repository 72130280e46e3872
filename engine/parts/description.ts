// The description of a machine that runs on several hosts: machine.json in its folder, for people to read and to edit.
//
//   { "format": "epochvisor machine", "version": 1,
//     "machine": "4c8f...", "born": "2026-11-27T05:43:42.000Z",      its id, and the origin of its clock
//     "module": "9d1e...", "guest": "wasi",                          SHA-256 of module.wasm; wasi or bare
//     "arbiter": "etcd://a:2379,b:2379", "replicas": 2, "suspicionMs": 1000, "encrypted": true,
//     "epochLength": 1000000, "variant": "deferred", "counting": "block", "operationIds": true, "maxMemory": 1073741824,
//     "arguments": ["server.wasm"], "environment": ["LANG=C"],
//     "durability": "both-disks", "checkpointEveryMs": 30000,       each left out where nobody asked for it; or checkpointEveryBytes
//     "listen": ["0.0.0.0:8080"], "connect": ["db=10.0.0.7:5432"],
//     "devices": [{ "kind": "disk", "path": "/srv/disk", "sizeBytes": 1048576 }] }
//
// What a field means is in docs/hosts.md. Whatever shapes execution is in it, for it is to be the same on every host; paths are
// those of the host on which the bus runs. Written it has one form, whatever order it was read in.

import {
  describeSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from '../../devices/connection/socket-address.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import type { GuestKind } from '../guest/guest-check.js';
import { type MachineOptions, VERIFY_SHARE } from '../guest/machine-options.js';
import type { CheckpointPace } from '../log/checkpoints.js';
import { DURABILITIES, type Durability } from '../protocol/durability.js';
import { VARIANTS } from '../protocol/vocabulary.js';
import { type NamedAddress, SUSPICION_MIN_MS } from '../replica/replica-configuration.js';
import { Fields } from './fields.js';

export const FORMAT = 'epochvisor machine';
export const VERSION = 1;

/** A device, and what a guest can see of it. */
export interface DescribedDevice extends DeviceSource {
  readonly sizeBytes: number;
}

/** What shapes execution is that of the machine's options (machine-options.ts). */
export interface MachineDescription
  extends Pick<
    MachineOptions,
    | 'bornMs'
    | 'epochLength'
    | 'latencyMaxMs'
    | 'verifyShare'
    | 'variant'
    | 'counting'
    | 'operationIds'
    | 'maxMemory'
    | 'arguments'
  > {
  readonly machine: string;
  /** SHA-256 of the guest's module, hex. */
  readonly module: string;
  readonly guest: GuestKind;
  /** Address (open-arbiter.ts); the path of a folder may be relative to the machine's. */
  readonly arbiter: string;
  /** Replicas of a machine that lacks none. */
  readonly replicas: number;
  readonly suspicionMs: number;
  /** What outputs wait for; left out: for memory. */
  readonly durability?: Durability;
  /** How often a replica that writes down its log saves the state; left out: never. */
  readonly checkpoints?: CheckpointPace;
  /** Whether the channel is; one that is not is on loopback. */
  readonly encrypted: boolean;
  readonly environment: readonly string[];
  readonly listen: readonly SocketAddress[];
  readonly connect: readonly NamedAddress[];
  readonly devices: readonly DescribedDevice[];
}

const ID = /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/;
const HASH = /^[0-9a-f]{64}$/;

export function writeDescription(description: MachineDescription): string {
  const { machine, bornMs, module, guest, arbiter, replicas, suspicionMs, encrypted, ...shaping } = description;
  const { epochLength, latencyMaxMs, verifyShare, variant, counting, operationIds, maxMemory, environment } = shaping;
  const { durability, checkpoints } = shaping;
  const fields = {
    ...{ format: FORMAT, version: VERSION, machine, born: new Date(bornMs).toISOString() },
    ...{ module, guest, arbiter, replicas, suspicionMs, encrypted },
    ...{ epochLength, latencyMaxMs, verifyShare, variant, counting, operationIds, maxMemory, durability },
    ...paceFields(checkpoints),
    ...{ arguments: shaping.arguments, environment },
    listen: shaping.listen.map(describeSocketAddress),
    connect: shaping.connect.map(({ name, address }) => `${name}=${describeSocketAddress(address)}`),
    devices: shaping.devices.map(({ kind, path, guestPath, readOnly, sizeBytes }) => ({
      ...{ kind, path, guestPath, readOnly, sizeBytes },
    })),
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/**
 * @param where names the file in messages
 * @throws EpochvisorError DESCRIPTION_INVALID, DESCRIPTION_VERSION: the first fault, by its field
 */
export function readDescription(text: string, where: string): MachineDescription {
  const fields = Fields.parse(text, where);
  fields.constant('format', FORMAT);
  fields.version(VERSION);
  const listen = fields.list('listen', 'ADDR:PORT or unix:PATH', item =>
    typeof item === 'string' ? parseSocketAddress(item) : undefined,
  );
  const latencyMaxMs = fields.optional('latencyMaxMs', () => fields.number('latencyMaxMs', 0.01, 10_000));
  const verifyShare = fields.optional('verifyShare', () =>
    fields.number('verifyShare', VERIFY_SHARE.least, VERIFY_SHARE.most),
  );
  const durability = fields.optional('durability', () => fields.oneOf('durability', DURABILITIES));
  const checkpoints = readPace(fields);
  const description: MachineDescription = {
    machine: fields.matching('machine', ID, 'an id of letters, digits and dashes'),
    bornMs: fields.time('born'),
    module: fields.matching('module', HASH, 'a SHA-256 in hexadecimal'),
    guest: fields.oneOf('guest', ['wasi', 'bare']),
    arbiter: fields.matching('arbiter', /^\S/, 'the address of an arbiter'),
    replicas: fields.integer('replicas', 1, 5),
    suspicionMs: fields.integer('suspicionMs', SUSPICION_MIN_MS, 60_000),
    encrypted: fields.boolean('encrypted'),
    epochLength: fields.integer('epochLength', 1, 1_000_000_000),
    ...(latencyMaxMs === undefined ? {} : { latencyMaxMs }),
    ...(verifyShare === undefined ? {} : { verifyShare }),
    ...(durability === undefined ? {} : { durability }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
    variant: fields.oneOf('variant', VARIANTS),
    counting: fields.oneOf('counting', ['block', 'exact']),
    operationIds: fields.boolean('operationIds'),
    maxMemory: fields.integer('maxMemory', 65_536, 2 ** 32),
    arguments: fields.list('arguments', 'a text', textOf),
    environment: fields.list('environment', 'NAME=VALUE', item =>
      typeof item === 'string' && /^[^=\0]+=[^\0]*$/s.test(item) ? item : undefined,
    ),
    listen,
    connect: fields.list('connect', 'NAME=HOST:PORT or NAME=unix:PATH', namedAddress),
    devices: fields.list('devices', 'a device with "kind", "path" and "sizeBytes"', deviceOf),
  };
  fields.end();
  return description;
}

function paceFields(pace: CheckpointPace | undefined): object {
  if (pace === undefined) return {};
  return 'everyMs' in pace ? { checkpointEveryMs: pace.everyMs } : { checkpointEveryBytes: pace.everyBytes };
}

/** As `--checkpoint-every` has it. Of both fields the time counts. */
function readPace(fields: Fields): CheckpointPace | undefined {
  const [ms, bytes] = (['checkpointEveryMs', 'checkpointEveryBytes'] as const).map(name =>
    fields.optional(name, () => fields.integer(name, 1_000, 2 ** 32)),
  );
  if (ms !== undefined) return { everyMs: ms };
  return bytes === undefined ? undefined : { everyBytes: bytes };
}

function textOf(item: unknown): string | undefined {
  return typeof item === 'string' && !item.includes('\0') ? item : undefined;
}

function namedAddress(item: unknown): NamedAddress | undefined {
  const [, name, where = ''] = /^([^=/]+)=(.*)$/.exec(typeof item === 'string' ? item : '') ?? [];
  const address = parseSocketAddress(where);
  return name === undefined || address === undefined ? undefined : { name, address };
}

function deviceOf(item: unknown): DescribedDevice | undefined {
  const { kind, path, guestPath, readOnly, sizeBytes, ...more } = Object(item) as Record<string, unknown>;
  if (typeof kind !== 'string' || typeof path !== 'string' || path === '' || Object.keys(more).length > 0)
    return undefined;
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return undefined;
  if (guestPath !== undefined && typeof guestPath !== 'string') return undefined;
  if (readOnly !== undefined && typeof readOnly !== 'boolean') return undefined;
  return {
    ...{ kind, path, sizeBytes },
    ...(guestPath === undefined ? {} : { guestPath }),
    ...(readOnly === undefined ? {} : { readOnly }),
  };
}

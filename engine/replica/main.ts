// The process of one replica, as a launcher or an agent starts it: configuration by IPC, and an end with the launcher's.

import { asError, type EpochvisorError } from '../errors/errors.js';
import { showStack } from '../observe/defects.js';
import { MODULE_DESCRIPTOR, readModule } from './kept-module.js';
import type { NetworkCuts } from './network-cuts.js';
import type { Replica } from './replica.js';
import {
  type FromReplica,
  REPLICA_HALTED,
  type ReplicaConfiguration,
  type ToReplica,
} from './replica-configuration.js';
import { startReplica } from './replica-start.js';

let ending = false;

function tell(message: FromReplica): void {
  if (process.connected) process.send?.(message);
}

function halted({ code, message, hint }: EpochvisorError): void {
  tell({ type: 'halted', code, message, hint });
  end(true);
}

/** Ends the process once what was told has left it. */
function end(halt: boolean): void {
  if (ending) return;
  ending = true;
  process.exitCode = halt ? REPLICA_HALTED : 0;
  if (!process.connected) process.exit();
  // The channel to the launcher closes after what was sent on it.
  process.once('disconnect', () => process.exit());
  process.disconnect();
}

async function startIn(configuration: ReplicaConfiguration): Promise<Replica> {
  const module = readModule(MODULE_DESCRIPTOR, configuration.moduleHash);
  const crash = () => process.kill(process.pid, 'SIGKILL');
  // Loaded for those who test.
  if (configuration.cuttable === true) cuts = new (await import('./network-cuts.js')).NetworkCuts();
  const tested = cuts === undefined ? {} : { cuts };
  const replica = await startReplica(configuration, { module, tell, end, failed, crash, ...tested });
  const { incarnation, machine } = configuration;
  process.title = `epochvisor replica ${incarnation.slice(0, 8)} of ${machine.slice(0, 8)}`;
  return replica;
}

let replica: Promise<Replica> | undefined;
/** Of who is tested: its network. */
let cuts: NetworkCuts | undefined;

function failed(error: unknown): void {
  showStack(error);
  halted(asError(error));
}

process.on('message', (message: ToReplica) => {
  if (message.type === 'start') {
    replica = startIn(message.configuration);
    replica.catch(failed);
  } else if (message.type === 'cut') {
    cuts?.cut(message.from);
    tell({ type: 'cut', request: message.request });
  } else if (message.type === 'gone') {
    replica?.then(started => started.peerGone(message.incarnation, message.reason)).catch(failed);
  } else {
    replica?.then(started => started.save(message)).catch(failed);
  }
});
// The end of the launcher is the end of its replicas.
process.on('disconnect', () => process.exit(ending ? process.exitCode : REPLICA_HALTED));
// Ctrl-C reaches the whole process group; it is the launcher's to answer.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', failed);
process.on('unhandledRejection', failed);

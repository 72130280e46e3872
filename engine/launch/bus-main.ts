// The process of a bus, as a launcher starts it, kills it and starts it again (bus-process.ts): the server, the memory and the devices
// of production; an end with the launcher's.

import { AskedInput } from '../../devices/console/asked-input.js';
import { STDERR, STDIN, STDOUT } from '../../devices/console/console-streams.js';
import { FileOutput } from '../../devices/console/file-output.js';
import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import { openSockets } from '../../devices/open-sockets.js';
import { openDevices } from '../../devices/opening.js';
import { openArbiter } from '../arbiter/open-arbiter.js';
import { loadBusHook, type StartStep } from '../bus/bus-hook.js';
import { BusPoints } from '../bus/bus-points.js';
import { KeptMemory } from '../bus/kept-memory.js';
import { BusServer, type BusServerOptions, type ServerMemory } from '../bus/server.js';
import { asError, EpochvisorError } from '../errors/errors.js';
import type { HookModule } from '../guest/boundary-hook.js';
import { DEFECT_STATUS, showStack } from '../observe/defects.js';
import type { BusOpening, BusServing, FromBusProcess, ToBusProcess } from './bus-messages.js';

interface Open {
  readonly machine: string;
  readonly memory: ServerMemory;
  readonly streams: readonly StreamDevice[];
  readonly devices: ReadonlyMap<number, OperationDevice>;
}

let points: BusPoints | undefined;
let input: AskedInput | undefined;
let opened: Promise<Open> | undefined;
let server: BusServer | undefined;
let ending = false;

function tell(message: FromBusProcess): void {
  if (process.connected) process.send?.(message);
}

/** Ends the process once what was told has left it. */
function end(status: number): void {
  if (ending) return;
  ending = true;
  process.exitCode = status;
  if (!process.connected) process.exit();
  process.once('disconnect', () => process.exit());
  process.disconnect();
}

function failed(error: unknown): void {
  showStack(error);
  const { code, message, hint } = asError(error);
  tell({ type: 'failed', code, message, hint });
  end(DEFECT_STATUS);
}

function step<Result>(name: StartStep, act: () => Promise<Result>): Promise<Result> {
  return points?.step(name, act) ?? act();
}

async function open(opening: BusOpening, hook: HookModule | undefined): Promise<Open> {
  if (hook !== undefined) points = new BusPoints(await loadBusHook(hook));
  const { machine, stdout, stderr } = opening;
  const memory = await step('memory', () => openMemory(opening));
  const open = await step('devices', async () => {
    const { devicesFolder } = memory;
    const outputs = [await FileOutput.open(STDOUT, stdout, true), await FileOutput.open(STDERR, stderr, true)];
    const files = await openDevices(opening.devices, undefined, devicesFolder);
    const sockets = await openSockets(opening, devicesFolder);
    tell({ type: 'opened', opened: { devices: files.options, addresses: sockets.addresses } });
    const streams = [...outputs, ...sockets.streams];
    return { streams, devices: [...files.devices, ...sockets.devices] };
  });
  input = inputAfter(memory);
  return {
    machine,
    memory: points?.memory(memory) ?? memory,
    streams: [input, ...open.streams.map(device => points?.stream(device) ?? device)],
    devices: new Map(open.devices.map(([number, device]) => [number, points?.operations(device) ?? device])),
  };
}

function openMemory({ memory, machine }: BusOpening): Promise<KeptMemory> {
  return KeptMemory.open(memory, machine, {
    observer: {
      waits: (error: EpochvisorError) => process.stderr.write(`epochvisor: ${error.line}\n`),
      broken: failed,
    },
  });
}

/** Stdin from where the bus before this one had come. */
function inputAfter({ memory }: ServerMemory): AskedInput {
  const known = memory.inputs.find(({ stream }) => stream === STDIN);
  const offset = (known?.chunks ?? []).reduce((end, { length }) => end + length, known?.released ?? 0);
  return new AskedInput(offset, known?.ended ?? false, at => tell({ type: 'asksInput', offset: at }));
}

async function serve({ machine, ...parts }: Open, serving: BusServing): Promise<void> {
  const { secret, arbiter: address, arbiterOptions, ...shown } = serving;
  const arbiter = await openArbiter(address, arbiterOptions);
  const view = await arbiter.latest(machine);
  const { listen, ...others } = shown;
  server = await step('listening', () =>
    startAt(listen, {
      ...others,
      ...parts,
      credentials: { machine, secret },
      // What an older primary still sends is refused from the first moment on.
      ...(view === undefined ? {} : { view }),
      ...(points === undefined ? {} : { around: link => points!.link(link) }),
      observer: {
        failed: (_, error) => failed(error),
        attached: incarnation => {
          points?.attached();
          tell({ type: 'attached', incarnation });
        },
        detached: incarnation => tell({ type: 'detached', incarnation }),
        fenced: (number, incarnation) => tell({ type: 'fenced', view: number, incarnation }),
      },
    }),
  );
  void server.finished.then(outcome => tell({ type: 'finished', outcome }));
  const { incarnation, address: own } = server;
  await step('announced', () => arbiter.announce(machine, { incarnation, kind: 'bus', address: own }));
  tell({ type: 'serves', incarnation, address: own });
}

/** Where the one before listened, so that replicas find it by their next call; or, where somebody has that port now, elsewhere. */
async function startAt(listen: string | undefined, options: BusServerOptions): Promise<BusServer> {
  if (listen === undefined) return await BusServer.start(options);
  try {
    return await BusServer.start({ ...options, listen });
  } catch (error) {
    if (!(error instanceof EpochvisorError) || error.code !== 'PORT_IN_USE') throw error;
    return await BusServer.start(options);
  }
}

process.on('message', (message: ToBusProcess) => {
  switch (message.type) {
    case 'open':
      process.title = `epochvisor bus of ${message.opening.machine.slice(0, 8)}`;
      opened = open(message.opening, message.hook);
      opened.catch(failed);
      return;
    case 'serve':
      opened?.then(open => serve(open, message.serving)).catch(failed);
      return;
    case 'input':
      input?.given(message.bytes, message.end);
      return;
    case 'close':
      if (server === undefined) end(0);
      else server.close().then(() => end(0), failed);
  }
});
// The end of the launcher is the end of its bus.
process.on('disconnect', () => process.exit(ending ? process.exitCode : DEFECT_STATUS));
// Ctrl-C reaches the whole process group; it is the launcher's to answer.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', failed);
process.on('unhandledRejection', failed);

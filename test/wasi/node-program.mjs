// Runs a program on Node's own WASI: the reference. Arguments: a JSON object { module, args, env, folder }.

import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const { module, args, env, folder } = JSON.parse(process.argv[2]);
const preopens = folder === undefined ? {} : { '.': folder };
const wasi = new WASI({ version: 'preview1', args, env, preopens, returnOnExit: true });
const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(module)), wasi.getImportObject());
process.exitCode = wasi.start(instance);

// A command for `epochvisor failover --judge`: could one machine, that never failed, have printed what is on stdin?

import { readFileSync } from 'node:fs';
import { judgeTranscript } from '../guest-library/transcript.js';

/** Lines the guest was asked for: a transcript that ends early has lost the rest. */
const lines = Number(process.argv[2]);
const transcript = readFileSync(0, 'latin1');
const found = transcript.split('\n').length - 1;
const refusal = judgeTranscript(transcript) ?? (found === lines ? null : `${found} lines of ${lines}`);
if (refusal !== null) {
  console.error(refusal);
  process.exitCode = 1;
}

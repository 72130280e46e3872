// A user's judge of a failover test: a command that is given stdout of a run, and says whether a machine that never failed could have
// written it.

import { spawn } from 'node:child_process';
import { EpochvisorError } from '../errors/errors.js';
import type { TranscriptJudge } from '../testing/failover-test.js';

/** Of a transcript judge's words, so much is shown. */
const REFUSAL_MAX = 200;
/** A judge that takes longer has hung. */
const JUDGE_MAX_MS = 60_000;
/** What a shell says of a command that it can't run. */
const NOT_RUN: readonly number[] = [126, 127];

/**
 * Runs a command by the shell with the transcript on its stdin; what it says first is the reason.
 *
 * @param limitMs after which it is ended
 * @throws EpochvisorError JUDGE_FAILED: it has not judged
 */
export function commandJudge(command: string, limitMs = JUDGE_MAX_MS): TranscriptJudge {
  return stdout =>
    new Promise((resolve, reject) => {
      // A process group of its own: the shell is not alone in it.
      const child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
      let said = '';
      let isLate = false;
      const late = setTimeout(() => {
        isLate = true;
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      }, limitMs);
      const hear = (bytes: Buffer) => {
        if (said.length < REFUSAL_MAX) said += bytes.toString();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      // A judge that has seen enough need not read the rest.
      child.stdin.on('error', () => undefined);
      child.once('error', error => reject(failed(`can't be started: ${error.message}`)));
      child.once('close', (status, signal) => {
        clearTimeout(late);
        const why = said.trim().split('\n')[0]?.slice(0, REFUSAL_MAX) ?? '';
        if (isLate) reject(failed(`does not answer within ${limitMs / 1000} s`));
        else if (signal !== null) reject(failed(`was ended by ${signal}`));
        else if (NOT_RUN.includes(status!)) reject(failed(`can't be run: ${why}`));
        else resolve(status === 0 ? undefined : why || `the judge ended with status ${status}`);
      });
      child.stdin.end(stdout);
    });
}

function failed(why: string): EpochvisorError {
  return new EpochvisorError(
    'JUDGE_FAILED',
    `the judge ${why}`,
    'a judge reads stdout of a run, and exits with 0 to accept it, with 1 to refuse it',
  );
}

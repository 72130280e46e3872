// The judge of failover tests: each way to be wrong is seen, and nothing that proves nothing is held against a run.

import { describe, expect, test } from 'vitest';
import { firstDifference } from '../../engine/testing/difference.js';
import { type Evidence, judge, type Reference } from '../../engine/testing/trial-judge.js';

const REFERENCE: Reference = { outcome: { kind: 'exit', status: 0 }, stdoutRepeats: true };
const KILL = { epoch: 3, instruction: 50, count: 350, outstanding: 0, atNs: 0, pid: 1 };
const FAILOVER = { view: 2, failoverEpoch: 4, uncertain: 0, liveMs: 5, firstByteMs: 6 };
const FAULTLESS: Evidence = {
  ending: { kind: 'outcome', outcome: { kind: 'exit', status: 0 } },
  kill: KILL,
  failover: FAILOVER,
  stdoutDifference: undefined,
  fileDifference: undefined,
  refusal: undefined,
};
const bytes = (text: string) => new TextEncoder().encode(text);
const difference = firstDifference(bytes('one\ntwo\n'), bytes('one\none\ntwo\n'));

const verdict = (evidence: Partial<Evidence>, reference: Partial<Reference> = {}) =>
  judge({ ...REFERENCE, ...reference }, { ...FAULTLESS, ...evidence });

describe('a run with a kill', () => {
  test('that nobody can tell from one without is the same', () => {
    expect(verdict({})).toEqual({ kind: 'same', failed: false, detail: '' });
  });

  test('that doubles a line is different, with the place', () => {
    expect(verdict({ stdoutDifference: difference })).toEqual({
      kind: 'different',
      failed: true,
      detail: 'stdout, byte 4 (line 2): expected "one\\ntwo\\n", found "one\\none\\ntwo\\n"',
    });
  });

  test('that leaves another disk is different, though stdout is the same', () => {
    const fileDifference = { name: 'disk 0', difference: { offset: 512, expected: '"a"', found: 'end' } };
    expect(verdict({ fileDifference })).toMatchObject({
      kind: 'different',
      failed: true,
      detail: 'disk 0, byte 512: expected "a", found end',
    });
  });

  test('that ends in another way has another outcome', () => {
    const ending = { kind: 'outcome', outcome: { kind: 'exit', status: 1 } } as const;
    expect(verdict({ ending })).toMatchObject({ kind: 'outcome', detail: 'expected exit 0, found exit 1' });
    const trap = { kind: 'outcome', outcome: { kind: 'trap', message: 'unreachable', count: 7, exact: true } } as const;
    expect(verdict({ ending: trap })).toMatchObject({ kind: 'outcome', failed: true });
    // Where interrupts come is another matter than what the guest did.
    expect(verdict({ ending: trap }, { outcome: { ...trap.outcome, count: 9 } })).toMatchObject({ kind: 'same' });
  });

  test('that nobody took over fails, whatever came out', () => {
    expect(verdict({ failover: undefined })).toMatchObject({ kind: 'no failover', failed: true });
  });

  test('of the bus is the same where the bus came back, and nobody took over', () => {
    const back = { failover: undefined, bus: { isBack: true } };
    expect(verdict(back)).toMatchObject({ kind: 'same', failed: false });
    expect(verdict({ ...back, bus: { isBack: false } })).toMatchObject({ kind: 'ended', failed: false });
    expect(verdict({ ...back, kill: undefined })).toMatchObject({ kind: 'not reached' });
    expect(verdict({ ...back, stdoutDifference: difference })).toMatchObject({ kind: 'different', failed: true });
    const failedOver = { kind: 'failed over', failed: true };
    expect(verdict({ bus: { isBack: true } })).toMatchObject(failedOver);
    // Of whom the output rule then takes for the survivor nothing is proved.
    const outputRule = { bytes: 1, breach: { stream: 1, ...difference! } };
    expect(verdict({ bus: { isBack: true }, outputRule })).toMatchObject(failedOver);
  });

  test('that could not go on, or did not end, fails with the reason', () => {
    const failed = { kind: 'failed', code: 'DIVERGED', message: 'the backup differs' } as const;
    expect(verdict({ ending: failed })).toEqual({
      kind: 'failed',
      failed: true,
      detail: 'the backup differs [DIVERGED]',
    });
    expect(verdict({ ending: { kind: 'hung', limitMs: 30_000 } })).toMatchObject({
      kind: 'hung',
      detail: 'still running after 30 s',
    });
  });
});

describe('a run that ended before the point', () => {
  test('is no failure, and is not called the same', () => {
    expect(verdict({ kill: undefined, failover: undefined })).toMatchObject({ kind: 'not reached', failed: false });
  });

  test('is one where its output differs all the same', () => {
    expect(verdict({ kill: undefined, failover: undefined, stdoutDifference: difference })).toMatchObject({
      kind: 'different',
      failed: true,
    });
  });
});

describe('a guest that does not repeat itself', () => {
  test('is judged by the transcript judge alone', () => {
    expect(verdict({ stdoutDifference: difference, refusal: '' }, { stdoutRepeats: false })).toMatchObject({
      kind: 'accepted',
      failed: false,
    });
    expect(verdict({ refusal: 'the clock went back' }, { stdoutRepeats: false })).toEqual({
      kind: 'refused',
      failed: true,
      detail: 'the clock went back',
    });
  });

  test('is not called the same where nobody judges it', () => {
    expect(verdict({ stdoutDifference: difference }, { stdoutRepeats: false })).toEqual({
      kind: 'outcome only',
      failed: false,
      detail: 'not comparable: undisturbed runs differ',
    });
  });

  test('may end as it likes where undisturbed runs end differently', () => {
    const ending = { kind: 'outcome', outcome: { kind: 'exit', status: 1 } } as const;
    expect(verdict({ ending }, { outcome: undefined })).toMatchObject({ kind: 'outcome only', failed: false });
  });

  test('is consistent where every byte is what the survivor did', () => {
    const outputRule = { bytes: 12, breach: undefined };
    expect(verdict({ stdoutDifference: difference, outputRule }, { stdoutRepeats: false })).toEqual({
      kind: 'consistent',
      failed: false,
      detail: 'undisturbed runs differ: 12 bytes are as the survivor put them out',
    });
  });
});

test('what came out and the survivor never did fails, also where runs are alike', () => {
  const outputRule = { bytes: 8, breach: { ...difference!, stream: 1 } };
  for (const stdoutRepeats of [true, false]) {
    expect(verdict({ outputRule }, { stdoutRepeats })).toMatchObject({ kind: 'output rule', failed: true });
  }
});

describe('a kill that nobody had to take over from', () => {
  test("is no failover, where the guest's end had left; what it left is compared all the same", () => {
    expect(verdict({ failover: undefined, endLeft: true })).toMatchObject({ kind: 'ended', failed: false });
    expect(verdict({ failover: undefined, endLeft: true, stdoutDifference: difference })).toMatchObject({
      kind: 'different',
      failed: true,
    });
  });
});

test('a second kill that never landed proves nothing', () => {
  expect(verdict({ secondKill: null })).toMatchObject({ kind: 'not reached', failed: false });
  expect(verdict({ secondKill: KILL })).toMatchObject({ kind: 'same' });
});

describe('an operation that ended neither truly nor uncertain', () => {
  const operations = {
    operations: 3,
    breach: 'operation 7 at disk 0 is told as performed, and no device performed it',
  };

  test('fails, also where nothing else differs, or the guest waits for it', () => {
    expect(verdict({ operations })).toEqual({ kind: 'operations', failed: true, detail: operations.breach });
    const ending = { kind: 'hung', limitMs: 30_000 } as const;
    expect(verdict({ operations, ending })).toMatchObject({ kind: 'operations' });
    expect(verdict({ operations: { ...operations, breach: undefined } })).toMatchObject({ kind: 'same' });
  });
});

describe('a guest with a client', () => {
  const SERVER: Partial<Reference> = { transcriptRepeats: true };
  const client = { failure: undefined, difference: undefined };

  test('is the same where the client prints the same, whether it ends by itself or serves until it is stopped', () => {
    expect(verdict({ client }, SERVER)).toMatchObject({ kind: 'same', failed: false });
    const ending = { kind: 'stopped', atMs: 5 } as const;
    expect(verdict({ client, ending }, { ...SERVER, outcome: 'stopped' })).toMatchObject({
      kind: 'same',
      failed: false,
    });
    expect(verdict({ client, ending }, SERVER)).toMatchObject({
      kind: 'outcome',
      detail: 'expected exit 0, found a guest that serves until it is stopped',
    });
  });

  test('is different where the client prints another byte, whatever a judge says', () => {
    expect(verdict({ client: { ...client, difference }, refusal: '' }, SERVER)).toMatchObject({
      kind: 'different',
      detail: 'transcript, byte 4 (line 2): expected "one\\ntwo\\n", found "one\\none\\ntwo\\n"',
    });
  });

  test('fails with its client, in whose last words that is told', () => {
    const failure = 'ended with status 1: read ECONNRESET';
    const failed = { kind: 'client', failed: true, detail: 'the client ended with status 1: read ECONNRESET' };
    expect(verdict({ client: { ...client, failure } }, SERVER)).toEqual(failed);
    // The machine was stopped then, or went on until nobody waited any more.
    expect(verdict({ client: { ...client, failure }, ending: { kind: 'stopped', atMs: 5 } }, SERVER)).toEqual(failed);
    expect(verdict({ client: { ...client, failure }, ending: { kind: 'hung', limitMs: 1 } }, SERVER)).toEqual(failed);
  });

  test('whose transcripts differ is judged by the judge, else by what the survivor did, else not compared', () => {
    const differing = { ...SERVER, transcriptRepeats: false };
    const other = { client: { ...client, difference } };
    expect(verdict({ ...other, refusal: '' }, differing)).toMatchObject({ kind: 'accepted' });
    expect(verdict({ ...other, refusal: 'no' }, differing)).toMatchObject({ kind: 'refused', detail: 'no' });
    expect(verdict({ ...other, outputRule: { bytes: 9, breach: undefined } }, differing)).toEqual({
      kind: 'consistent',
      failed: false,
      detail: 'the transcript is not compared: undisturbed runs differ; 9 bytes are as the survivor put them out',
    });
    expect(verdict(other, differing)).toMatchObject({ kind: 'outcome only', failed: false });
    // Its own stdout is compared, and by nobody judged.
    expect(verdict({ ...other, refusal: '', stdoutDifference: difference }, differing)).toMatchObject({
      kind: 'different',
      detail: expect.stringMatching(/^stdout, /),
    });
  });
});

// Looking for the machine's end: until it is there, whatever the arbiter says meanwhile.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MachineEnd } from '../../engine/arbiter/machine-end.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { EndWatch } from '../../engine/parts/end-watch.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watching(...answers: (MachineEnd | undefined | EpochvisorError)[]) {
  const asked = vi.fn(async () => {
    const answer = answers[Math.min(asked.mock.calls.length, answers.length) - 1];
    if (answer instanceof EpochvisorError) throw answer;
    return answer;
  });
  const [ended, failed] = [vi.fn(), vi.fn()];
  return { watch: new EndWatch({ machine: 'm', arbiter: { ended: asked }, ended, failed }), asked, ended, failed };
}

test('it is told once, and nobody asks on', async () => {
  const { asked, ended, failed } = watching(undefined, undefined, { kind: 'stopped' });
  await vi.advanceTimersByTimeAsync(2_500);
  expect(ended).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended.mock.calls).toEqual([[{ kind: 'stopped' }]]);
  expect(asked).toHaveBeenCalledTimes(3);
  expect(failed).not.toHaveBeenCalled();
});

test('an arbiter out of reach is no end, and is asked again', async () => {
  const away = new EpochvisorError('ARBITER_UNREACHABLE', 'away');
  const { ended, failed } = watching(away, away, { kind: 'exit', status: 0 });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ended.mock.calls).toEqual([[{ kind: 'exit', status: 0 }]]);
  expect(failed).not.toHaveBeenCalled();
});

test('a record that is none is told once', async () => {
  const corrupt = new EpochvisorError('END_CORRUPT', 'm-end.json is not the record of an end');
  const { asked, ended, failed } = watching(corrupt);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(failed.mock.calls).toEqual([[corrupt]]);
  expect([ended, asked].map(spy => spy.mock.calls.length)).toEqual([0, 1]);
});

test('who stops it hears nothing more', async () => {
  const { watch, asked, ended } = watching({ kind: 'stopped' });
  watch.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([ended, asked].map(spy => spy.mock.calls.length)).toEqual([0, 0]);
});

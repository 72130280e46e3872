// What was compared of a memory: all of it is said only when each page was, and how often it comes again.

import { beforeEach, expect, test } from 'vitest';
import { VerificationAccount } from '../../engine/guest/verification-account.js';
import { putVerification, readVerification } from '../../engine/threads/verification.js';

let account: VerificationAccount;
beforeEach(() => {
  account = new VerificationAccount();
});

test('memory is covered page by page, and what grows is not before its turn', () => {
  account.compared(0, 16, 32, 10);
  expect(account.covered).toBe(0.5);
  account.compared(16, 16, 32, 20);
  expect(account.covered).toBe(1);
  account.compared(0, 16, 64, 30);
  expect(account.covered).toBe(0.5);
  account.compared(16, 16, 64, 40);
  expect(account.covered).toBe(0.5);
  account.compared(32, 16, 64, 50);
  expect(account.covered).toBe(0.75);
});

test('a round that began before this replica came counts for nothing', () => {
  account.compared(16, 16, 48, 10);
  account.compared(32, 16, 48, 20);
  expect(account).toMatchObject({ comparisons: 2, covered: 0, everyMs: 0, lastMs: 20 });
  account.compared(0, 16, 48, 30);
  expect(account).toMatchObject({ covered: 1 / 3, everyMs: 0 });
});

test('a page comes again after a whole round; one that was broken off is none', () => {
  account.compared(0, 16, 32, 1000);
  account.compared(16, 16, 32, 1010);
  expect(account.everyMs).toBe(0);
  account.compared(0, 16, 32, 1025);
  expect(account.everyMs).toBe(25);
  account.compared(0, 16, 32, 1200);
  expect(account.everyMs).toBe(25);
});

test('a guest without memory is covered by each comparison', () => {
  account.compared(0, 0, 0, 5);
  account.compared(0, 0, 0, 9);
  expect(account).toMatchObject({ covered: 1, everyMs: 4 });
});

test('what was spent is the part of the time from the first digest to the last, without pauses', () => {
  account.took(0, 1);
  expect(account.spent).toBe(0);
  account.took(100, 150);
  expect(account.spent).toBe(0.01);
  account.took(1000, 1002);
  expect(account.spent).toBe(0.051);
  account.pause();
  expect(account.spent).toBe(0);
  account.took(10_000, 10_002);
  account.took(10_010, 10_011);
  expect(account.spent).toBe(0.2);
});

test('the other thread reads what was put', () => {
  const positions = new Float64Array(16);
  account.compared(0, 16, 32, 77);
  account.took(0, 2);
  account.took(10, 11);
  putVerification(positions, account);
  expect(readVerification(positions)).toEqual({ comparisons: 1, lastMs: 77, covered: 0.5, everyMs: 0, spent: 0.2 });
});

// Why a log can't be written: what the disk says, as an error that a user can meet.

import { EpochvisorError } from '../errors/errors.js';

/** Why a log ended that nobody waited for: the disk is slower than what is logged. */
export class LogBehind extends Error {}

/** Whether there is no room. */
export function isFull(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

export function unwritable(path: string, error: unknown): EpochvisorError {
  if (error instanceof LogBehind) {
    return new EpochvisorError('LOG_BEHIND', `the disk of ${path} is slower than the log`, 'name a folder on another');
  }
  if (isFull(error)) return new EpochvisorError('LOG_FULL', `there is no room for ${path}`, 'make some');
  const { code, message } = error as { readonly code?: string; readonly message: string };
  return new EpochvisorError('LOG_FAILED', `${path} can't be written: ${code ?? message}`, 'name another folder');
}

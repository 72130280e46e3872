// The changes of folders that devices were asked for, and that the kernel has no answer to.

import { DIRECTORY_CHANGE } from '../../devices/directory/directory-commands.js';
import { assert } from '../errors/errors.js';
import type { Operation, OperationId } from '../protocol/vocabulary.js';
import type { KernelState } from './core.js';
import type { OperationsState, Owner } from './operations.js';

/** @param state what the kernel saved */
export function kernelStateOf(state: unknown): KernelState {
  const { version } = state as KernelState;
  assert(version === 1, `the kernel's state is of version 1, not ${version}`);
  return state as KernelState;
}

/** In the order in which they were asked for. */
export function changesOf({ started }: OperationsState): { owner: Owner; operation: Operation }[] {
  return started.flatMap(({ owner, operation }) =>
    owner !== undefined && operation.command === DIRECTORY_CHANGE ? [{ owner, operation }] : [],
  );
}

/** @param state what the kernel saved */
export function outstandingChanges(state: unknown): OperationId[] {
  return changesOf(kernelStateOf(state).operations).map(({ operation }) => operation.id);
}

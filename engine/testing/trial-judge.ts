// The judge: whether a run with a kill in it could have been a run without. Pure: it is given what was seen, and answers.
//
// What two undisturbed runs have in common (stdout, a disk, the outcome), a run with a kill must have in common with
// them as well. What differs between undisturbed runs proves nothing when it differs again; for stdout a user can give
// a judge of transcripts, which says whether one machine that never failed could have written it.
// stderr is shown and not judged: it is where drivers speak of uncertain interrupts and repeats.

import type { Outcome } from '../protocol/vocabulary.js';
import { type Difference, describeDifference } from './difference.js';
import type { KillProof } from './kill-hook.js';
import type { OutputRuleCheck } from './output-rule.js';
import type { Ending, Failover } from './trial.js';

/**
 * same           everything is as in the undisturbed runs
 * accepted       the judge accepts the transcript; everything else that can be compared is the same
 * consistent     stdout can't be compared with another run; it is, byte for byte, what the survivor did itself (output-rule.ts)
 * outcome only   stdout can't be compared, and nobody judged it; everything else is the same
 * ended          the guest's end had left before the kill: nobody had to take over; everything is the same
 * not reached    the run ended before the point; nothing was killed, and nothing is proved
 * different      bytes differ: lost, doubled or changed
 * output rule    something came out that the survivor never did
 * refused        the judge refuses the transcript
 * outcome        another outcome than the undisturbed runs'
 * no failover    the primary was killed, and nobody took over
 * failed over    the bus was struck, and a replica went on without another
 * failed         the machine could not go on
 * hung           it ran far longer than undisturbed, and was stopped
 */
export type VerdictKind =
  | 'same'
  | 'accepted'
  | 'consistent'
  | 'outcome only'
  | 'ended'
  | 'not reached'
  | 'different'
  | 'output rule'
  | 'refused'
  | 'outcome'
  | 'no failover'
  | 'failed over'
  | 'failed'
  | 'hung';

export interface Verdict {
  readonly kind: VerdictKind;
  readonly failed: boolean;
  /** One line on what was wrong, or what could not be compared; else empty. */
  readonly detail: string;
}

/** What the undisturbed runs have in common. */
export interface Reference {
  /** Undefined where they differ. */
  readonly outcome: Outcome | undefined;
  /** Whether all of them wrote the same stdout. */
  readonly stdoutRepeats: boolean;
}

/** What was seen of a run with a kill. */
export interface Evidence {
  readonly ending: Ending;
  readonly kill: KillProof | undefined;
  /** Undefined: none was asked for; null: it did not happen. */
  readonly secondKill?: KillProof | null;
  readonly failover: Failover | undefined;
  /** Of a bus that was struck: a failover is none of its business, and it has to come back. `isBack`: the primary has found it. */
  readonly bus?: { readonly isBack: boolean };
  /** The machine could end without anybody noticing: its outcome had left, or a replica that it could spare was struck. */
  readonly endLeft?: boolean;
  /** Against the undisturbed runs; undefined: the same. */
  readonly stdoutDifference: Difference | undefined;
  /** Of disks and journals that are the same after all undisturbed runs: the first that differs. */
  readonly fileDifference: { readonly name: string; readonly difference: Difference } | undefined;
  /** Undefined: nothing is known of what the survivor did. */
  readonly outputRule?: OutputRuleCheck | undefined;
  /** The transcript judge's: undefined where there is none, `''` where it accepts, else why not. */
  readonly refusal: string | undefined;
}

const NOT_COMPARABLE = 'not comparable: undisturbed runs differ';

export function judge(reference: Reference, evidence: Evidence): Verdict {
  const { ending, kill, failover, fileDifference } = evidence;
  if (ending.kind === 'failed') return fail('failed', `${ending.message} [${ending.code}]`);
  if (ending.kind === 'hung') return fail('hung', `still running after ${Math.round(ending.limitMs / 1000)} s`);
  const { bus } = evidence;
  if (bus !== undefined && failover !== undefined) {
    return fail('failed over', `the bus was struck, and a replica was taken for dead: view ${failover.view}`);
  }
  const isUnnoticed = kill !== undefined && (bus === undefined ? failover === undefined : !bus.isBack);
  if (isUnnoticed && bus === undefined && evidence.endLeft !== true)
    return fail('no failover', 'the primary is dead, nobody took over');
  const breach = evidence.outputRule?.breach;
  if (breach !== undefined) return fail('output rule', `stream ${breach.stream}, ${describeDifference(breach)}`);
  const stdout = judgeStdout(reference, evidence);
  if (stdout.failed) return stdout;
  if (fileDifference !== undefined) {
    return fail('different', `${fileDifference.name}, ${describeDifference(fileDifference.difference)}`);
  }
  if (reference.outcome !== undefined && !isSameOutcome(reference.outcome, ending.outcome)) {
    return fail('outcome', `expected ${describe(reference.outcome)}, found ${describe(ending.outcome)}`);
  }
  if (kill === undefined) return { kind: 'not reached', failed: false, detail: 'the run ended before this point' };
  if (evidence.secondKill === null) {
    return { kind: 'not reached', failed: false, detail: 'the run ended before the second kill' };
  }
  if (isUnnoticed) {
    const missed = bus === undefined ? 'anybody had to take over' : 'anybody missed the bus';
    return { kind: 'ended', failed: false, detail: `it was over before ${missed}` };
  }
  return stdout;
}

function judgeStdout(reference: Reference, { refusal, stdoutDifference, outputRule }: Evidence): Verdict {
  if (refusal !== undefined) {
    return refusal === '' ? { kind: 'accepted', failed: false, detail: '' } : fail('refused', refusal);
  }
  if (!reference.stdoutRepeats) {
    if (outputRule === undefined) return { kind: 'outcome only', failed: false, detail: NOT_COMPARABLE };
    const detail = `undisturbed runs differ: ${outputRule.bytes} bytes are as the survivor put them out`;
    return { kind: 'consistent', failed: false, detail };
  }
  if (stdoutDifference !== undefined) return fail('different', `stdout, ${describeDifference(stdoutDifference)}`);
  // Where not even the outcome can be compared nothing is the same but an empty stdout.
  if (reference.outcome === undefined) return { kind: 'outcome only', failed: false, detail: NOT_COMPARABLE };
  return { kind: 'same', failed: false, detail: '' };
}

function fail(kind: VerdictKind, detail: string): Verdict {
  return { kind, failed: true, detail };
}

/** As a user sees it: the count at a trap may depend on when interrupts came. */
export function isSameOutcome(a: Outcome, b: Outcome): boolean {
  if (a.kind === 'exit') return b.kind === 'exit' && a.status === b.status;
  return b.kind === 'trap' && a.message === b.message;
}

function describe(outcome: Outcome): string {
  return outcome.kind === 'exit' ? `exit ${outcome.status}` : `trap '${outcome.message}'`;
}

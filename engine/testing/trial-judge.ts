// The judge: whether a run with a kill in it could have been a run without. Pure: it is given what was seen, and answers.
//
// What two undisturbed runs have in common (stdout, a disk, the outcome), a run with a kill must have in common with
// them as well. What differs between undisturbed runs proves nothing when it differs again; for stdout a user can give
// a judge of transcripts, which says whether one machine that never failed could have written it.
// Where a client drives the guest, what it printed is the transcript, and its failure is one of the machine.
// stderr is shown and not judged: it is where drivers speak of uncertain interrupts and repeats.

import type { Outcome } from '../protocol/vocabulary.js';
import { type Difference, describeDifference } from './difference.js';
import type { KillProof } from './kill-hook.js';
import type { OperationCheck } from './operation-rules.js';
import type { OutputRuleCheck } from './output-rule.js';
import type { Ending } from './trial-ending.js';
import type { Failover } from './trial-watch.js';

/**
 * same           everything is as in the undisturbed runs
 * accepted       the judge accepts the transcript; everything else that can be compared is the same
 * consistent     stdout or transcript can't be compared with another run; what came out is, byte for byte, what the survivor did
 *                itself (output-rule.ts)
 * outcome only   stdout or transcript can't be compared, and nobody judged it; everything else is the same
 * ended          the guest's end had left before the kill: nobody had to take over; everything is the same
 * not reached    the run ended before the point; nothing was killed, and nothing is proved
 * different      bytes differ: lost, doubled or changed
 * output rule    something came out that the survivor never did
 * operations     an operation ended neither truly nor uncertain (operation-rules.ts)
 * client         the client that drives the guest failed, or did not end
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
  | 'operations'
  | 'client'
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
  /** Undefined where they differ; `stopped`: the guest serves until it is stopped. */
  readonly outcome: Outcome | 'stopped' | undefined;
  /** Whether all of them wrote the same stdout. */
  readonly stdoutRepeats: boolean;
  /** Whether all clients printed the same. */
  readonly transcriptRepeats?: boolean;
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
  readonly operations?: OperationCheck | undefined;
  /** Where one drives the guest: how it failed, and where its transcript differs from those of the undisturbed runs. */
  readonly client?: { readonly failure: string | undefined; readonly difference: Difference | undefined } | undefined;
  /** The transcript judge's, of the client's where there is one: undefined where there is none, `''` where it accepts, else why not. */
  readonly refusal: string | undefined;
}

const NOT_COMPARABLE = 'not comparable: undisturbed runs differ';

export function judge(reference: Reference, evidence: Evidence): Verdict {
  const { ending, kill, failover, bus, client, fileDifference } = evidence;
  if (ending.kind === 'failed') return fail('failed', `${ending.message} [${ending.code}]`);
  // Before what it did is held against the output rule: the survivor is another then.
  if (bus !== undefined && failover !== undefined) {
    return fail('failed over', `the bus was struck, and a replica was taken for dead: view ${failover.view}`);
  }
  const breach = evidence.outputRule?.breach;
  if (breach !== undefined) return fail('output rule', `stream ${breach.stream}, ${describeDifference(breach)}`);
  const untrue = evidence.operations?.breach;
  if (untrue !== undefined) return fail('operations', untrue);
  if (client?.failure !== undefined) return fail('client', `the client ${client.failure}`);
  if (ending.kind === 'hung') return fail('hung', `still running after ${Math.round(ending.limitMs / 1000)} s`);
  const isUnnoticed = kill !== undefined && (bus === undefined ? failover === undefined : !bus.isBack);
  if (isUnnoticed && bus === undefined && evidence.endLeft !== true)
    return fail('no failover', 'the primary is dead, nobody took over');
  const verdict = weaker(judgeTranscript(reference, evidence), judgeStdout(reference, evidence));
  if (verdict.failed) return verdict;
  if (fileDifference !== undefined) {
    return fail('different', `${fileDifference.name}, ${describeDifference(fileDifference.difference)}`);
  }
  const outcome = ending.kind === 'stopped' ? ending.kind : ending.outcome;
  if (reference.outcome !== undefined && !isSameOutcome(reference.outcome, outcome)) {
    return fail('outcome', `expected ${describe(reference.outcome)}, found ${describe(outcome)}`);
  }
  if (kill === undefined) return { kind: 'not reached', failed: false, detail: 'the run ended before this point' };
  if (evidence.secondKill === null) {
    return { kind: 'not reached', failed: false, detail: 'the run ended before the second kill' };
  }
  if (isUnnoticed) {
    const missed = bus === undefined ? 'anybody had to take over' : 'anybody missed the bus';
    return { kind: 'ended', failed: false, detail: `it was over before ${missed}` };
  }
  return verdict;
}

const SAME: Verdict = { kind: 'same', failed: false, detail: '' };
/** What proves less comes first; failures before all. */
const BY_PROOF: readonly VerdictKind[] = ['outcome only', 'consistent', 'accepted', 'same'];

function weaker(one: Verdict, other: Verdict): Verdict {
  return BY_PROOF.indexOf(one.kind) <= BY_PROOF.indexOf(other.kind) ? one : other;
}

/** What the client printed. */
function judgeTranscript({ transcriptRepeats }: Reference, { client, refusal, outputRule }: Evidence): Verdict {
  if (client === undefined) return SAME;
  if (transcriptRepeats === true) {
    const { difference } = client;
    return difference === undefined ? SAME : fail('different', `transcript, ${describeDifference(difference)}`);
  }
  if (refusal !== undefined) return judged(refusal);
  const what = 'the transcript is not compared: undisturbed runs differ';
  if (outputRule === undefined) return { kind: 'outcome only', failed: false, detail: what };
  const detail = `${what}; ${outputRule.bytes} bytes are as the survivor put them out`;
  return { kind: 'consistent', failed: false, detail };
}

function judgeStdout(reference: Reference, { client, refusal, stdoutDifference, outputRule }: Evidence): Verdict {
  // Of a guest with a client the client's transcript is what is judged.
  if (refusal !== undefined && client === undefined) return judged(refusal);
  if (!reference.stdoutRepeats) {
    if (outputRule === undefined) return { kind: 'outcome only', failed: false, detail: NOT_COMPARABLE };
    const detail = `undisturbed runs differ: ${outputRule.bytes} bytes are as the survivor put them out`;
    return { kind: 'consistent', failed: false, detail };
  }
  if (stdoutDifference !== undefined) return fail('different', `stdout, ${describeDifference(stdoutDifference)}`);
  // Where not even the outcome can be compared nothing is the same but an empty stdout.
  if (reference.outcome === undefined) return { kind: 'outcome only', failed: false, detail: NOT_COMPARABLE };
  return SAME;
}

function judged(refusal: string): Verdict {
  return refusal === '' ? { kind: 'accepted', failed: false, detail: '' } : fail('refused', refusal);
}

function fail(kind: VerdictKind, detail: string): Verdict {
  return { kind, failed: true, detail };
}

/** As a user sees it: the count at a trap may depend on when interrupts came. */
export function isSameOutcome(a: Outcome | 'stopped', b: Outcome | 'stopped'): boolean {
  if (a === 'stopped' || b === 'stopped') return a === b;
  if (a.kind === 'exit') return b.kind === 'exit' && a.status === b.status;
  return b.kind === 'trap' && a.message === b.message;
}

function describe(outcome: Outcome | 'stopped'): string {
  if (outcome === 'stopped') return 'a guest that serves until it is stopped';
  return outcome.kind === 'exit' ? `exit ${outcome.status}` : `trap '${outcome.message}'`;
}

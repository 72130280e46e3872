// The rules of the protocol, written once. Code, effects and tests cite them by label; a test fails for a label
// that nothing cites.
//
// P0 to P8 and IO1, IO2: Bressoud and Schneider, "Hypervisor-based Fault-tolerance", SOSP 1995, sections 2 and 4.3.
// OR: the Output Rule of VMware FT (2010). V*, L*, R*, F*: what the paper leaves open and DESIGN decides.

export const RULES = {
  P0: 'The primary processes an environment instruction in epoch E: it logs [E, value].',
  P1: 'The primary receives an interrupt in epoch E: it buffers it; the interrupt travels with the end of E, a completion with its data.',
  P2: 'Epoch E ends at the primary: time, interrupts due and the end are logged as one entry; then everything buffered is delivered. Under `original` the guest waits until all is acknowledged.',
  P3: 'The backup ignores the interrupts of its own devices.',
  P4: 'The backup acknowledges what it has received in order into its memory, and keeps it for the end of the epoch.',
  P5: 'Epoch E ends at the backup: it awaits the end of E, takes the time from it, and delivers what came with it.',
  P6: 'The backup processes an environment instruction: it returns the value logged under P0, and awaits it if it has not come.',
  P7: "The primary's failure stands where the end of E should: the survivor finishes E, runs E+1 as failover epoch with I/O suppressed (a wait ends it at once) and is primary from E+2.",
  P8: 'At the end of the failover epoch every operation still outstanding ends in an uncertain interrupt.',
  OR: 'Output Rule: no output leaves before every backup of the view has acknowledged all that precedes it.',
  DU: 'Durability, where a log is written down. `memory`: an output leaves when the own log holds all that precedes it, as far as the operating system knows. `backup-disk`: a backup acknowledges only what its disk has; who has no backup waits for its own, and claims a view without one when that has all that precedes what has left. `both-disks`: the disk of the primary must have it, too.',
  RV: 'Revised protocol (section 4.3): at an I/O instruction the guest waits until all earlier messages are acknowledged.',
  FL: 'What is logged is shipped before the guest thread waits for anything, when an output waits for it, and at most 1 ms late; values of a clock that is read over and over are gathered, to the end of their epoch at the latest.',
  EV: 'In the failover epoch, and in the rest of E, environment results that run out are replaced by own ones: nobody outside saw those of the dead primary.',
  CK: 'The clock of a survivor goes on from the greatest of its own and every value it was sent.',
  DG: 'Every end entry carries a cheap digest; a backup that differs halts and says where, and is never promoted.',
  EL: 'The epoch length is state of the guest: where it changes, the primary logs the new one before the end of an epoch, and every replica that comes to this end takes it over for the epochs after it.',
  SD: 'State digest: at boundaries that the primary names, memory and kernel state are compared; a backup that differs halts and says where.',
  LG: 'Lag, what is shipped and not yet executed, is bounded: past the bound the primary waits.',
  CL: 'Before a backup sends a claim it closes its log: from then on it acknowledges and accepts nothing of the old view; what it received before is drained first. Only where the claim is lost to the old primary itself does the log go on where it was.',
  VW: 'A view is a write-once record; only a replica named in view v claims v+1; the first claim wins; after a lost answer the record is read and compared; an arbiter out of reach is waited for.',
  SX: 'A primary that lost its backup claims a view without it before it releases another output.',
  JN: 'Joining: the primary saves its state at a boundary that stands at a position of the log; the joining replica starts from it, is told the outputs from before it that may be lost, receives the log from there on, and is named in a view only when it has executed to that position, its lag is within the bound, it has acknowledged all that ever preceded an output that left, and all of the view have what nobody could give them afterwards (KP).',
  BV: 'Both views: from before a claim is sent that names a joining replica until its outcome is known, an output leaves only if the backups of the old and of the claimed view have acknowledged what precedes it.',
  VT: 'A primary tells the view it has won to all who take its log; they adopt it and acknowledge anew; a backup that is not named any more halts.',
  RA: 'A joining replica that loses its primary reads the arbiter: it goes on only if it was named meanwhile.',
  KP: 'Every backup keeps the parts of the log that not all who take it are known to have, so that the one who wins lacks nothing that another has executed.',
  OS: 'Among several backups the winner of a view collects before it is promoted: the others close their logs, offer what it lacks, and follow it; who stays silent is left out of the next view.',
  FN: 'The first act in a new view is to fence the bus; it answers with the stream offsets, and refuses older views for good.',
  ON: 'The bus performs an operation id once: a repeat joins the operation in progress or gets the first result.',
  OF: 'A stream has offsets: the bus drops output that it has, and sends input again that was not released. An end and a close of an opened stream take a place each; one that the bus does not tell of at a fence is closed.',
  RL: 'The bus keeps what it tells a replica (input, completions, streams that were opened or reset) until it is released or closed; a release is an output.',
  RS: 'On re-attachment the primary sends every unfinished operation and unconfirmed output again.',
  RB: 'A restarted bus: what follows from a fact that it must remember is seen only when that fact is kept; started again it goes on from what it kept, and the streams that were open are reset.',
  LS: 'A replica whose claim is lost, or whom the bus refuses, halts.',
  XT: 'Exit and trap are operations on the bus, under output commit; the first one stands.',
} as const;

/** The label of a rule, as code, effects, logs and tests cite it. */
export type Rule = keyof typeof RULES;

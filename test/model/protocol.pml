/*
 * The protocol of engine/protocol, for Spin: every interleaving of a small machine, where the simulator samples large ones.
 *
 * Rules and invariants have the labels of rules.ts and of the simulator's judge. `MUST(condition, "(label) words")` is an invariant.
 * `-DMISTAKE_x` plants a mistake of test/simulator. model.test.ts says which machines are explored, and which mistake breaks what.
 *
 *   replica    logs an entry and puts out one byte after it; the byte at offset k is preceded by the entries 0 to k
 *   entry      told apart by who wrote it: two replicas that log at one position have different histories
 *   link       first in, first out; what is on its way in a link that is cut is lost; acknowledgements are cumulative: the last counts
 *   arbiter    a record a view, written once; an answer may be late for ever, a request may outlive who made it
 *   bus        outputs of one stream; a device behind it; a journal; it dies, and is started again
 *   faults     any replica dies between any two steps, links are cut, replicas are suspected rightly or not, each within a
 *              bound; who is slow, or paused, is one whose steps come late
 *
 * Left out: time (any suspicion may be at any moment; nobody halts for the bus being out of reach, which is a death like any other),
 * epochs and interrupts (P1 to P3, P5 to P8: an entry is executed when it is received, but that of a joining replica's snapshot),
 * clocks (CK, EL), digests (DG, SD), lag (LG), operations (ON), input and releases (RL), streams that come and go, the end of the
 * guest (XT), links and replicas that come again after they were lost (a replica that restarts is another one), hellos, commit by a
 * majority (there is none), and that records and journals may be unreadable. A step of a state machine is atomic here, as it is in
 * the code; so is the answer to a fence. What is said of settled parts in the log that comes while a claim is out is not used.
 * That nothing stays undone is looked at only where nothing more can happen (the end of `init`): no liveness under fairness.
 */

#ifndef N
#define N 2               /* replicas: A, B, C */
#endif
#ifndef BACKUPS
#define BACKUPS 2         /* of view 1, as a set; A is its primary, the others join */
#endif
#ifndef WANTED
#define WANTED (N - 1)    /* backups: who asks beyond that is a spare */
#endif
#ifndef ENTRIES
#define ENTRIES 2
#endif
#ifndef VIEWS
#define VIEWS 3
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef CUTS
#define CUTS 1            /* of links between replicas */
#endif
#ifndef BUS_DEATHS
#define BUS_DEATHS 0
#endif
#ifndef BUS_CUTS
#define BUS_CUTS 0        /* connections to the bus that are lost; another is made */
#endif
#ifndef UNSETTLED
#define UNSETTLED 2       /* outputs on their way to the bus */
#endif

#include "state.pml"
#include "channel.pml"
#include "outside.pml"
#include "replica.pml"

/* Where nothing more can happen, a machine that has a primary with all its backups has put out everything. */
#define IS_WELL(r) (phase[r] == NORMAL && IS_PRIMARY(r) && view[r] == latestView && suspected[r] == 0)
#define IS_IN_PLACE(r, b) (!HAS(backups[r], b) || (IS_UP(r, b) && phase[b] == NORMAL && view[b] == view[r]))
#define IS_WHOLE(r) (IS_WELL(r) && IS_IN_PLACE(r, 0) && IS_IN_PLACE(r, 1) && IS_IN_PLACE(r, N - 1))

init {
  d_step {
    recordPrimary[1] = 1; recordBackups[1] = BACKUPS; latestView = 1;
    busUp = true; busView = 1; busOwner = 1; keptView = 1; keptOwner = 1; fencedEver = 1;
    for (i : 0 .. N - 1) {
      joiner[i] = NOBODY;
      if
      :: i == 0 || HAS(BACKUPS, i) ->
        phase[i] = NORMAL; view[i] = 1; reign[i] = 1; primary[i] = 0; backups[i] = BACKUPS; restored[i] = true
      :: else -> phase[i] = JOINING
      fi
    }
  }
  atomic {
    run TheBus(); run Arbiter(); run Faults();
    run Replica(0); run Replica(1); run Regards(0, 1); run Regards(1, 0);
#if N > 2
    run Replica(2); run Regards(0, 2); run Regards(1, 2); run Regards(2, 0); run Regards(2, 1)
#endif
  }
  timeout;
  for (i : 0 .. N - 1) {
    if
    :: IS_WHOLE(i) -> MUST(logEnd[i] == ENTRIES && deviceLength == ENTRIES,
      "(OF) nothing more happens, and an output is not there")
    :: else
    fi
  }
}

/*
 * The protocol of engine/protocol, for Spin: every interleaving of a small machine, where the simulator samples large ones.
 *
 * Rules and invariants have the labels of rules.ts and of the simulator's judge. `MUST(condition, LABEL, words)` is an invariant.
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
 * guest (XT), links and replicas that come again after they were lost (a replica that restarts is another one), hellos, and that
 * records and journals may be unreadable. A step of a state machine is atomic here, as it is in the code; so is the answer to a fence.
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

#define ROOM (ENTRIES + 2)   /* messages on one link */
#define NOBODY 7

mtype = { LOG, VIEW, OFFER, FOLLOW, WELCOME, HEARTBEAT };
mtype = { JOINING, NORMAL, READING, CLAIMING, COLLECTING, GONE };

chan channel[N * N] = [ROOM] of { mtype, byte, byte, byte, byte };   /* view, position, and two more */
bool cut[N * N];

#define AT(r, other) ((r) * N + (other))
#define ENTRY(r, position) entry[(r) * ENTRIES + (position)]
#define SET(r) (1 << (r))
#define HAS(set, r) (((set) >> (r)) & 1)
#define NAME(r) (65 + (r))
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define MIN(a, b) ((a) < (b) -> (a) : (b))

/* What a replica knows: channel-state.ts. */
mtype phase[N];
byte view[N], primary[N], backups[N], reign[N];
byte entry[N * ENTRIES];
byte logEnd[N];
byte deferredEnd[N];        /* CL: what came while the claim is out, accepted only if that is lost to the old primary */
byte keptFrom[N];           /* KP */
byte settled[N];
byte acknowledged[N * N];
byte running[N];            /* of whom it knows that their guest runs */
byte suspected[N];
byte claimed[N];            /* number of the claim that is out; 0: none */
byte claimedBackups[N];
byte joiner[N];
bool gating[N];
byte awaited[N];
byte followedAt[N * N];
bool mustFollow[N];
bool restored[N];           /* its guest runs */

/* The outbox: outputs below `confirmed` are held no more, those below `sent` have left, those below `arrived` are at the bus. */
byte confirmed[N], sent[N], arrived[N];
byte sentView[N];
bool attached[N], ours[N];

/* Acknowledgements on their way. */
byte ackView[N * N], ackPosition[N * N];
bool ackRuns[N * N];

/* The arbiter. A request outlives who made it. */
byte recordPrimary[VIEWS + 1], recordBackups[VIEWS + 1];
byte requested[N], requestedBackups[N];

/* The bus, its journal, its device. */
bool busUp;
byte busView, busOwner, received, written;
byte visible[ENTRIES];      /* who wrote the last entry before each byte that the bus has accepted */
byte keptView, keptOwner, keptWritten;
byte deviceLength;
byte latestView;            /* at the arbiter */
byte fencedEver;            /* what no bus forgets: the greatest view that was fenced */
#ifdef MISTAKE_RB_BOAST
byte boasted;
#endif

byte deaths, cuts, busDeaths, busCuts;

hidden byte i, j, least, howMany, those, upTo;
hidden byte mView, mPosition, mX, mY;
hidden mtype mType;

#define MUST(condition, words) \
  if :: condition :: else -> printf("VIOLATED: "); printf(words); printf("\n"); assert(false) fi

#define IS_PRIMARY(r) (primary[r] == (r) && view[r] > 0)
#define IS_NAMED(r) HAS(backups[r], r)
#define IS_UP(a, b) (phase[b] != GONE && !cut[AT(a, b)])
#define IS_FREE(a, b, messages) (!IS_UP(a, b) || len(channel[AT(a, b)]) + (messages) <= ROOM)
/* To whom a primary sends its log. */
#define RECIPIENTS(r) ((backups[r] & ~suspected[r]) | (joiner[r] != NOBODY -> SET(joiner[r]) : 0))
/* Whose acknowledgement an output needs (OR, BV). */
#ifdef MISTAKE_BV
#define GATES(r) (backups[r] | (joiner[r] != NOBODY && gating[r] && claimed[r] == 0 -> SET(joiner[r]) : 0))
#else
#define GATES(r) (backups[r] | (joiner[r] != NOBODY && gating[r] -> SET(joiner[r]) : 0))
#endif

#define HAS_LOGGED(r, b, position) (!HAS(GATES(r), b) || acknowledged[AT(r, b)] >= (position))
#define ALL_HAVE(r, position) (HAS_LOGGED(r, 0, position) && HAS_LOGGED(r, 1, position) && HAS_LOGGED(r, N - 1, position))
#if defined(MISTAKE_OR)
#define MAY_LEAVE(r) true
#elif defined(MISTAKE_SX)
#define MAY_LEAVE(r) (suspected[r] != 0 || ALL_HAVE(r, sent[r] + 1))
#else
#define MAY_LEAVE(r) (suspected[r] == 0 && ALL_HAVE(r, sent[r] + 1))
#endif
#define ALL_FREE(r, messages) (IS_FREE(r, 0, messages) && IS_FREE(r, 1, messages) && IS_FREE(r, N - 1, messages))
#define COUNT(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2))

inline send(from, to, type, v, p, x, y) {
  if
  :: IS_UP(from, to) -> channel[AT(from, to)]!type, v, p, x, y
  :: else
  fi
}

/* Into `least`: what all whose acknowledgement counts have acknowledged. Into `howMany`: how many they are. */
inline acknowledgedByAll(r) {
  least = ENTRIES; howMany = 0;
  for (j : 0 .. N - 1) {
    if
    :: HAS(GATES(r), j) -> least = MIN(least, acknowledged[AT(r, j)]); howMany++
    :: else
    fi
  }
}

/* KP: where one replica takes the log, nothing needs to be kept for another. */
inline settle(r) {
  acknowledgedByAll(r);
  if :: howMany < 2 -> least = logEnd[r] :: else fi;
  settled[r] = MAX(settled[r], MIN(least, logEnd[r]));
#ifdef MISTAKE_KP_NOTHING
  settled[r] = ENTRIES;
#endif
}

inline acknowledge(r) {
  ackView[AT(r, primary[r])] = view[r];
  ackPosition[AT(r, primary[r])] = logEnd[r];
  ackRuns[AT(r, primary[r])] = restored[r]
}

/* Nobody hears any more what is on its way from one to the other. */
inline forget(from, to) {
  do
  :: len(channel[AT(from, to)]) > 0 -> channel[AT(from, to)]?mType, mView, mPosition, mX, mY
  :: else -> break
  od;
  ackView[AT(from, to)] = 0; ackPosition[AT(from, to)] = 0; ackRuns[AT(from, to)] = false
}

/* What a process that is gone knew is of no matter, but for its history, and for what it has sent. */
inline die(r) {
  phase[r] = GONE;
  backups[r] = 0; primary[r] = 0; view[r] = 0; reign[r] = 0; deferredEnd[r] = 0; keptFrom[r] = 0; settled[r] = 0;
  running[r] = 0; suspected[r] = 0; claimed[r] = 0; claimedBackups[r] = 0; joiner[r] = NOBODY; gating[r] = false;
  awaited[r] = 0; mustFollow[r] = false; ours[r] = false;
  for (j : 0 .. N - 1) {
    acknowledged[AT(r, j)] = 0; followedAt[AT(r, j)] = 0;
    forget(j, r)
  }
}

inline sever(a, b) {
  cut[AT(a, b)] = true; cut[AT(b, a)] = true;
  forget(a, b); forget(b, a)
}

#define REACHABLE(r) ((IS_UP(r, 0) -> 1 : 0) | (IS_UP(r, 1) -> 2 : 0) | (IS_UP(r, N - 1) -> SET(N - 1) : 0))

/* ---- claiming.ts */

inline claim(r, who) {
  claimed[r] = view[r] + 1; claimedBackups[r] = who;
  requested[r] = claimed[r]; requestedBackups[r] = who
}

inline won(r) {
  printf("%c is told that view %d is its own\n", NAME(r), claimed[r]);
  MUST(recordPrimary[claimed[r]] == r + 1,
      "(VW) a replica acts as the owner of a view that is not its own");
  view[r] = claimed[r]; backups[r] = claimedBackups[r];
  claimed[r] = 0; claimedBackups[r] = 0;
  deferredEnd[r] = logEnd[r];
  ours[r] = false;
  if
  :: joiner[r] != NOBODY && HAS(backups[r], joiner[r]) -> joiner[r] = NOBODY; gating[r] = false
  :: else
  fi;
  suspected[r] = suspected[r] & backups[r];
  if
  :: IS_PRIMARY(r) ->
    for (i : 0 .. N - 1) {
      if :: HAS(RECIPIENTS(r), i) -> send(r, i, VIEW, view[r], logEnd[r], backups[r], 0) :: else fi
    }
  :: else ->
    primary[r] = r; reign[r] = view[r];
    if
    :: backups[r] == 0 -> takeOver(r)
    :: else ->
      phase[r] = COLLECTING;
      awaited[r] = backups[r];
      for (i : 0 .. N - 1) {
        followedAt[AT(r, i)] = 0;
        if :: HAS(backups[r], i) -> send(r, i, VIEW, view[r], logEnd[r], backups[r], 0) :: else fi
      }
#ifdef MISTAKE_OS_WAIT
      for (i : 0 .. N - 1) { followedAt[AT(r, i)] = logEnd[r] }
      awaited[r] = 0;
      takeOver(r)
#endif
    fi
  fi
}

/* ---- collecting.ts (OS) */

/* The fence comes with a step of its own, and before it nothing leaves. */
inline takeOver(r) {
  printf("%c is promoted, with the log up to %d\n", NAME(r), logEnd[r]);
  phase[r] = NORMAL;
  for (i : 0 .. N - 1) {
    if
    :: HAS(backups[r], i) && !HAS(suspected[r], i) -> bringUp(r, i)
    :: else
    fi;
    followedAt[AT(r, i)] = 0
  }
  keptFrom[r] = 0
}

inline bringUp(r, to) {
  upTo = followedAt[AT(r, to)];
  if
  :: upTo > logEnd[r] || (upTo < logEnd[r] && keptFrom[r] > upTo) ->
    printf("%c cannot continue the log for %c\n", NAME(r), NAME(to));
    suspected[r] = suspected[r] | SET(to)
  :: else ->
    acknowledged[AT(r, to)] = upTo;
    running[r] = running[r] | SET(to);
    settle(r);
    do
    :: upTo < logEnd[r] ->
      send(r, to, LOG, view[r], upTo, settled[r], ENTRY(r, upTo));
      upTo++
    :: else -> break
    od;
#ifdef MISTAKE_OS_SENT
    acknowledged[AT(r, to)] = logEnd[r];
#endif
  fi
}

/* ---- adopting.ts (VT, LS) */

inline lost(r) {
  printf("%c is no part of the machine any more (LS, RA)\n", NAME(r));
  die(r)
}

/* View v of `who` with backups `named` stands; its number is greater than that of r's. */
inline adopt(r, v, who, named) {
  if
  :: !HAS(named, r) && !(!IS_NAMED(r) && !IS_PRIMARY(r) && who == primary[r]) -> lost(r)
  :: else ->
    printf("%c adopts view %d of %c\n", NAME(r), v, NAME(who));
    phase[r] = NORMAL; claimed[r] = 0; claimedBackups[r] = 0;
    view[r] = v; backups[r] = named;
    if
    :: who == primary[r] -> logEnd[r] = deferredEnd[r]; if :: logEnd[r] > 0 -> acknowledge(r) :: else fi
    :: else -> primary[r] = who; reign[r] = v; mustFollow[r] = true; deferredEnd[r] = logEnd[r]
    fi
  fi
}

/* The log of the winner ends at `at`: it is offered what it lacks, and followed. */
inline follow(r, at) {
  mustFollow[r] = false;
  if
  :: at < logEnd[r] ->
    MUST(keptFrom[r] <= at,
      "(KP, OS) the log goes on beyond that of the new primary, and is not kept");
    i = at;
    do
    :: i < logEnd[r] -> send(r, primary[r], OFFER, view[r], i, ENTRY(r, i), 0); i++
    :: else -> break
    od
  :: else
  fi;
  printf("%c follows %c from %d on\n", NAME(r), NAME(primary[r]), logEnd[r]);
  send(r, primary[r], FOLLOW, view[r], logEnd[r], 0, 0)
}

/* ---- messages */

#define IS_OLD(r) (mView < (IS_PRIMARY(r) -> view[r] : reign[r]))

inline logCame(r, from) {
  if
  :: IS_OLD(r) || IS_PRIMARY(r) || from != primary[r] || view[r] == 0 || mView > view[r] || mustFollow[r]
  :: else ->
    upTo = (phase[r] == CLAIMING -> deferredEnd[r] : logEnd[r]);
    MUST(mPosition == upTo,
      "(KP, OS) a part of the log is missing");
    ENTRY(r, mPosition) = mY;
    deferredEnd[r] = mPosition + 1;
    if
    :: phase[r] == CLAIMING ->
#ifdef MISTAKE_CL
      acknowledge(r);
      ackPosition[AT(r, primary[r])] = deferredEnd[r];
#endif
      skip
    :: else ->
      logEnd[r] = mPosition + 1;
      keptFrom[r] = MAX(keptFrom[r], mX);
      acknowledge(r)
    fi
  fi
}

inline heartbeatCame(r, from) {
  if
  :: IS_OLD(r) || from != primary[r] || phase[r] != NORMAL || mustFollow[r] || mView > view[r] || IS_PRIMARY(r)
  :: else ->
    confirmed[r] = MAX(confirmed[r], mPosition);
    keptFrom[r] = MAX(keptFrom[r], mX)
  fi
}

inline viewTold(r, from) {
  if
  :: phase[r] == JOINING || mView < view[r] || (mView == view[r] && from != primary[r]) || IS_PRIMARY(r) && mView == view[r]
  :: else ->
    if :: mView > view[r] -> adopt(r, mView, from, mX) :: else fi;
    if
    :: phase[r] == GONE
    :: phase[r] != GONE && mustFollow[r] -> follow(r, mPosition)
    :: else -> acknowledge(r)
    fi
  fi
}

inline offered(r) {
  if
  :: phase[r] != COLLECTING || mView != view[r] || mPosition < logEnd[r]
  :: else ->
    MUST(mPosition == logEnd[r],
      "(KP, OS) a part of the log is offered beyond what was due");
    ENTRY(r, logEnd[r]) = mX;
    logEnd[r]++; deferredEnd[r] = logEnd[r]
  fi
}

inline followed(r, from) {
  if
  :: phase[r] != COLLECTING || mView != view[r] || !HAS(awaited[r], from)
  :: else -> awaited[r] = awaited[r] & ~SET(from); followedAt[AT(r, from)] = mPosition
  fi
}

inline welcomed(r, from) {
  if
  :: phase[r] != JOINING
  :: else ->
    phase[r] = NORMAL; view[r] = mView; reign[r] = mView; primary[r] = from; backups[r] = mX;
    logEnd[r] = mPosition; deferredEnd[r] = mPosition; keptFrom[r] = mPosition;
    confirmed[r] = mY;
    for (i : 0 .. ENTRIES - 1) {
      if :: i < mPosition -> ENTRY(r, i) = ENTRY(from, i) :: else fi
    }
  fi
}

/* ---- the bus */

inline fenced(r) {
  for (i : 0 .. ENTRIES - 1) {
    if
    :: i < received ->
      MUST(logEnd[r] > i && ENTRY(r, i) == visible[i],
      "(OR) who acts next does not know what is visible")
    :: else
    fi
  }
  busView = view[r]; busOwner = r + 1;
  fencedEver = MAX(fencedEver, busView);
#ifndef MISTAKE_RB_KEPT
  keptView = busView; keptOwner = busOwner;
#endif
  ours[r] = true; sentView[r] = view[r];
  if
  :: attached[r]
  :: else ->
    attached[r] = true;
#ifdef MISTAKE_RB_BOAST
    upTo = MAX(received, boasted);
#else
    upTo = received;
#endif
#ifdef MISTAKE_OF
    upTo = 0;
#endif
    MUST(confirmed[r] <= received,
      "(OF) nobody holds any more what the bus has not");
#ifdef MISTAKE_RS
    sent[r] = MAX(sent[r], upTo);
#else
    sent[r] = MAX(confirmed[r], upTo);
#endif
    arrived[r] = sent[r]
  fi
}

inline accept(r) {
  MUST(recordPrimary[busView] == r + 1 && sentView[r] == fencedEver,
      "(FN) the bus performs what one asks for who does not own the view");
#ifdef MISTAKE_OF
  upTo = received;
#else
  upTo = arrived[r];
#endif
  if
  :: upTo < received -> printf("the bus has it already\n")
  :: else ->
    MUST(upTo == received,
      "(OF) an output is missing before another");
#ifdef MISTAKE_OF
    MUST(upTo == arrived[r],
      "(OF) an output is there twice");
#endif
    visible[received] = ENTRY(r, arrived[r]);
    received++;
#ifdef MISTAKE_RB_BOAST
    boasted = MAX(boasted, received);
#endif
    skip
  fi
}

inline detach(r) {
  attached[r] = false; ours[r] = false; arrived[r] = sent[r]
}

#define HAS_COME(r) (busUp && attached[r] && arrived[r] < sent[r])

inline arrive(r) {
#ifdef MISTAKE_FN
  if
  :: sentView[r] > busView
#else
  if
  :: sentView[r] < busView || busOwner != r + 1
#endif
    ->
    printf("the bus tells %c that view %d is stale\n", NAME(r), sentView[r]);
    arrived[r] = sent[r];
    if :: phase[r] != GONE && view[r] == sentView[r] -> die(r) :: else fi
  :: else ->
    printf("output %d of %c arrives\n", arrived[r], NAME(r));
    accept(r);
    arrived[r]++
  fi
}

inline restart(v, owner) {
#ifdef MISTAKE_RB_VIEW
  busView = 1; busOwner = 1;
#else
  busView = v; busOwner = owner;
#endif
#if defined(MISTAKE_RB_FORGET)
  written = 0;
#elif defined(MISTAKE_RB_GROWN)
  written = keptWritten;
#else
  written = deviceLength;
#endif
  received = written; busUp = true;
  printf("the bus starts again at view %d, with %d outputs\n", busView, written)
}

proctype TheBus() {
  end: do
  /* Outputs arrive in order, also those of one that has died. */
  :: d_step { HAS_COME(0) -> arrive(0); skip }
  :: d_step { HAS_COME(1) -> arrive(1); skip }
#if N > 2
  :: d_step { HAS_COME(2) -> arrive(2); skip }
#endif
  :: d_step {
       busUp && written < received ->
       MUST(written == deviceLength,
      "(OF) a stream is written at an offset where other bytes are");
       printf("output %d is visible\n", written);
       written++; deviceLength++;
#if BUS_DEATHS == 0
       keptWritten = written
#endif
       skip
     }
#if BUS_DEATHS > 0
  :: d_step { busUp && keptWritten < written -> keptWritten = written }
#ifdef MISTAKE_RB_KEPT
  :: d_step { busUp && keptView != busView -> keptView = busView; keptOwner = busOwner }
#endif
  :: d_step {
       busUp && busDeaths < BUS_DEATHS ->
       printf("the bus dies\n");
       busDeaths++; busUp = false;
       for (i : 0 .. N - 1) { detach(i) }
       busView = 0; busOwner = 0; received = 0; written = 0;
       skip
     }
  /* RB: from its journal, and from what its device has beyond that. */
  :: d_step { !busUp -> restart(keptView, keptOwner); skip }
  /* On several hosts it also begins at the latest view. */
  :: d_step { !busUp && latestView > keptView -> restart(latestView, recordPrimary[latestView]); skip }
#endif
  od
}

/* ---- the arbiter (VW) */

inline decide(r) {
  if
  :: recordPrimary[requested[r]] != 0
  :: else ->
    printf("view %d is recorded for %c\n", requested[r], NAME(r));
    MUST(requested[r] == latestView + 1,
      "(VW) a view follows none");
    those = SET(recordPrimary[latestView] - 1) | recordBackups[latestView];
    MUST(HAS(those, r),
      "(VW) a view belongs to one that is no part of the view before");
    for (i : 0 .. N - 1) {
      if
      :: (i == r || HAS(requestedBackups[r], i)) && i != recordPrimary[latestView] - 1 ->
        MUST(restored[i],
      "(JN) a view names one that has no state yet");
        for (j : 0 .. ENTRIES - 1) {
          if
          :: j < received ->
            MUST(logEnd[i] > j && ENTRY(i, j) == visible[j],
      "(JN, BV) a view names one that lacks what left")
          :: else
          fi
        }
      :: else
      fi
    }
    latestView = requested[r];
    recordPrimary[latestView] = r + 1; recordBackups[latestView] = requestedBackups[r]
  fi;
  requested[r] = 0; requestedBackups[r] = 0
}

proctype Arbiter() {
  end: do
  :: d_step { requested[0] != 0 -> decide(0); skip }
  :: d_step { requested[1] != 0 -> decide(1); skip }
#if N > 2
  :: d_step { requested[2] != 0 -> decide(2); skip }
#endif
  od
}

/* ---- faults */

proctype Faults() {
  end: do
  :: d_step { deaths < DEATHS && phase[0] != GONE -> deaths++; printf("A dies\n"); die(0); skip }
  :: d_step { deaths < DEATHS && phase[1] != GONE -> deaths++; printf("B dies\n"); die(1); skip }
  :: d_step { cuts < CUTS && IS_UP(0, 1) && IS_UP(1, 0) -> cuts++; printf("the link of A and B is cut\n"); sever(0, 1); skip }
  :: d_step { busCuts < BUS_CUTS && attached[0] && phase[0] != GONE -> busCuts++; printf("A loses the bus\n"); detach(0); skip }
  :: d_step { busCuts < BUS_CUTS && attached[1] && phase[1] != GONE -> busCuts++; printf("B loses the bus\n"); detach(1); skip }
#if N > 2
  :: d_step { deaths < DEATHS && phase[2] != GONE -> deaths++; printf("C dies\n"); die(2); skip }
  :: d_step { cuts < CUTS && IS_UP(0, 2) && IS_UP(2, 0) -> cuts++; printf("the link of A and C is cut\n"); sever(0, 2); skip }
  :: d_step { cuts < CUTS && IS_UP(1, 2) && IS_UP(2, 1) -> cuts++; printf("the link of B and C is cut\n"); sever(1, 2); skip }
  :: d_step { busCuts < BUS_CUTS && attached[2] && phase[2] != GONE -> busCuts++; printf("C loses the bus\n"); detach(2); skip }
#endif
  od
}

/* ---- what a replica does by itself */

#ifdef MISTAKE_JN_RUNS
#define IS_READY(r) true
#else
#define IS_READY(r) HAS(running[r], joiner[r])
#endif
#ifdef MISTAKE_KP_NAMED
#define LACKS_NOTHING(r) (acknowledged[AT(r, joiner[r])] >= sent[r])
#else
#define LACKS_NOTHING(r) (acknowledged[AT(r, joiner[r])] >= sent[r] && acknowledged[AT(r, joiner[r])] >= settled[r])
#endif

proctype Replica(byte me) {
  end: do

  /* P0, and what follows it in the guest: an entry of the log, and an output. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && logEnd[me] < ENTRIES && ALL_FREE(me, 1) ->
       printf("%c logs entry %d\n", NAME(me), logEnd[me]);
       settle(me);
       ENTRY(me, logEnd[me]) = me + 1;
       for (i : 0 .. N - 1) {
         if
         :: HAS(RECIPIENTS(me), i) -> send(me, i, LOG, view[me], logEnd[me], settled[me], me + 1)
         :: else
         fi
       }
       logEnd[me]++; deferredEnd[me] = logEnd[me];
       skip
     }

  /* OR */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && ours[me] && sent[me] < logEnd[me] &&
       sent[me] - arrived[me] < UNSETTLED && MAY_LEAVE(me) ->
       printf("output %d of %c leaves\n", sent[me], NAME(me));
       those = backups[me];
       if :: recordPrimary[latestView] == me + 1 -> those = those | recordBackups[latestView] :: else fi;
       for (i : 0 .. N - 1) {
         if
         :: HAS(those, i) ->
           MUST(logEnd[i] > sent[me] && ENTRY(i, sent[me]) == ENTRY(me, sent[me]),
      "(OR) an output left before a backup had what precedes it")
         :: else
         fi
       }
       sent[me]++;
       skip
     }

  /* FN: on a connection, what was sent on it comes first. The answer says how much the bus has. */
  :: d_step {
       busUp && phase[me] == NORMAL && IS_PRIMARY(me) && !ours[me] && (!attached[me] || arrived[me] == sent[me]) ->
       MUST(recordPrimary[view[me]] == me + 1,
      "(FN) a replica fences the bus at a view that is not its own");
       if
       :: view[me] < busView || (view[me] == busView && busOwner != me + 1) ->
         printf("the bus tells %c that view %d is stale\n", NAME(me), view[me]);
         die(me)
       :: else ->
         printf("%c fences the bus at view %d, which has %d outputs\n", NAME(me), view[me], received);
         fenced(me)
       fi;
       skip
     }

  /* The outside has taken it, and the bus has kept that. */
  :: d_step {
       busUp && phase[me] == NORMAL && IS_PRIMARY(me) && ours[me] && busOwner == me + 1 && confirmed[me] < keptWritten ->
       confirmed[me] = keptWritten;
       skip
     }

  /* SX */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && claimed[me] == 0 && suspected[me] != 0 && view[me] < VIEWS ->
       printf("%c claims view %d without a backup\n", NAME(me), view[me] + 1);
       claim(me, backups[me] & ~suspected[me]);
       skip
     }

  /* JN, BV: who has caught up is waited for, and then named. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && claimed[me] == 0 && suspected[me] == 0 && joiner[me] != NOBODY &&
       !gating[me] && view[me] < VIEWS && IS_READY(me) ->
       gating[me] = true;
       skip
     }
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && claimed[me] == 0 && suspected[me] == 0 && joiner[me] != NOBODY &&
       gating[me] && view[me] < VIEWS && LACKS_NOTHING(me) ->
       settle(me);
       printf("%c claims view %d with %c, who has joined\n", NAME(me), view[me] + 1, NAME(joiner[me]));
       claim(me, backups[me] | SET(joiner[me]));
       skip
     }

  /* VW: the record is read and compared, whatever became of the first answer. */
  :: d_step {
       phase[me] != GONE && claimed[me] != 0 && recordPrimary[claimed[me]] == me + 1 && ALL_FREE(me, 1) ->
       won(me);
       skip
     }
  :: d_step {
       phase[me] != GONE && claimed[me] != 0 && recordPrimary[claimed[me]] != 0 && recordPrimary[claimed[me]] != me + 1 &&
       ALL_FREE(me, 1) ->
#ifdef MISTAKE_LS
       won(me)
#else
       printf("%c hears that view %d belongs to %c\n", NAME(me), claimed[me], NAME(recordPrimary[claimed[me]] - 1));
       if
       :: !IS_PRIMARY(me) && HAS(recordBackups[claimed[me]], me) ->
         adopt(me, claimed[me], recordPrimary[claimed[me]] - 1, recordBackups[claimed[me]])
       :: else -> lost(me)
       fi
#endif
       skip
     }
#ifdef MISTAKE_VW
  :: d_step {
       phase[me] != GONE && claimed[me] != 0 && recordPrimary[claimed[me]] == 0 && ALL_FREE(me, 1) ->
       printf("%c does not reach the arbiter\n", NAME(me));
       won(me);
       skip
     }
#endif

  /* OS: all have followed, or are waited for no more. */
  :: d_step {
       phase[me] == COLLECTING && awaited[me] == 0 && ALL_FREE(me, ENTRIES) ->
       takeOver(me);
       skip
     }

  /* JN: the snapshot has arrived, and the guest executes the log from there on. */
  :: d_step {
       phase[me] != GONE && phase[me] != JOINING && !restored[me] && IS_UP(me, primary[me]) ->
       printf("the guest of %c runs\n", NAME(me));
       restored[me] = true;
       acknowledge(me);
       skip
     }

  /* RA */
  :: d_step {
       phase[me] == READING && latestView > view[me] ->
       adopt(me, latestView, recordPrimary[latestView] - 1, recordBackups[latestView]);
       if :: phase[me] != GONE && !IS_NAMED(me) -> phase[me] = READING :: else fi;
       skip
     }
  :: d_step {
       phase[me] == READING && latestView == view[me] ->
       lost(me);
       skip
     }
  od
}

/* ---- what a replica does about another */

proctype Regards(byte me; byte other) {
  end: do

  /* P4: what came in order. */
  :: d_step {
       ackView[AT(other, me)] != 0 && phase[me] != GONE ->
       if
       :: IS_PRIMARY(me) && !HAS(suspected[me], other) && HAS(RECIPIENTS(me), other) && ackView[AT(other, me)] >= view[me] ->
         if :: ackRuns[AT(other, me)] -> running[me] = running[me] | SET(other) :: else fi;
         if
         :: ackView[AT(other, me)] == view[me] ->
           acknowledged[AT(me, other)] = MAX(acknowledged[AT(me, other)], ackPosition[AT(other, me)]);
#ifdef MISTAKE_JN_WORD
           if
           :: joiner[me] == other ->
             for (i : 0 .. N - 1) {
               if
               :: HAS(backups[me], i) ->
                 acknowledged[AT(me, i)] = MAX(acknowledged[AT(me, i)], ackPosition[AT(other, me)])
               :: else
               fi
             }
           :: else
           fi
#endif
           skip
         :: else
         fi
       :: else
       fi;
       ackView[AT(other, me)] = 0; ackPosition[AT(other, me)] = 0; ackRuns[AT(other, me)] = false;
       skip
     }

  /* A message. */
  :: d_step {
       len(channel[AT(other, me)]) > 0 && phase[me] != GONE && IS_FREE(me, other, ENTRIES + 1) ->
       channel[AT(other, me)]?mType, mView, mPosition, mX, mY;
       if
       :: HAS(suspected[me], other)
       :: else ->
         if
         :: phase[me] == READING && other == primary[me] -> phase[me] = NORMAL
         :: else
         fi;
         if
         :: mType == LOG -> logCame(me, other)
         :: mType == HEARTBEAT -> heartbeatCame(me, other)
         :: mType == VIEW -> viewTold(me, other)
         :: mType == OFFER -> offered(me)
         :: mType == FOLLOW -> followed(me, other)
         :: mType == WELCOME -> welcomed(me, other)
         fi
       fi;
       skip
     }

  /* LG, KP: what is there, and what all have. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && HAS(RECIPIENTS(me), other) && IS_UP(me, other) &&
       len(channel[AT(me, other)]) == 0 && phase[other] != JOINING &&
       (confirmed[other] < confirmed[me] ||
        (COUNT(GATES(me)) > 1 && (keptFrom[other] < settled[me] || (settled[me] < logEnd[me] && ALL_HAVE(me, settled[me] + 1))))) ->
       settle(me);
       send(me, other, HEARTBEAT, view[me], confirmed[me], settled[me], 0);
       skip
     }

  /* JN: who asks is given the state, and the outputs from before it that may be lost. */
  :: d_step {
       phase[other] == JOINING && IS_UP(me, other) && IS_UP(other, me) &&
       phase[me] == NORMAL && IS_PRIMARY(me) && ours[me] && joiner[me] == NOBODY && claimed[me] == 0 && suspected[me] == 0 &&
       !HAS(backups[me], other) && COUNT(backups[me]) < WANTED && view[me] < VIEWS && IS_FREE(me, other, 1) ->
       printf("%c saves its state at %d for %c\n", NAME(me), logEnd[me], NAME(other));
       joiner[me] = other;
       acknowledged[AT(me, other)] = logEnd[me];
       running[me] = running[me] & ~SET(other);
#ifdef MISTAKE_JN_PENDING
       send(me, other, WELCOME, view[me], logEnd[me], backups[me], logEnd[me])
#else
       send(me, other, WELCOME, view[me], logEnd[me], backups[me], confirmed[me])
#endif
       skip
     }

  /* CL: a backup whose primary is suspected. Who is known to be gone is not named. */
  :: d_step {
       phase[me] == NORMAL && !IS_PRIMARY(me) && view[me] > 0 && primary[me] == other && IS_NAMED(me) && view[me] < VIEWS ->
       printf("%c suspects %c, and claims view %d\n", NAME(me), NAME(other), view[me] + 1);
       phase[me] = CLAIMING; deferredEnd[me] = logEnd[me];
       claim(me, backups[me] & ~SET(me));
       skip
     }
  :: d_step {
       phase[me] == NORMAL && !IS_PRIMARY(me) && view[me] > 0 && primary[me] == other && IS_NAMED(me) && view[me] < VIEWS &&
       (backups[me] & ~SET(me) & ~REACHABLE(me)) != 0 ->
       printf("%c suspects %c, and claims view %d with those whom it reaches\n", NAME(me), NAME(other), view[me] + 1);
       phase[me] = CLAIMING; deferredEnd[me] = logEnd[me];
       those = backups[me] & ~SET(me) & REACHABLE(me);
       claim(me, those);
       skip
     }

  /* RA: one that does not know that it is named. */
  :: d_step {
       phase[me] == NORMAL && !IS_PRIMARY(me) && view[me] > 0 && primary[me] == other && !IS_NAMED(me) ->
       printf("%c, which joins, suspects %c\n", NAME(me), NAME(other));
#ifdef MISTAKE_RA
       view[me] = view[me] + 1; backups[me] = SET(me)
#else
       phase[me] = READING
#endif
       skip
     }

  /* SX: a primary that suspects one of its view, or of the view that it claims. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && !HAS(suspected[me], other) && view[me] < VIEWS &&
       (HAS(backups[me], other) || (claimed[me] != 0 && HAS(claimedBackups[me], other) && claimed[me] < VIEWS)) ->
       printf("%c suspects %c\n", NAME(me), NAME(other));
       suspected[me] = suspected[me] | SET(other);
       skip
     }

  /* JN: one that was not named yet is forgotten. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && joiner[me] == other && !(claimed[me] != 0 && HAS(claimedBackups[me], other)) ->
       printf("%c forgets %c, which joins\n", NAME(me), NAME(other));
       joiner[me] = NOBODY; gating[me] = false;
       acknowledged[AT(me, other)] = 0; running[me] = running[me] & ~SET(other);
       sever(me, other);
       skip
     }

  /* OS: it does not follow. */
  :: d_step {
       phase[me] == COLLECTING && HAS(awaited[me], other) && view[me] < VIEWS ->
       printf("%c waits no longer for %c\n", NAME(me), NAME(other));
       awaited[me] = awaited[me] & ~SET(other);
       suspected[me] = suspected[me] | SET(other);
       skip
     }
  od
}

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

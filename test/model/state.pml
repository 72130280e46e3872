/* What there is: what a replica knows (channel-state.ts), what is on its way, the arbiter, the bus; and what is asked of all of it. */

#define BUS_FAILS (BUS_DEATHS + BUS_CUTS > 0)   /* where it does not, what leaves arrives, and is kept, in one step */

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
byte joinedAt[N];           /* position of its snapshot */
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
hidden byte newView, newPrimary, newBackups;
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
  running[r] = 0; suspected[r] = 0; claimed[r] = 0; claimedBackups[r] = 0; joiner[r] = NOBODY; joinedAt[r] = 0; gating[r] = false;
  awaited[r] = 0; mustFollow[r] = false; ours[r] = false;
#if !BUS_FAILS
  sent[r] = 0; arrived[r] = 0; sentView[r] = 0; attached[r] = false;
#endif
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

/* What a replica does about the log, views and messages: claiming.ts, collecting.ts, adopting.ts, committing.ts, joining.ts. */

/* ---- claiming.ts */

inline claim(r, who) {
  claimed[r] = view[r] + 1; claimedBackups[r] = who;
  requested[r] = claimed[r]; requestedBackups[r] = who
}

inline claimWithoutSuspected(r) {
  if
  :: phase[r] == NORMAL && IS_PRIMARY(r) && claimed[r] == 0 && suspected[r] != 0 && view[r] < VIEWS ->
    printf("%c claims view %d without a backup\n", NAME(r), view[r] + 1);
    claim(r, backups[r] & ~suspected[r])
  :: else
  fi
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
  :: joiner[r] != NOBODY && HAS(backups[r], joiner[r]) -> joiner[r] = NOBODY; joinedAt[r] = 0; gating[r] = false
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
      for (i : 0 .. N - 1) { followedAt[AT(r, i)] = 0 }
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
  newView = v; newPrimary = who; newBackups = named;
  if
  :: !HAS(newBackups, r) && !(!IS_NAMED(r) && !IS_PRIMARY(r) && newPrimary == primary[r]) -> lost(r)
  :: else ->
    printf("%c adopts view %d of %c\n", NAME(r), newView, NAME(newPrimary));
    phase[r] = NORMAL; claimed[r] = 0; claimedBackups[r] = 0;
    view[r] = newView; backups[r] = newBackups;
    if
    :: newPrimary == primary[r] ->
      if :: deferredEnd[r] > logEnd[r] -> logEnd[r] = deferredEnd[r]; acknowledge(r) :: else fi
    :: else ->
      primary[r] = newPrimary; reign[r] = newView; mustFollow[r] = true; deferredEnd[r] = logEnd[r]
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
#if N > 2
    restored[r] = true;   /* when its guest runs is looked at with two */
#endif
    for (i : 0 .. ENTRIES - 1) {
      if :: i < mPosition -> ENTRY(r, i) = ENTRY(from, i) :: else fi
    }
    if :: restored[r] -> acknowledge(r) :: else fi
  fi
}

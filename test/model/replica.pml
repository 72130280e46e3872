/* The steps of a replica, each atomic, in any order. */

/* ---- what a replica does by itself */

#ifdef MISTAKE_JN_RUNS
#define IS_READY(r) true
#else
#define IS_READY(r) HAS(running[r], joiner[r])
#endif
/* KP: what is settled nobody keeps, and what came with its snapshot it can give to nobody. */
#if defined(MISTAKE_KP_NAMED)
#define HAVE_WHAT_IS_NOT_KEPT(r) ALL_HAVE(r, joinedAt[r])
#elif defined(MISTAKE_KP_JOINED)
#define HAVE_WHAT_IS_NOT_KEPT(r) (acknowledged[AT(r, joiner[r])] >= settled[r])
#else
#define HAVE_WHAT_IS_NOT_KEPT(r) (ALL_HAVE(r, settled[r]) && ALL_HAVE(r, joinedAt[r]))
#endif
#define LACKS_NOTHING(r) (acknowledged[AT(r, joiner[r])] >= sent[r] && HAVE_WHAT_IS_NOT_KEPT(r))

proctype Replica(byte me) {
  end: do

  /* P0, and what follows it in the guest: an entry of the log, and an output. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && logEnd[me] < ENTRIES && ALL_FREE(me, 1) ->
       printf("%c logs entry %d\n", NAME(me), logEnd[me]);
       ENTRY(me, logEnd[me]) = me + 1;
       logEnd[me]++; deferredEnd[me] = logEnd[me];
       settle(me);
       for (i : 0 .. N - 1) {
         if
         :: HAS(RECIPIENTS(me), i) -> send(me, i, LOG, view[me], logEnd[me] - 1, settled[me], me + 1)
         :: else
         fi
       }
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
#if !BUS_FAILS
       arrive(me);
#endif
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
       BUS_FAILS && busUp && phase[me] == NORMAL && IS_PRIMARY(me) && ours[me] && busOwner == me + 1 && confirmed[me] < keptWritten ->
       confirmed[me] = keptWritten;
       skip
     }

  /* JN, BV: who has caught up is waited for, and named as soon as nobody lacks anything. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && claimed[me] == 0 && suspected[me] == 0 && joiner[me] != NOBODY &&
       view[me] < VIEWS && IS_READY(me) && (!gating[me] || LACKS_NOTHING(me)) ->
       gating[me] = true;
       settle(me);
       if
       :: LACKS_NOTHING(me) ->
         printf("%c claims view %d with %c, who has joined\n", NAME(me), view[me] + 1, NAME(joiner[me]));
         claim(me, backups[me] | SET(joiner[me]))
       :: else
       fi;
       skip
     }

  /* VW: the record is read and compared, whatever became of the first answer. */
  :: d_step {
       phase[me] != GONE && claimed[me] != 0 && recordPrimary[claimed[me]] == me + 1 && ALL_FREE(me, 1) ->
       won(me);
       claimWithoutSuspected(me);
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
       claimWithoutSuspected(me);
       skip
     }
#endif

  /* OS: all have followed, or are waited for no more. */
  :: d_step {
       phase[me] == COLLECTING && awaited[me] == 0 && ALL_FREE(me, ENTRIES) ->
       takeOver(me);
       claimWithoutSuspected(me);
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
        ((COUNT(GATES(me)) > 1 || joiner[me] != NOBODY) &&
         (keptFrom[other] < settled[me] ||
          (settled[me] < logEnd[me] && (COUNT(GATES(me)) < 2 || ALL_HAVE(me, settled[me] + 1)))))) ->
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
       joiner[me] = other; joinedAt[me] = logEnd[me];
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

  /* SX: a primary that suspects one of its view, or of the view that it claims: that is left out of the next. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && !HAS(suspected[me], other) && view[me] < VIEWS &&
       (HAS(backups[me], other) || (claimed[me] != 0 && HAS(claimedBackups[me], other) && claimed[me] < VIEWS)) ->
       printf("%c suspects %c\n", NAME(me), NAME(other));
       suspected[me] = suspected[me] | SET(other);
       claimWithoutSuspected(me);
       skip
     }

  /* JN: one that was not named yet is forgotten. */
  :: d_step {
       phase[me] == NORMAL && IS_PRIMARY(me) && joiner[me] == other && !(claimed[me] != 0 && HAS(claimedBackups[me], other)) ->
       printf("%c forgets %c, which joins\n", NAME(me), NAME(other));
       joiner[me] = NOBODY; joinedAt[me] = 0; gating[me] = false;
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

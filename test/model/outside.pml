/* What replicas meet: the bus, the arbiter, and faults. */

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
#if !BUS_FAILS
    written = received; deviceLength = received; keptWritten = received;
#endif
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
       skip
     }
  :: d_step { busUp && keptWritten < written -> keptWritten = written }
#if BUS_DEATHS > 0
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

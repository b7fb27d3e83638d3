/* The protocol of bench/core.ts, for SPIN: same states, same moves. Give -DP= -DK= -DM= -DD= for pages, conversions,
   mappings and accesses. A d_step is one atomic step; each critical section is a single one, so the
   lock needs no state. Locals return to 0 when a process is idle again. */
#define PRIV   0
#define SHARED 1
#define NONE   2

byte share[P];
byte pte[P] = NONE;
byte tlb[P] = NONE;
bit inprog;
byte seq;

/* In every state, after every step. */
#define FITS(p) ((pte[p] == NONE || pte[p] == share[p]) && (tlb[p] == NONE || tlb[p] == share[p]))
#if P == 2
#define ALL_FIT (FITS(0) && FITS(1))
#define EACH(STEP) :: STEP(0) :: STEP(1)
#elif P == 3
#define ALL_FIT (FITS(0) && FITS(1) && FITS(2))
#define EACH(STEP) :: STEP(0) :: STEP(1) :: STEP(2)
#elif P == 4
#define ALL_FIT (FITS(0) && FITS(1) && FITS(2) && FITS(3))
#define EACH(STEP) :: STEP(0) :: STEP(1) :: STEP(2) :: STEP(3)
#elif P == 5
#define ALL_FIT (FITS(0) && FITS(1) && FITS(2) && FITS(3) && FITS(4))
#define EACH(STEP) :: STEP(0) :: STEP(1) :: STEP(2) :: STEP(3) :: STEP(4)
#elif P == 6
#define ALL_FIT (FITS(0) && FITS(1) && FITS(2) && FITS(3) && FITS(4) && FITS(5))
#define EACH(STEP) :: STEP(0) :: STEP(1) :: STEP(2) :: STEP(3) :: STEP(4) :: STEP(5)
#endif
#define JUDGE assert(inprog != 0 || ALL_FIT)

#define BEGIN(q)    d_step { used < K -> used++; page = q; inprog = 1; JUDGE }
#define SNAPSHOT(q) d_step { used < M -> used++; page = q; snap = seq; JUDGE }
#define ACCESS(q)   d_step { used < D -> used++; if :: (tlb[q] == NONE && pte[q] != NONE) -> tlb[q] = pte[q] :: else fi; JUDGE }

proctype Convert() {
  byte used, page;
idle:
  if EACH(BEGIN) fi;
  d_step { pte[page] = NONE; JUDGE };
  d_step { tlb[page] = NONE; JUDGE };
  d_step { share[page] = 1 - share[page]; JUDGE };
  d_step { seq = (seq + 1) % 4; inprog = 0; page = 0; JUDGE };
  goto idle
}

proctype Map() {
  byte used, page, snap, kind;
idle:
  if EACH(SNAPSHOT) fi;
  d_step { kind = share[page]; JUDGE };
  d_step { if :: (inprog == 0 && seq == snap) -> pte[page] = kind :: else fi; page = 0; snap = 0; kind = 0; JUDGE };
  goto idle
}

proctype Device() {
  byte used;
idle:
  if EACH(ACCESS) fi;
  goto idle
}

init {
  atomic {
    run Convert();
    run Map();
    run Device()
  }
}

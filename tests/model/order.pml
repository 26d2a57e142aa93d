/* One need, its record, and a vendor who cannot be asked to do a thing only once (reliability.md section 4).
 *
 * Controllers may die at any line and begin again with nothing but the record. A request may be lost on its way or take effect
 * late, up to D after it was sent; an order shows in look-ups up to V after that; an answer may be lost; the vendor may refuse,
 * and may say so although it took the order. What must hold: the vendor's ledger never shows two orders.
 *
 * A tick is any unit of time. Time stands still while a request is overdue (A1) or a process stands longer than PAUSE between
 * looking at its deadline and sending (A3): these are the assumptions. tests/model/variants says which switches belong together.
 *
 *   HOLD        absent for good: a person is asked           (else it is sent again: onUnknownOrder: resubmit)
 *   DEADLINE    a claim may be sent only until S after it
 *   RELEASE     a person lets a held order go again, having looked in the vendor's panel when all must show
 *   REFUSALS    the vendor may refuse, truly or not; a manifest is edited afterwards and the order tried again
 *
 * Ablations, each of which must lead to two orders:
 *   NO_INTENT        sent without a claim in the record
 *   LATE_INTENT      the claim is written after the request left
 *   NO_COMPARE       the record is read, then written, whoever wrote between
 *   OLD_LOOK         what an older look-up said is believed once the grace is over
 *   NO_CONTROL       a look-up that failed counts as one that found nothing
 *   REPEATS          the transport sends a request again by itself (a reused connection that dies)
 *   BELIEVED         a refusal is believed without a look-up, and an edit after it is sent without one
 *   HASTY_PERSON     a person releases without looking
 *   SHORT_GRACE      a grace that forgets V; PAUSELESS_GRACE: one that forgets PAUSE
 * A limit, shown and not an ablation:
 *   HIDDEN           the vendor refuses, took the order all the same, and shows it only V later */

#ifndef CONTROLLERS
#define CONTROLLERS 1
#endif
#ifndef CRASHES
#define CRASHES 2 /* of all controllers together */
#endif
#ifndef D
#define D 2
#endif
#ifndef V
#define V 1
#endif
#ifndef S
#define S 1
#endif
#ifndef PAUSE
#define PAUSE 1
#endif
#ifndef GRACE
#ifdef SHORT_GRACE
#define GRACE (S + PAUSE + D)
#else
#ifdef PAUSELESS_GRACE
#define GRACE (S + D + V)
#else
#define GRACE (S + PAUSE + D + V)
#endif
#endif
#endif
#ifndef TIME
#define TIME 14
#endif
#define FLYING 4 /* requests under way at once */
#define NEVER 255

mtype = { wanted, prepared, submitting, doubted, held, refused, placed };

/* The record: all of it durable. `doubted` is an unknown order of which the vendor said that it was refused. */
mtype state = wanted;
byte claimed_at = 0;    /* when the last claim was written */
bool asked_first = true; /* every claim after the first is preceded by a look-up */
bool fresh[CONTROLLERS]; /* nobody wrote since this controller read: the compare in compare-and-set */

byte now = 0;
byte orders = 0;        /* the vendor's ledger */
byte shown_from = NEVER; /* when look-ups begin to show an order */
byte flying = 0;
byte overdue_at[FLYING]; /* of each, in the order they were sent: all are given D */
byte send_by[CONTROLLERS] = NEVER; /* while a controller stands between its look at the deadline and the sending; else NEVER */
byte crashes = 0;
bool edited = false, released = false;

inline take_effect()
{
    orders++;
    assert(orders <= 1);
    if
    :: shown_from == NEVER -> shown_from = now + V
    :: else
    fi
}

inline forget_first()
{
    flying--;
    overdue_at[0] = overdue_at[1];
    overdue_at[1] = overdue_at[2];
    overdue_at[2] = overdue_at[3];
    overdue_at[3] = 0
}

inline send()
{
    overdue_at[flying] = now + D;
    flying++
}

/* A write goes through if nobody wrote since this controller read. */
#ifdef NO_COMPARE
#define MAY_WRITE true
#else
#define MAY_WRITE fresh[me]
#endif
inline write(what)
{
    state = what;
#if CONTROLLERS > 1
    fresh[0] = false;
    fresh[1] = false;
#else
    fresh[0] = false;
#endif
    fresh[me] = true /* it knows what it wrote */
}

#define WRITE(what) if :: atomic { MAY_WRITE -> write(what) } :: !(MAY_WRITE) -> skip fi

#ifdef BELIEVED
#define AFTER_REFUSAL refused
#else
#define AFTER_REFUSAL doubted
#endif
#ifdef HIDDEN
#define HIDDEN_FOR V
#else
#define HIDDEN_FOR 0
#endif

#define DIES atomic { crashes < CRASHES -> crashes++; send_by[me] = NEVER; fresh[me] = false; goto begin }

#define NOBODY_LATE (send_by[0] == NEVER || now < send_by[0])
#if CONTROLLERS > 1
#define NOBODY_LATE_2 (send_by[1] == NEVER || now < send_by[1])
#else
#define NOBODY_LATE_2 true
#endif

active proctype World()
{
    do
    :: atomic { now < TIME && (flying == 0 || now < overdue_at[0]) && NOBODY_LATE && NOBODY_LATE_2 -> now++ }
    :: atomic { flying > 0 -> forget_first(); take_effect() }
    :: atomic { flying > 0 -> forget_first() } /* lost */
#ifdef REPEATS
    :: atomic { flying > 0 -> take_effect() } /* and it flies on: the library sends it again */
#endif
    :: now >= TIME && flying == 0 -> break
    od
}

#ifdef RELEASE
active proctype Person()
{
    do
    :: now >= TIME -> break
#ifdef HASTY_PERSON
    :: atomic { state == held && !released -> released = true; state = prepared }
#else
    :: atomic { state == held && !released && orders == 0 && now > claimed_at + S + PAUSE + D + V ->
           released = true; state = prepared }
#endif
    od
}
#endif

#ifdef REFUSALS
active proctype Author()
{
    do
    :: now >= TIME -> break
    :: atomic { state == refused && !edited ->
           edited = true;
#ifndef BELIEVED
           asked_first = false;
#endif
           state = prepared;
           fresh[0] = false }
    od
}
#endif

proctype Controller(byte me)
{
    mtype was;
    byte mine, looked_at;
    bool found;

begin:
    atomic { was = wanted; mine = 0; looked_at = 0; found = false }
    do
    :: now >= TIME -> break
    :: DIES
    :: atomic { was = state; fresh[me] = true } ->
        if
        :: was == placed || was == refused || was == held -> skip /* nothing is to be done */

        :: was == wanted -> /* key, request, budget: one transaction */
            WRITE(prepared)

        :: was == prepared && !asked_first -> /* the look-up before a further claim */
            atomic { looked_at = now; found = (orders > 0 && now >= shown_from) };
            if
            :: DIES
            :: found -> WRITE(placed)
            :: atomic { !found && MAY_WRITE -> asked_first = true; write(prepared) }
            :: !(MAY_WRITE) -> skip
            fi

        :: was == prepared && asked_first -> /* the claim, then the one request */
#ifdef NO_INTENT
            mine = now;
#else
#ifdef LATE_INTENT
            mine = now;
#else
            if
            :: atomic { MAY_WRITE -> write(submitting); claimed_at = now; mine = now }
            :: !(MAY_WRITE) -> goto next
            fi;
#endif
#endif
            if
            :: DIES
            :: skip
            fi;
#ifdef DEADLINE
            if
            :: atomic { now <= mine + S -> send_by[me] = now + PAUSE }
            :: atomic { now > mine + S ->
                   if
                   :: state == submitting && claimed_at == mine && MAY_WRITE -> write(prepared) /* surely not sent */
                   :: else
                   fi };
               goto next
            fi;
#endif
            if
            :: DIES
            :: atomic { flying < FLYING -> send(); send_by[me] = NEVER }
            fi;
#ifdef LATE_INTENT
            if
            :: DIES
            :: atomic { write(submitting); claimed_at = now }
            fi;
#endif
            if
            :: DIES
            :: atomic { orders > 0 && flying == 0 -> write(placed) } /* accepted */
#ifdef REFUSALS
            :: atomic { flying > 0 -> forget_first(); write(AFTER_REFUSAL) } /* truly refused */
            :: atomic { flying > 0 -> forget_first(); take_effect(); shown_from = now + HIDDEN_FOR; write(AFTER_REFUSAL) }
#endif
            :: skip /* the answer is lost */
            fi

        :: was == submitting || was == doubted -> /* only looking up is allowed now */
            mine = claimed_at;
            atomic { looked_at = now; found = (orders > 0 && now >= shown_from)
#ifdef NO_CONTROL
                     ; if
                       :: found = false /* it failed, and nobody asked whether looking up works */
                       :: skip
                       fi
#endif
            };
            if
            :: DIES
            :: found -> WRITE(placed)
            :: !found && was == doubted -> WRITE(refused)
#ifdef OLD_LOOK
            :: atomic { !found && was == submitting && MAY_WRITE && now >= mine + GRACE ->
#else
            :: atomic { !found && was == submitting && MAY_WRITE && looked_at >= mine + GRACE ->
#endif
#ifdef HOLD
                   write(held) }
#else
                   write(prepared) }
#endif
            :: skip
            fi
        fi;
next:   atomic { mine = 0; looked_at = 0; found = false; was = wanted }
    od
}

init
{
    atomic {
#if CONTROLLERS > 1
        run Controller(1);
#endif
        run Controller(0)
    }
}

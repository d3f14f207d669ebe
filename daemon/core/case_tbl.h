/* case_tbl.h - the whole behaviour of a case on one page: state x event -> what is done, next state.
 * Every cell is written, also the dull ones; a missing one does not compile (the count), nor does a double one
 * (-Woverride-init). The drawing stands in case.h. */
#pragma once

/*        state      event     verb      next state  reason, where it is refused */
#define CASE_CELLS(X)                                                                        \
        X(NEW,       FLAGGED,  START,    OPEN,       NULL)                                   \
        X(NEW,       DUE,      REFUSE,   NEW,        "there is no such case")                \
        X(NEW,       ATTEMPT,  REFUSE,   NEW,        "there is no such case")                \
        X(NEW,       CONTACT,  REFUSE,   NEW,        "there is no such case")                \
        X(NEW,       CLAIM,    REFUSE,   NEW,        "there is no such case")                \
        X(NEW,       ASSIGN,   REFUSE,   NEW,        "there is no such case")                \
        X(NEW,       CLOSE,    REFUSE,   NEW,        "there is no such case")                \
        X(OPEN,      FLAGGED,  JOIN,     OPEN,       NULL)                                   \
        X(OPEN,      DUE,      CLIMB,    OPEN,       NULL)                                   \
        X(OPEN,      ATTEMPT,  PAUSE,    OPEN,       NULL)                                   \
        X(OPEN,      CONTACT,  REACH,    CONTACTED,  NULL)                                   \
        X(OPEN,      CLAIM,    TAKE,     OPEN,       NULL)                                   \
        X(OPEN,      ASSIGN,   GIVE,     OPEN,       NULL)                                   \
        X(OPEN,      CLOSE,    END,      CLOSED,     NULL)                                   \
        X(CONTACTED, FLAGGED,  AGAIN,    OPEN,       NULL)                                   \
        X(CONTACTED, DUE,      IGNORE,   CONTACTED,  NULL)                                   \
        X(CONTACTED, ATTEMPT,  NOTE,     CONTACTED,  NULL)                                   \
        X(CONTACTED, CONTACT,  NOTE,     CONTACTED,  NULL)                                   \
        X(CONTACTED, CLAIM,    REFUSE,   CONTACTED,  "the customer has been reached already") \
        X(CONTACTED, ASSIGN,   GIVE,     CONTACTED,  NULL)                                   \
        X(CONTACTED, CLOSE,    END,      CLOSED,     NULL)                                   \
        X(CLOSED,    FLAGGED,  AGAIN,    OPEN,       NULL)                                   \
        X(CLOSED,    DUE,      IGNORE,   CLOSED,     NULL)                                   \
        X(CLOSED,    ATTEMPT,  REFUSE,   CLOSED,     "the case is closed")                   \
        X(CLOSED,    CONTACT,  REFUSE,   CLOSED,     "the case is closed")                   \
        X(CLOSED,    CLAIM,    REFUSE,   CLOSED,     "the case is closed")                   \
        X(CLOSED,    ASSIGN,   REFUSE,   CLOSED,     "the case is closed")                   \
        X(CLOSED,    CLOSE,    REFUSE,   CLOSED,     "the case is closed already")

/* email.h - a delivery as a mail: text and HTML, one recipient, in one thread with the others of its case.
 * Everything that is sent was made or checked here; libcurl checks neither addresses nor headers.
 * Pure; results are in the arena.
 * Subject: what the alert's title was when the case was opened: who, and by when.
 * Threads: each mail of a case refers to an id made of the case's UUID, which no mail has itself, so that mail programs
 *          put them together whatever arrives first, also for somebody who never got the alert. Later messages have the
 *          same subject behind "Re:", as Gmail groups by subject as well.
 * Source:  RFC 5322, 2045, 2046, 2047, 3834. */
#pragma once

#include "turn/parcel.h"

/* NULL, or why no mail can be made of it: "\"ana\" has no mail address". */
const char *email_refusal(const Parcel *p);

/* The whole message, lines ended by CR LF, none longer than 76 but for the addresses; ASCII only. Not to be asked for
 * what email_refusal() refuses. */
Text email_message(const Parcel *p, WallTime now, Arena *arena);

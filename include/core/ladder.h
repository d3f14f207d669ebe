/* ladder.h - who is told when: a policy's rungs resolved to steps for this owner, these people, these working hours.
 * Pure; called before case_step(), which stores what is found here with the event.
 *
 * Times count from `submitted`. "working" times are the owner's. A message waits for its reader's working hours unless
 * the rung says `at = "any time"`; a channel (a room, a system) is always awake. Where a rung's recipient would be the
 * owner again or nobody, the next above takes it: manager, director, then the catch-all. */
#pragma once

#include "core/case.h"
#include "core/people.h"

typedef struct LadderScene {
        const Policy *policy;
        const Roster *roster;
        Party owner;
        Party catch_all;
        const Text *inform; /* the route's list */
        size_t inform_count;
        Response *response; /* for recipients that a field names; may be NULL */
        WallTime submitted_at;
        WallTime window_ends_at;
        WallTime now;
        bool holds; /* `now` is in doubt: what is overdue by it, alerts aside, keeps its time */
} LadderScene;

typedef struct StepList {
        Step *steps;
        size_t count;
} StepList;

/* The whole ladder, for a case that opens or opens again. */
StepList ladder_plan(const LadderScene *scene, Arena *arena);

/* The waiting steps for another owner: who was told stays told, what waited goes to the new owner and their manager.
 * with_alert: the new owner is told at once (assign); otherwise they know already (claim). */
StepList ladder_retarget(const LadderScene *scene, const Case *c, bool with_alert, Arena *arena);

/* Something that others hear of the owner, and so not before the owner had least_notice. */
bool step_is_about_the_owner(const Step *s);

/* When an attempt's pause ends: the policy's delay in the owner's hours, from now. */
WallTime ladder_pause_end(const LadderScene *scene);

/* The waiting steps, none before `until`. */
StepList ladder_pause(const LadderScene *scene, const Case *c, WallTime until, Arena *arena);

/* The waiting steps as they stand now that the fate of the owner's alert is known: nobody hears of it before the owner
 * had the accepted alert for least_notice; if the alert was given up and nobody else knows yet, the next rung comes
 * now. Repeating steps that are due get the time of their next occurrence. */
StepList ladder_refit(const LadderScene *scene, const Case *c, AlertState alert, WallTime told_at, Arena *arena);

/* The owner, or the members of the owning group, told `message` in their own working hours. */
StepList ladder_tell_owner(const LadderScene *scene, Message message, Arena *arena);

/* Somebody who was asked for help, told `message` in their own working hours; nobody if they are the owner or gone. */
StepList ladder_tell_asked(const LadderScene *scene, Text id, RecipientKind why, Message message, Arena *arena);

/* A channel itself, told `message` now. */
StepList ladder_tell_channel(const LadderScene *scene, Text name, Message message, Arena *arena);

/* The rooms and systems that the policy tells of cases, told `message` now. */
StepList ladder_tell_channels(const LadderScene *scene, Message message, Arena *arena);

void steps_append(StepList *list, StepList more, Arena *arena);

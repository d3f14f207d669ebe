/* wording_names.h - the names a template may use, each with what it stands for; one row a name.
 * The order is that of wording_values(). The list in conf/templates/README is made of these rows (a test compares). */
#pragma once

#include "core/wording.h"

/* X(constant, name, what it is) */
#define WORDING_ROWS(X)                                                                                 \
        X(NUMBER, "number", "the case's number")                                                        \
        X(CUSTOMER, "customer", "the customer's name; without one \"customer ID\", or \"a customer\"")  \
        X(CUSTOMER_FIRST, "Customer", "the same at the start of a sentence")                            \
        X(ACCOUNT, "account", "the customer's company")                                                 \
        X(TERRITORY, "territory", "the territory")                                                      \
        X(PHONE, "phone", "the customer's phone number")                                                \
        X(EMAIL, "email", "the customer's mail address")                                                \
        X(REACH, "reach", "phone, else email, else \"No phone number came with the answer\"")           \
        X(SCORE, "score", "\"2 of 10\"")                                                                \
        X(TOUCHPOINT, "touchpoint", "what the survey was about: \"installation\"")                      \
        X(ANSWER, "answer", "score and touchpoint: \"2 of 10, after installation\"")                    \
        X(COMMENT, "comment", "the customer's own words, at most 140 characters")                       \
        X(SEVERITY, "severity", "\"low\", \"normal\", \"high\" or \"critical\"")                        \
        X(RULE, "rule", "the rule that decided")                                                        \
        X(SINCE, "since", "when the customer answered")                                                 \
        X(BY, "by", "\"by Fri 16:40\", or \"as soon as you can\" once that has passed")                 \
        X(ENDS, "ends", "when the promise ends, while it is still to come")                             \
        X(ENDED, "ended", "when the promise ended, once that has passed")                               \
        X(LEFT, "left", "how long until the promise ends: \"2 h\"")                                     \
        X(NEXT, "next", "when the reminders go on by themselves: \"tomorrow 10:00\"")                   \
        X(OWNER, "owner", "the owner's name, or \"the group desk\"")                                    \
        X(OWNER_FIRST, "Owner", "the same at the start of a sentence")                                  \
        X(MANAGER, "manager", "the manager's name, or \"your manager\"")                                \
        X(MANAGER_FIRST, "Manager", "the same at the start of a sentence")                              \
        X(READER, "reader", "the name of whom the message goes to")                                     \
        X(TOLD, "told", "when the owner was told")                                                      \
        X(ATTEMPT, "attempt", "the last attempt: \"voicemail 11:10\"")                                  \
        X(HISTORY, "history", "\"Ana Lima was told 09:02, voicemail 11:10\"")                           \
        X(WHO, "who", "who has claimed the case or reached the customer")                               \
        X(WHO_FIRST, "Who", "the same at the start of a sentence")                                      \
        X(REACHED, "reached", "when the customer was reached")                                          \
        X(OUTCOME, "outcome", "how the case was closed: \"recovered\", \"no call wanted\"")             \
        X(WIN, "win", "the same, only if it is one to be proud of")                                     \
        X(CAUSE, "cause", "the root cause given at the close")                                          \
        X(NOTE, "note", "the text of a message to operators or of a test")                              \
        X(LATE, "late", "how late this message is: \"3 h\"")                                            \
        X(IN_FULL, "in_full", "body only: what had to be shortened in the title, in full")              \
        X(TO_OWNER, "to_owner", "set if the reader is the owner or stands in for them")                 \
        X(TO_GROUP, "to_group", "set if the case belongs to a group, so that somebody has to claim it") \
        X(TO_ACT, "to_act", "set if the reader is asked to do something")                               \
        X(CONTACT_COMMAND, "contact_command", "what to type after reaching the customer")               \
        X(ATTEMPT_COMMAND, "attempt_command", "what to type after trying")                              \
        X(CLAIM_COMMAND, "claim_command", "what to type to take a group's case")                        \
        X(ASSIGN_COMMAND, "assign_command", "what to type to give the case to somebody")                \
        X(CASE_COMMAND, "case_command", "what to type to see the case")

#define WORDING_CONSTANT(constant, name, meaning) WORDING_##constant,
enum {
        WORDING_ROWS(WORDING_CONSTANT) WORDING_MAX
};

/* What each name stands for, in the same order. */
extern const char *const WORDING_MEANINGS[];

/* verbs.c - the table of what closedloopctl can ask; what is said of it stands in words.c. */
#include "inside.h"

const Verb VERBS[VERB_ID_MAX] = {
        [VERB_STATUS] = { "status", 1, 0, 0, "", verb_status, NULL },
        [VERB_CASES] = { "cases", 1, 0, 0, "open overdue owner= customer= territory= limit=", NULL, ask_cases },
        [VERB_CASE] = { "case", 1, 1, 1, "", NULL, ask_case },
        [VERB_WHY] = { "why", 1, 1, 1, "", NULL, ask_why },
        [VERB_WHEN] = { "when", 1, 1, 1, "", NULL, ask_when },
        [VERB_CONTACT] = { "contact", 1, 1, 1, "by= channel= result= note= at= key=", verb_contact, NULL },
        [VERB_ATTEMPT] = { "attempt", 1, 1, 1, "by= channel= result= note= at= key=", verb_attempt, NULL },
        [VERB_CLAIM] = { "claim", 1, 1, 1, "by= note= key=", verb_claim, NULL },
        [VERB_ASSIGN] = { "assign", 1, 1, 1, "to= by= note= key=", verb_assign, NULL },
        [VERB_CLOSE] = { "close", 1, 1, 1,
                         "outcome= by= cause= note= amount= reference= credit= may-quote key=", verb_close, NULL },
        [VERB_DELIVERIES] = { "deliveries", 1, 0, 0, "failed case= limit=", NULL, ask_deliveries },
        [VERB_RETRY] = { "retry", 1, 1, 1, "", NULL, ask_retry },
        [VERB_DEAD_LETTERS] = { "dead-letters", 1, 0, 0, "limit=", NULL, ask_dead_letters },
        [VERB_REPLAY] = { "replay", 1, 0, 1, "all reason=", verb_replay, NULL },
        [VERB_PARTITION] = { "partition", 1, 2, 2, "from=", verb_partition, NULL },
        [VERB_CLUSTER_ACCEPT] = { "cluster accept", 2, 0, 0, "", verb_cluster_accept, NULL },
        [VERB_MAP_TEST] = { "map test", 2, 1, 2, "", verb_map_test, NULL },
        [VERB_NOTIFY_TEST] = { "notify test", 2, 2, 2, "", verb_notify_test, NULL },
        [VERB_BACKUP] = { "backup", 1, 1, 1, "", verb_backup, NULL },
        [VERB_CLOCK_TRUST] = { "clock trust", 2, 0, 0, "", NULL, ask_clock_trust },
        [VERB_RELOAD] = { "reload", 1, 0, 0, "", verb_reload, NULL },
};

const char *verb_usage(const Verb *verb)
{
        return VERB_WORDS[verb - VERBS].usage;
}

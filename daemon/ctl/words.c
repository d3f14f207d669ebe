/* words.c - what the verbs are called and what they do. */
#include "words.h"

/* Where a line of a usage goes on: below "  VERB " of the help. */
#define GO_ON "\n          "

const VerbWords VERB_WORDS[VERB_ID_MAX] = {
        [VERB_STATUS] = { "status", "how it goes: Kafka, cases, messages, store" },
        [VERB_CASES] = { "cases [--open|--overdue] [--owner ID] [--customer ID]" GO_ON "[--territory T] [--limit N]",
                         "cases, the newest first" },
        [VERB_CASE] = { "case NUMBER", "one case with its events and deliveries" },
        [VERB_WHY] = { "why NUMBER", "what was read, which rules and routes were tried, which decided" },
        [VERB_WHEN] = { "when NUMBER", "every step still to come, with its time and reason" },
        [VERB_CONTACT] = { "contact NUMBER --by PERSON [--channel phone|visit|email|chat]" GO_ON
                           "[--result spoke|visited|customer-replied]" GO_ON "[--note TEXT] [--at TIME] [--key KEY]",
                           "the customer was reached: the ladder stops" },
        [VERB_ATTEMPT] = { "attempt NUMBER --by PERSON [--channel phone|visit|email|chat]" GO_ON
                           "[--result no-answer|voicemail|bounced]" GO_ON "[--note TEXT] [--at TIME] [--key KEY]",
                           "somebody tried: the ladder pauses" },
        [VERB_CLAIM] = { "claim NUMBER --by PERSON [--key KEY]", "a group's case is mine" },
        [VERB_ASSIGN] = { "assign NUMBER --to PERSON [--by PERSON] [--note TEXT] [--key KEY]",
                          "somebody else has it from now on" },
        [VERB_CLOSE] = { "close NUMBER --outcome OUTCOME [--by PERSON] [--cause CAUSE]" GO_ON
                         "[--note TEXT] [--amount N] [--reference TEXT] [--credit TEXT]" GO_ON
                         "[--may-quote] [--key KEY]",
                         "done, with its outcome" },
        [VERB_DELIVERIES] = { "deliveries [--failed] [--case NUMBER] [--limit N]", "messages and what became of them" },
        [VERB_RETRY] = { "retry DELIVERY", "try a failed message again now" },
        [VERB_DEAD_LETTERS] = { "dead-letters [--limit N]", "records that could not be read, with the reason" },
        [VERB_REPLAY] = { "replay NUMBER | --reason TEXT | --all",
                          "judge dead letters again, after the cause was mended" },
        [VERB_PARTITION] = { "partition TOPIC NUMBER --from beginning|end|OFFSET",
                             "go on reading a partition there; what is read twice is known by its id" },
        [VERB_CLUSTER_ACCEPT] = { "cluster accept", "read the Kafka cluster that has taken the other one's place" },
        [VERB_MAP_TEST] = { "map test SOURCE FILE",
                            "what would be read from this message, field by field, and the verdict" },
        [VERB_NOTIFY_TEST] = { "notify test CHANNEL PERSON", "send a message marked [TEST] now" },
        [VERB_BACKUP] = { "backup FILE", "copy the store while it is in use, and check the copy" },
        [VERB_CLOCK_TRUST] = { "clock trust", "the machine's clock is right: what is held for it goes on" },
        [VERB_RELOAD] = { "reload", "check the configuration and use it, or refuse it and say why" },
};

void verb_words_put(Buffer *b)
{
        buffer_put_literal(b, "usage: closedloopctl [-s SOCKET] [--json] VERB ...\n\n");
        for (size_t i = 0; i < VERB_ID_MAX; i++)
                buffer_putf(b, "  %s\n        %s\n", VERB_WORDS[i].usage, VERB_WORDS[i].help);
        buffer_put_literal(
                b, "  doctor [-c FILE]\n        looks at the whole installation, also while the daemon is down; "
                   "\"check\" is the same\n");
}

bool verb_is_known(Text first_word)
{
        for (size_t i = 0; i < VERB_ID_MAX; i++) {
                Text known, rest = text_from(VERB_WORDS[i].usage);
                if (text_split(&rest, ' ', &known) && text_equal(known, first_word))
                        return true;
        }
        return false;
}

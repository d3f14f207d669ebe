/* words.h - what the verbs are called and what they do, as the daemon and its tool print it. */
#pragma once

#include "base/buffer.h"

typedef enum VerbId {
        VERB_STATUS,
        VERB_CASES,
        VERB_CASE,
        VERB_WHY,
        VERB_WHEN,
        VERB_CONTACT,
        VERB_ATTEMPT,
        VERB_CLAIM,
        VERB_ASSIGN,
        VERB_CLOSE,
        VERB_DELIVERIES,
        VERB_RETRY,
        VERB_DEAD_LETTERS,
        VERB_REPLAY,
        VERB_PARTITION,
        VERB_CLUSTER_ACCEPT,
        VERB_MAP_TEST,
        VERB_NOTIFY_TEST,
        VERB_CLOCK_TRUST,
        VERB_RELOAD,
        VERB_BACKUP,
        VERB_ID_MAX,
} VerbId;

typedef struct VerbWords {
        const char *usage; /* lines of at most 80 columns */
        const char *help; /* one line */
} VerbWords;

extern const VerbWords VERB_WORDS[VERB_ID_MAX];

void verb_words_put(Buffer *b); /* all of them */
bool verb_is_known(Text first_word);

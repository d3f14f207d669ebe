#include "core/wording.h"
#include "templates.h" /* made of conf/templates */

/* Words: no reproach, no exclamation mark, nothing that a tired person on a phone has to read twice. The second of a
 * pair is the shy form, for rooms: somebody needs a call, and who has it. */
static const char *const DEFAULTS[MESSAGE_MAX][2] = {
        [MESSAGE_ALERT] = { TEMPLATE_ALERT, TEMPLATE_ALERT_SHARED },
        [MESSAGE_REMINDER] = { TEMPLATE_REMINDER },
        [MESSAGE_HELP_NEEDED] = { TEMPLATE_HELP_NEEDED },
        [MESSAGE_HELP_TOLD] = { TEMPLATE_HELP_TOLD },
        [MESSAGE_WINDOW_MISSED] = { TEMPLATE_WINDOW_MISSED },
        [MESSAGE_WAITING_LIST] = { TEMPLATE_WAITING_LIST },
        [MESSAGE_JOINED] = { TEMPLATE_JOINED },
        [MESSAGE_REOPENED] = { TEMPLATE_REOPENED },
        [MESSAGE_CLAIMED] = { TEMPLATE_CLAIMED, TEMPLATE_CLAIMED_SHARED },
        [MESSAGE_CONTACTED] = { TEMPLATE_CONTACTED, TEMPLATE_CONTACTED_SHARED },
        [MESSAGE_CLOSED] = { TEMPLATE_CLOSED, TEMPLATE_CLOSED_SHARED },
        [MESSAGE_TOO_OLD] = { TEMPLATE_TOO_OLD },
        [MESSAGE_OPERATOR] = { TEMPLATE_OPERATOR },
        [MESSAGE_TEST] = { TEMPLATE_TEST, TEMPLATE_TEST_SHARED },
};

/* An operator's note may speak of anything. */
static const char ROOM_OPERATOR[] = "closedloopd: please look at its status\n"
                                    "More: closedloopctl status\n";

bool wording_is_for_rooms(Message message)
{
        must(message < MESSAGE_MAX);
        return DEFAULTS[message][1] != NULL;
}

/* What is not for rooms at all says only that somebody has it. */
static const char *room_default(Message message)
{
        if (message == MESSAGE_OPERATOR)
                return ROOM_OPERATOR;
        return wording_is_for_rooms(message) ? DEFAULTS[message][1] : TEMPLATE_CLAIMED_SHARED;
}

Text wording_default(Message message, bool is_shared)
{
        must(message < MESSAGE_MAX);
        return text_from(is_shared ? room_default(message) : DEFAULTS[message][0]);
}

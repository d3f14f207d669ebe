#include "core/wording.h"

/* The built-in texts; the first line is the title. conf/templates has the same, one file a message, for whoever wants
 * to write their own: change both, a test compares. Words: no reproach, no exclamation mark, nothing that a tired
 * person on a phone has to read twice. */

static const char ALERT[] =
        "{{#to_act}}Call {{customer}}{{#account}}, {{account}}{{/account}}{{#by}}{{#account}},"
        "{{/account}} {{by}}{{/by}}{{/to_act}}{{^to_act}}{{Customer}}{{#account}}, {{account}}"
        "{{/account}}: {{owner}} calls{{#ends}} by {{ends}}{{/ends}}{{/to_act}}{{#number}} (#{{number}})"
        "{{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#answer}}\n"
        "{{answer}}\n"
        "{{/answer}}\n"
        "{{#comment}}\n"
        "\u201c{{comment}}\u201d\n"
        "{{/comment}}\n"
        "{{#to_act}}\n"
        "{{reach}}. Listen first; you need no solution yet.\n"
        "{{/to_act}}\n"
        "{{^to_act}}\n"
        "Only so that you know: the call is with {{owner}}.\n"
        "{{/to_act}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#to_act}}\n"
        "{{#ended}}\n"
        "We promised a call by {{ended}}.\n"
        "{{/ended}}\n"
        "{{/to_act}}\n"
        "{{#claim_command}}\n"
        "If you take it, first:\n"
        "{{claim_command}}\n"
        "{{/claim_command}}\n"
        "{{#contact_command}}\n"
        "After the call:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char REMINDER[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: {{#left}}{{left}} left, until {{ends}}"
        "{{/left}}{{^left}}a call is still wanted{{/left}}{{#number}} (#{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#phone}}\n"
        "{{phone}}\n"
        "{{/phone}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "Tried already? Tell us, and this waits{{#next}} until {{next}}{{/next}}{{^next}} a while"
        "{{/next}}.\n"
        "{{#attempt_command}}\n"
        "{{attempt_command}}\n"
        "{{/attempt_command}}\n"
        "{{#contact_command}}\n"
        "After the call:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char HELP_NEEDED[] =
        "Can you help {{owner}} reach {{customer}}{{#account}}, {{account}}{{/account}}?{{#number}} (#"
        "{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{history}}.{{#ends}} The promise ends {{ends}}.{{/ends}}{{#ended}} We promised a call by "
        "{{ended}}; it still helps.{{/ended}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#contact_command}}\n"
        "If you reach them yourself:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char HELP_TOLD[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}{{#ends}}, by {{ends}}{{/ends}}: {{manager}} "
        "may help{{#number}} (#{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{Manager}} knows and may help. {{Customer}} is still yours.\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#contact_command}}\n"
        "After the call:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char WINDOW_MISSED[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: {{#to_owner}}a call is still wanted"
        "{{/to_owner}}{{^to_owner}}can you decide who calls?{{/to_owner}}{{#number}} (#{{number}})"
        "{{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#ended}}We promised a call by {{ended}}. {{/ended}}{{#to_owner}}A call still helps."
        "{{/to_owner}}{{^to_owner}}{{history}}.{{/to_owner}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#to_owner}}\n"
        "{{#phone}}\n"
        "{{phone}}\n"
        "{{/phone}}\n"
        "Tried already? Tell us, and this waits{{#next}} until {{next}}{{/next}}{{^next}} a while"
        "{{/next}}.\n"
        "{{#attempt_command}}\n"
        "{{attempt_command}}\n"
        "{{/attempt_command}}\n"
        "{{/to_owner}}\n"
        "{{^to_owner}}\n"
        "{{#assign_command}}\n"
        "To give it to somebody:\n"
        "{{assign_command}}\n"
        "{{/assign_command}}\n"
        "{{/to_owner}}\n"
        "{{#contact_command}}\n"
        "{{#to_owner}}\n"
        "After the call:\n"
        "{{/to_owner}}\n"
        "{{^to_owner}}\n"
        "If you reach them yourself:\n"
        "{{/to_owner}}\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char WAITING_LIST[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: waiting since {{since}}{{#number}} (#"
        "{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{Owner}} has it{{#told}}, told {{told}}{{/told}}{{#attempt}}, {{attempt}}{{/attempt}}."
        "{{#ended}} We promised a call by {{ended}}.{{/ended}}{{#ends}} We promised a call by {{ends}}."
        "{{/ends}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#case_command}}\n"
        "More:\n"
        "{{case_command}}\n"
        "{{/case_command}}\n";

static const char JOINED[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: unhappy again{{#to_act}}{{#by}}, call {{by}}"
        "{{/by}}{{/to_act}}{{#number}} (#{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#answer}}\n"
        "{{answer}}\n"
        "{{/answer}}\n"
        "{{#comment}}\n"
        "\u201c{{comment}}\u201d\n"
        "{{/comment}}\n"
        "Same case as before{{#ends}}, same promise: by {{ends}}{{/ends}}.\n"
        "{{#to_act}}\n"
        "{{reach}}.\n"
        "{{/to_act}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#contact_command}}\n"
        "After the call:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char REOPENED[] =
        "{{#to_act}}Call {{customer}}{{#account}}, {{account}},{{/account}} again{{#by}} {{by}}{{/by}}"
        "{{/to_act}}{{^to_act}}{{Customer}}{{#account}}, {{account}}{{/account}}: open again{{/to_act}}"
        "{{#number}} (#{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#answer}}\n"
        "{{answer}}\n"
        "{{/answer}}\n"
        "{{#comment}}\n"
        "\u201c{{comment}}\u201d\n"
        "{{/comment}}\n"
        "They answered again, so the case is open again.\n"
        "{{#to_act}}\n"
        "{{reach}}. Listen first; you need no solution yet.\n"
        "{{/to_act}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n"
        "{{#claim_command}}\n"
        "If you take it, first:\n"
        "{{claim_command}}\n"
        "{{/claim_command}}\n"
        "{{#contact_command}}\n"
        "After the call:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char CLAIMED[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: {{who}} has it{{#number}} (#{{number}})"
        "{{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{Who}} has taken it{{#ends}} and calls by {{ends}}{{/ends}}. Nothing for you to do.\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n";

static const char CONTACTED[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: reached by {{who}}{{#number}} (#{{number}})"
        "{{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{Who}} reached them{{#reached}} ({{reached}}){{/reached}}. The reminders have stopped.\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n";

static const char CLOSED[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: closed{{#outcome}}, {{outcome}}{{/outcome}}"
        "{{#number}} (#{{number}}){{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#outcome}}Outcome: {{outcome}}. {{/outcome}}{{#cause}}Cause: {{cause}}. {{/cause}}{{#win}}"
        "Thanks to {{owner}}.{{/win}}{{^win}}The case was with {{owner}}.{{/win}}\n"
        "{{#late}}\n"
        "This message is {{late}} late.\n"
        "{{/late}}\n";

static const char TOO_OLD[] =
        "{{Customer}}{{#account}}, {{account}}{{/account}}: answered {{since}}{{#number}} (#{{number}})"
        "{{/number}}\n"
        "{{#in_full}}\n"
        "{{in_full}}\n"
        "{{/in_full}}\n"
        "{{#answer}}\n"
        "{{answer}}\n"
        "{{/answer}}\n"
        "{{#comment}}\n"
        "\u201c{{comment}}\u201d\n"
        "{{/comment}}\n"
        "It came to us too late for a promise: nobody else was told, and no reminders follow. Please "
        "decide whether a call still helps.\n"
        "{{#to_act}}\n"
        "{{reach}}.\n"
        "{{/to_act}}\n"
        "{{#contact_command}}\n"
        "After the call:\n"
        "{{contact_command}}\n"
        "{{/contact_command}}\n";

static const char OPERATOR[] = "closedloopd: {{#note}}{{note}}{{/note}}{{^note}}please look at its status{{/note}}\n"
                               "{{#in_full}}\n"
                               "{{in_full}}\n"
                               "{{/in_full}}\n"
                               "{{#late}}\n"
                               "This message is {{late}} late.\n"
                               "{{/late}}\n"
                               "More: closedloopctl status\n";

static const char TEST[] =
        "[TEST] closedloopd can reach {{#reader}}{{reader}}{{/reader}}{{^reader}}you{{/reader}} here\n"
        "This is only a test. No customer waits for a call.\n"
        "{{#note}}\n"
        "{{note}}\n"
        "{{/note}}\n";

static const char *const DEFAULTS[MESSAGE_MAX] = {
        [MESSAGE_ALERT] = ALERT,
        [MESSAGE_REMINDER] = REMINDER,
        [MESSAGE_HELP_NEEDED] = HELP_NEEDED,
        [MESSAGE_HELP_TOLD] = HELP_TOLD,
        [MESSAGE_WINDOW_MISSED] = WINDOW_MISSED,
        [MESSAGE_WAITING_LIST] = WAITING_LIST,
        [MESSAGE_JOINED] = JOINED,
        [MESSAGE_REOPENED] = REOPENED,
        [MESSAGE_CLAIMED] = CLAIMED,
        [MESSAGE_CONTACTED] = CONTACTED,
        [MESSAGE_CLOSED] = CLOSED,
        [MESSAGE_TOO_OLD] = TOO_OLD,
        [MESSAGE_OPERATOR] = OPERATOR,
        [MESSAGE_TEST] = TEST,
};

/* The shy forms: somebody needs a call, and who has it. */
static const char ROOM_ALERT[] =
        "{{#number}}#{{number}}: {{/number}}a customer{{#territory}} in {{territory}}{{/territory}} "
        "needs a call{{#by}} {{by}}{{/by}}\n"
        "{{#to_group}}\n"
        "It is with {{owner}}. Who can take it?\n"
        "{{/to_group}}\n"
        "{{^to_group}}\n"
        "{{Owner}} has it.\n"
        "{{/to_group}}\n";

static const char ROOM_CLAIMED[] =
        "{{#number}}#{{number}}: {{/number}}{{who}} has it\n"
        "A customer{{#territory}} in {{territory}}{{/territory}} gets a call. Nobody else needs to.\n";

static const char ROOM_CONTACTED[] =
        "{{#number}}#{{number}}: {{/number}}{{who}} reached the customer{{#territory}} in {{territory}}{{/territory}}\n"
        "Nobody else needs to call.\n";

static const char ROOM_CLOSED[] = "{{#number}}#{{number}}: {{/number}}closed{{#win}}, customer {{win}}{{/win}}\n"
                                  "{{#win}}\n"
                                  "Thanks to {{owner}}.\n"
                                  "{{/win}}\n"
                                  "{{^win}}\n"
                                  "Nothing is left to do.\n"
                                  "{{/win}}\n";

static const char ROOM_OPERATOR[] = "closedloopd: please look at its status\n"
                                    "More: closedloopctl status\n";

bool wording_is_for_rooms(Message message)
{
        return message == MESSAGE_ALERT || message == MESSAGE_CLAIMED || message == MESSAGE_CONTACTED ||
               message == MESSAGE_CLOSED || message == MESSAGE_TEST;
}

static const char *room_default(Message message)
{
        switch (message) {
        case MESSAGE_ALERT:
                return ROOM_ALERT;
        case MESSAGE_CONTACTED:
                return ROOM_CONTACTED;
        case MESSAGE_CLOSED:
                return ROOM_CLOSED;
        case MESSAGE_OPERATOR:
                return ROOM_OPERATOR;
        case MESSAGE_TEST:
                return DEFAULTS[MESSAGE_TEST];
        case MESSAGE_CLAIMED:
        case MESSAGE_REMINDER:
        case MESSAGE_HELP_NEEDED:
        case MESSAGE_HELP_TOLD:
        case MESSAGE_WINDOW_MISSED:
        case MESSAGE_WAITING_LIST:
        case MESSAGE_JOINED:
        case MESSAGE_REOPENED:
        case MESSAGE_TOO_OLD:
        case MESSAGE_MAX:
                break;
        }
        return ROOM_CLAIMED;
}

Text wording_default(Message message, bool is_shared)
{
        must(message < MESSAGE_MAX);
        return text_from(is_shared ? room_default(message) : DEFAULTS[message]);
}

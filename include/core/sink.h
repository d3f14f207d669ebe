/* sink.h - one output encoding for each receiver: the only ways in which text of a record leaves the program.
 * JSON is written by json.h, which escapes by itself; a chat's text goes through its own sink first, then into the
 * JSON. Owns:    nothing; results are in the arena, followed by a NUL that does not count. Absent stays absent. Errors:
 * none: what a receiver must not see is replaced, and bytes that are not UTF-8 become U+FFFD. Source:  Slack's rules
 * for mrkdwn; Adaptive Cards 1.4; CommonMark; Telegram's HTML style; WHATWG HTML; RFC 5322, 2047, 5321. */
#pragma once

#include "base/arena.h"

/* For mrkdwn and plain_text: exactly & < > are escaped, which takes links, mentions and <!channel> with it. */
Text sink_slack(Arena *arena, Text text);

/* For Telegram's HTML style: the same, and an invisible sign keeps "@name" from being a mention; mail addresses stay.
 */
Text sink_telegram(Arena *arena, Text text);

/* For a TextRun of an Adaptive Card, which knows no markup but {{DATE(...)}} and {{TIME(...)}}: "{{" is taken apart. */
Text sink_card(Arena *arena, Text text);

/* For Markdown as Mattermost reads it: signs of the markup are escaped; & < > as references, which takes Slack's own
 * markup with it; mentions as for Telegram. */
Text sink_mattermost(Arena *arena, Text text);

/* For Markdown as Discord reads it: signs of the markup and of mentions are escaped. */
Text sink_discord(Arena *arena, Text text);

/* For a place that shows text as it is but may look for <mentions> in it: no angle brackets. */
Text sink_plain(Arena *arena, Text text);

/* For element content and quoted attributes: & < > " ' as references; control characters but line ends and tabs become
 * U+FFFD. */
Text sink_html(Arena *arena, Text text);

/* The value of an unstructured header (Subject), without the final line end. Printable ASCII stays as it is and is
 * folded at spaces; anything else becomes encoded words (UTF-8, B), each of at most 75 characters and of whole
 * characters. No line is longer than 76 if the header's name has at most MAIL_HEADER_NAME_MAX. Control characters
 * become spaces, so no header can be added. */
enum {
        MAIL_HEADER_NAME_MAX = 18
};
Text sink_mail_header(Arena *arena, Text text);

/* A display name before <address>: words of plain letters stay, anything else becomes encoded words. */
Text sink_mail_name(Arena *arena, Text text);

/* Plain text with CRLF line ends, whatever they were before; control characters but tabs go. Long lines stay long: the
 * transfer encoding (base64, quoted-printable) is the mail writer's. */
Text sink_mail_text(Arena *arena, Text text);

/* A dot-atom, @, a domain of letters, digits and hyphens: stricter than RFC 5321 allows. No quoted local part, no
 * comment, no address literal, no other script, no % or ! (they route in old mail servers), no leading hyphen (it could
 * be read as an option). A domain of one label is allowed: companies have such mail servers. */
bool sink_mail_address_is_valid(Text text);

/* For one line of the journal: control, bidi and line separating characters, quotes and backslashes are written as
 * escapes (\n, \x1b, \u202e), longer text ends in "…" after SINK_LOG_BYTES_MAX bytes. */
enum {
        SINK_LOG_BYTES_MAX = 256
};
Text sink_log(Arena *arena, Text text);

/* For a terminal: lines and tabs stay, what else would steer it or turn the order of letters is written as escapes. */
Text sink_terminal(Arena *arena, Text text);

#include "notify/telling.h"

#include "turn/id.h"

/* A room hears of each call in the same words. */
static Message message_of(const Parcel *p)
{
        return parcel_is_again(p) && !p->channel->is_shared ? MESSAGE_REOPENED : p->message;
}

static const Mustache *template_of(const Parcel *p)
{
        return p->config ? p->config->templates[message_of(p)][p->channel->is_shared] : NULL;
}

Wording telling_wording(const Parcel *p, WallTime now, Arena *arena)
{
        Facts facts = {
                .now = now,
                .message = message_of(p),
                .c = p->c,
                .response = p->response,
                .reader_name = p->reader ? p->reader->name : TEXT_NONE,
                .reader_zone = p->reader ? p->reader->zone : NULL,
                .owner_name = p->owner_name,
                .manager_name = p->manager_name,
                .recipient_why = text_from(recipient_kind_text(p->why)),
                .is_shared = p->channel->is_shared,
                .late = p->late,
                .note = p->note,
                .told_at = p->told_at,
                .next_at = p->next_at,
                .reader_id = p->reader ? p->reader->id : TEXT_NONE,
        };
        return wording_make(&facts, template_of(p), arena);
}

static bool has_a_role(RecipientKind why)
{
        return why == RECIPIENT_OWNER || why == RECIPIENT_MANAGER || why == RECIPIENT_DIRECTOR ||
               why == RECIPIENT_DELEGATE;
}

Text telling_small_print(const Parcel *p, Arena *arena)
{
        if (!p->c)
                return TEXT("");
        Buffer b = buffer_in(arena);
        buffer_putf(&b, "Case #%lld", (long long)p->c->number);
        if (!p->channel->is_shared)
                buffer_putf(&b, ", severity %s", severity_text(p->c->severity));
        if (p->reader && has_a_role(p->why))
                buffer_putf(&b, ". Sent to you as its %s", recipient_kind_text(p->why));
        buffer_put_char(&b, '.');
        return buffer_text(&b);
}

Text telling_id(const Parcel *p, char ret_text[static TELLING_ID_BYTES])
{
        _Static_assert((int)TELLING_ID_BYTES == (int)ID_TEXT_BYTES, "one form of ids");
        CaseId id;
        memcpy(id.bytes, p->key, sizeof(id.bytes));
        return id_text(id, ret_text);
}

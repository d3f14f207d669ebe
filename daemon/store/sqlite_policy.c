/* Policies, channels that are no more, and meta. */
#include "sqlite.h"

#include <errno.h>

/* ---- policies --------------------------------------------------------------------------------------------------- */

int store_policy_keep(Store *store, const Policy *policy, WallTime now)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        Text kept;
        int r = store_policy_text(store, policy->name, policy->version, arena, &kept);
        if (r == -ENOENT)
                return policy_add(store, policy, now);
        if (r >= 0 && !text_equal(kept, policy->text))
                return store_refuse(store, -EEXIST, "policy \"" TEXT_F "\" version %d is kept with another text",
                                    TEXT_ARG(policy->name), policy->version);
        return r;
}

/* One text, the first column. */
static int text_one(Store *store, const Binding *b, Arena *arena, Text *ret)
{
        int r = statement_step(store, b);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        Row row = row_of(b, arena);
        *ret = row_text(&row);
        statement_end(b);
        return 0;
}

int store_policy_text(Store *store, Text name, int version, Arena *arena, Text *ret)
{
        Binding b = statement_begin(store, STATEMENT_POLICY_TEXT);
        bind_text(&b, name);
        bind_integer(&b, version);
        int r = text_one(store, &b, arena, ret);
        if (r == -ENOENT)
                return store_refuse(store, r, "policy \"" TEXT_F "\" version %d is not kept", TEXT_ARG(name), version);
        return r;
}

/* ---- channels --------------------------------------------------------------------------------------------------- */

int store_channel_disable(Store *store, Text channel, Text recipient, WallTime now, Text reason)
{
        Binding b = statement_begin(store, STATEMENT_CHANNEL_DISABLE);
        bind_text(&b, channel);
        bind_text(&b, recipient);
        bind_time(&b, now);
        bind_text(&b, reason);
        return statement_run(store, &b, NULL);
}

int store_channel_enable(Store *store, Text channel, Text recipient)
{
        StatementId id = !channel.data    ? STATEMENT_CHANNELS_ENABLE
                         : recipient.data ? STATEMENT_CHANNEL_ENABLE
                                          : STATEMENT_CHANNEL_ENABLE_ALL;
        Binding b = statement_begin(store, id);
        if (channel.data)
                bind_text(&b, channel);
        if (channel.data && recipient.data)
                bind_text(&b, recipient);
        return statement_run(store, &b, NULL);
}

typedef struct ChannelRow {
        Text channel, recipient;
        WallTime since;
        Text reason;
} ChannelRow;

int store_channels_disabled(Store *store, Arena *arena, ChannelVisit visit, void *userdata)
{
        ChannelRow *rows = NULL;
        size_t count = 0, capacity = 0;
        Binding b = statement_begin(store, STATEMENT_CHANNELS_DISABLED);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                rows = arena_grow(arena, rows, count, &capacity, sizeof(*rows));
                ChannelRow *o = &rows[count++];
                o->channel = row_text(&row);
                o->recipient = row_text(&row);
                o->since = row_time(&row);
                o->reason = row_text(&row);
        }
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, rows[i].channel, rows[i].recipient, rows[i].since, rows[i].reason);
        return MIN_OF(r, 0);
}

/* ---- meta ------------------------------------------------------------------------------------------------------- */

int store_meta_get(Store *store, const char *key, Arena *arena, Text *ret)
{
        Binding b = statement_begin(store, STATEMENT_META_GET);
        bind_text(&b, text_from(key));
        Text value;
        int r = text_one(store, &b, arena, &value);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = r == -ENOENT ? TEXT_NONE : value;
        return 0;
}

int store_meta_set(Store *store, const char *key, Text value)
{
        Binding b = statement_begin(store, value.data ? STATEMENT_META_SET : STATEMENT_META_TAKE);
        bind_text(&b, text_from(key));
        if (value.data)
                bind_text(&b, value);
        return statement_run(store, &b, NULL);
}

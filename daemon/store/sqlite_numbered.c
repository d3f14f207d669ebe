/* Texts that repeat: policies (name and version), sources and topics. An answer's row and its two unique keys would
 * hold the same long names over and over: by number, an answer costs a tenth less. There are as many as the
 * configuration ever named, so a list is enough; what was found moves to its front. */
#include "sqlite.h"

#include <errno.h>

void numbered_forget(Store *store)
{
        arena_reset(store->numbered_memory);
        store->policies = store->names = (NumberedList){ 0 };
}

static void numbered_remember(Store *store, NumberedList *list, int64_t number, Text text, int version)
{
        Numbered *n = arena_new_of(store->numbered_memory, Numbered);
        *n = (Numbered){ list->first, number, arena_text(store->numbered_memory, text), version };
        list->first = n;
}

static int list_read(Store *store, NumberedList *list)
{
        if (list->is_read)
                return 0;
        Binding b = statement_begin(store, list == &store->policies ? STATEMENT_POLICIES : STATEMENT_NAMES);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, store->numbered_memory);
                int64_t number = row_integer(&row);
                Text text = row_text(&row);
                numbered_remember(store, list, number, text, row_int32(&row));
        }
        list->is_read = r == 0;
        return r;
}

typedef struct Wanted {
        int64_t number; /* 0: by text and version */
        Text text;
        int version;
} Wanted;

static bool is_wanted(const Numbered *n, const Wanted *wanted)
{
        if (wanted->number != 0)
                return n->number == wanted->number;
        return n->version == wanted->version && text_equal(n->text, wanted->text);
}

static int numbered_find(Store *store, NumberedList *list, const Wanted *wanted, const Numbered **ret)
{
        int r = list_read(store, list);
        if (r < 0)
                return r;
        for (Numbered **link = &list->first; *link; link = &(*link)->next) {
                Numbered *n = *link;
                if (!is_wanted(n, wanted))
                        continue;
                *link = n->next;
                n->next = list->first;
                list->first = n;
                *ret = n;
                return 0;
        }
        return -ENOENT;
}

static int next_number(Store *store, StatementId last, int64_t *ret)
{
        Binding b = statement_begin(store, last);
        int r = statement_number(store, &b, 0, ret);
        if (r >= 0)
                (*ret)++;
        return r;
}

/* ---- policies --------------------------------------------------------------------------------------------------- */

int number_of_policy(Store *store, Text name, int version, int64_t *ret)
{
        const Numbered *n;
        int r = numbered_find(store, &store->policies, &(Wanted){ .text = name, .version = version }, &n);
        if (r == -ENOENT)
                return store_refuse(store, r, "policy \"" TEXT_F "\" version %d is not kept", TEXT_ARG(name), version);
        if (r < 0)
                return r;
        *ret = n->number;
        return 0;
}

int policy_of_number(Store *store, int64_t number, Text *ret_name, int *ret_version)
{
        const Numbered *n;
        int r = numbered_find(store, &store->policies, &(Wanted){ .number = number }, &n);
        if (r < 0)
                return r;
        *ret_name = n->text;
        *ret_version = n->version;
        return 0;
}

int policy_add(Store *store, const Policy *policy, WallTime now)
{
        int64_t number;
        int r = list_read(store, &store->policies);
        if (r >= 0)
                r = next_number(store, STATEMENT_POLICY_LAST, &number);
        if (r < 0)
                return r;
        Binding b = statement_begin(store, STATEMENT_POLICY_ADD);
        bind_integer(&b, number);
        bind_text(&b, policy->name);
        bind_integer(&b, policy->version);
        bind_time(&b, now);
        bind_text(&b, policy->text);
        r = statement_run(store, &b, NULL);
        if (r >= 0)
                numbered_remember(store, &store->policies, number, policy->name, policy->version);
        return r;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

int number_of_name(Store *store, Text name, int64_t *ret)
{
        *ret = 0;
        if (!name.data)
                return 0;
        const Numbered *n;
        int r = numbered_find(store, &store->names, &(Wanted){ .text = name }, &n);
        if (r >= 0)
                *ret = n->number;
        return r;
}

int number_for_name(Store *store, Text name, int64_t *ret)
{
        int r = number_of_name(store, name, ret);
        if (r != -ENOENT)
                return r;
        r = next_number(store, STATEMENT_NAME_LAST, ret);
        if (r < 0)
                return r;
        Binding b = statement_begin(store, STATEMENT_NAME_ADD);
        bind_integer(&b, *ret);
        bind_text(&b, name);
        r = statement_run(store, &b, NULL);
        if (r >= 0)
                numbered_remember(store, &store->names, *ret, name, 0);
        return r;
}

int name_of_number(Store *store, int64_t number, Text *ret)
{
        *ret = TEXT_NONE;
        if (number == 0)
                return 0;
        const Numbered *n;
        int r = numbered_find(store, &store->names, &(Wanted){ .number = number }, &n);
        if (r >= 0)
                *ret = n->text;
        return r;
}

Text row_name(Store *store, Row *row)
{
        Text name = TEXT_NONE;
        row->is_bad |= name_of_number(store, row_integer(row), &name) < 0;
        return arena_text(row->arena, name);
}

#include "turn/parcel.h"

ParcelArena *parcel_arena_new(size_t first_block_bytes)
{
        Arena *arena = arena_new(first_block_bytes);
        ParcelArena *memory = arena_new_of(arena, ParcelArena);
        *memory = (ParcelArena){ arena, 1 };
        return memory;
}

ParcelArena *parcel_arena_drop(ParcelArena *memory)
{
        must(memory->users > 0);
        if (--memory->users == 0)
                (void)arena_free(memory->arena);
        return NULL;
}

Parcel *parcel_free(Parcel *p)
{
        if (p) {
                Config *config = (Config *)(uintptr_t)p->config;
                (void)parcel_arena_drop(p->memory); /* the parcel lives in it */
                (void)config_unref(config);
        }
        return NULL;
}

bool parcel_is_again(const Parcel *p)
{
        bool is_reached_before = p->c && wall_is_set(p->c->first_contact_at) &&
                                 p->c->first_contact_at.us != p->c->contacted_at.us; /* not in this epoch */
        return p->message == MESSAGE_ALERT && p->epoch > 1 && is_reached_before;
}

/* A case that was handed over has a new epoch, too, but still the answer that it was opened with. */
static bool is_reopened(const Parcel *p)
{
        return parcel_is_again(p) || (p->epoch > 1 && p->c && wall_before(p->c->opened_at, p->c->submitted_at));
}

static const char *rung_type(const Parcel *p)
{
        if (p->message == MESSAGE_ALERT)
                return is_reopened(p) ? "case.reopened" : "case.opened";
        return p->why == RECIPIENT_OWNER ? "case.reminded" : "case.escalated";
}

const char *parcel_type(const Parcel *p)
{
        switch (p->message) {
        case MESSAGE_ALERT:
        case MESSAGE_REMINDER:
        case MESSAGE_HELP_NEEDED:
        case MESSAGE_HELP_TOLD:
        case MESSAGE_WINDOW_MISSED:
        case MESSAGE_WAITING_LIST:
                return rung_type(p);
        case MESSAGE_REOPENED:
                return "case.reopened";
        case MESSAGE_JOINED:
        case MESSAGE_CLAIMED:
                return "case.updated";
        case MESSAGE_CONTACTED:
                return "case.contacted";
        case MESSAGE_CLOSED:
                return "case.closed";
        case MESSAGE_TOO_OLD:
                return "case.opened";
        case MESSAGE_OPERATOR:
                return "operator";
        case MESSAGE_TEST:
                return "test";
        case MESSAGE_MAX:
        default:
                must(false);
        }
}

/* story.c - the first lines of `closedloopctl status`: is all well; if not, what is wrong, whose fault it is and what
 * to do. The words are those of the table of messages, so that status, journal and documentation say the same. */
#include "base/clock.h"
#include "inside.h"

enum {
        TROUBLES_MAX = 16,
        LABEL_COLUMNS = 13,
};

typedef struct Trouble {
        NoticeId notice;
        const char *fault; /* whose: where to look first */
        const char *name;  /* of a channel; NULL: none */
        Text words;        /* of the system that fails */
        WallTime since;
        const Waiting *waiting; /* of a channel; NULL: nothing waits */
        size_t others;          /* channels of the same host that fail, too */
} Trouble;

typedef struct Troubles {
        Trouble list[TROUBLES_MAX];
        size_t count; /* those beyond the list too */
} Troubles;

static void trouble_add(Troubles *troubles, Trouble trouble)
{
        if (troubles->count < TROUBLES_MAX)
                troubles->list[troubles->count] = trouble;
        troubles->count++;
}

static const char *kafka_fault(KafkaHealth health)
{
        static const char *const faults[KAFKA_HEALTH_MAX] = {
                [KAFKA_UNREACHABLE] = "Kafka, or the network",
                [KAFKA_DNS] = "DNS, or kafka.brokers",
                [KAFKA_TLS] = "certificates, or kafka.properties",
                [KAFKA_AUTH] = "kafka.properties, or Kafka's users",
                [KAFKA_ACL] = "Kafka's permissions",
                [KAFKA_NO_TOPIC] = "Kafka's topics, or sources.d",
                [KAFKA_OFFSET_GONE] = "Kafka",
                [KAFKA_STUCK] = "the Kafka client, or something between it and the broker",
                [KAFKA_UNREADABLE] = "Kafka",
        };
        return faults[health] ? faults[health] : "Kafka";
}

static void kafka_look(const Service *s, Troubles *troubles)
{
        Text words = TEXT_NONE;
        KafkaHealth health = intake_health(s->intake, &words);
        NoticeId notice = service_kafka_notice(health);
        if (health == KAFKA_OK || notice == NOTICE_MAX)
                return;
        WallTime since = WALL_NONE;
        if (s->outage.is_out)
                since = (WallTime){ clock_wall().us - mono_since(clock_mono(), s->outage.since).us };
        trouble_add(troubles, (Trouble){ notice, kafka_fault(health), NULL, words, since, NULL, 0 });
}

static Text host_of(const Service *s, const char *name)
{
        const Channel *channel = config_channel(s->config, text_from(name));
        const char *slashes = channel ? memmem(channel->target.data, channel->target.len, "://", 3) : NULL;
        return slashes ? text_from_offset(channel->target, (size_t)(slashes - channel->target.data) + 3) : TEXT_NONE;
}

/* That of its host, if all of that does not work. */
static const Waiting *waiting_of(const Service *s, const char *channel)
{
        Text host = host_of(s, channel);
        for (size_t i = 0; i < s->waits.count; i++) {
                const Waiting *o = &s->waits.list[i];
                if (o->host.data ? text_equal(o->host, host) : text_is(o->channel, channel))
                        return o;
        }
        return NULL;
}

/* Their host does not work: one trouble, however many channels lead there. */
static bool is_known_host(Troubles *troubles, const Waiting *waiting)
{
        for (size_t i = 0; waiting && waiting->host.data && i < MIN_OF(troubles->count, (size_t)TROUBLES_MAX); i++) {
                Trouble *other = &troubles->list[i];
                if (other->waiting != waiting)
                        continue;
                other->others++;
                return true;
        }
        return false;
}

static void channel_look(const Service *s, const ChannelHealth *h, Troubles *troubles)
{
        const Waiting *waiting = waiting_of(s, h->name);
        if (h->failures == 0 || is_known_host(troubles, waiting))
                return;
        Trouble t = { NOTICE_DELIVERY_FAILED,
                      "the receiver, or the network",
                      h->name,
                      text_from(h->detail),
                      h->failing_since,
                      waiting,
                      0 };
        if (h->class == SEND_GONE) {
                t.notice = NOTICE_CHANNEL_GONE;
                t.fault = "the receiver, or an address";
        } else if (h->class == SEND_PERMANENT) {
                t.notice = NOTICE_DELIVERY_REFUSED;
                t.fault = "the channel, or an address";
        }
        trouble_add(troubles, t);
}

/* The worst first: without the store nothing goes on, without Kafka nothing comes in. */
static void troubles_find(const Service *s, Arena *arena, Troubles *troubles)
{
        if (s->store_words[0])
                trouble_add(troubles,
                            (Trouble){ s->is_hanging ? NOTICE_STORE_HANGS
                                       : s->is_low   ? NOTICE_STORE_LOW
                                                     : NOTICE_STORE_WAITING,
                                       "this machine's disk", NULL, text_from(s->store_words), WALL_NONE, NULL, 0 });
        kafka_look(s, troubles);
        if (s->clock.is_open)
                trouble_add(troubles, (Trouble){ NOTICE_CLOCK_DOUBT, "this machine's clock", NULL,
                                                 clock_words(&s->clock, arena), WALL_NONE, NULL, 0 });
        for (const ChannelHealth *h = s->channels; h; h = h->next)
                channel_look(s, h, troubles);
        if (s->letters_error < 0)
                trouble_add(troubles, (Trouble){ NOTICE_DEAD_LETTERS_WAIT, "Kafka's dead-letter topic", NULL, TEXT_NONE,
                                                 WALL_NONE, NULL, 0 });
        if (s->reload_failed)
                trouble_add(troubles, (Trouble){ NOTICE_RELOAD_REFUSED, "the configuration", NULL, TEXT_NONE, WALL_NONE,
                                                 NULL, 0 });
}

static void label_put(Buffer *b, const char *label, Text words)
{
        buffer_putf(b, "  %-11s", label);
        buffer_put_wrapped(b, words, LABEL_COLUMNS, LABEL_COLUMNS);
        buffer_put_char(b, '\n');
}

/* What happens to it if nobody does anything. */
static void waiting_put(Buffer *b, const Waiting *o)
{
        char time[ISO8601_BYTES];
        Buffer line = buffer_in(b->arena);
        buffer_put_count(&line, o->count, "message");
        buffer_putf(&line, "%s, the oldest due since " TEXT_F, o->is_more ? " and more" : "",
                    TEXT_ARG(wall_format(o->since, time)));
        if (o->fell_over > 0)
                buffer_putf(&line, "; %lld of them were given to the next channel or rung, and are tried here as well",
                            (long long)o->fell_over);
        label_put(b, "waiting", buffer_text(&line));
        if (o->next_at.us == WALL_NEVER.us)
                return;
        line = buffer_in(b->arena);
        buffer_putf(&line, TEXT_F ": the first of them ", TEXT_ARG(wall_format(o->next_at, time)));
        if (o->next_channel.data)
                buffer_putf(&line, "also goes to " TEXT_F " over \"" TEXT_F "\"", TEXT_ARG(o->reader),
                            TEXT_ARG(o->next_channel));
        else
                buffer_putf(&line,
                            "is given up on: " TEXT_F
                            " has no other channel, so an owner's alert goes on to the next rung",
                            TEXT_ARG(o->reader));
        label_put(b, "next", buffer_text(&line));
}

static void trouble_put(Buffer *b, const Trouble *t, bool is_first)
{
        const NoticeRow *row = notice_row(t->notice);
        char time[ISO8601_BYTES];
        Buffer line = buffer_in(b->arena);
        buffer_putf(&line, "%s: %s", is_first ? "NOT WELL" : "ALSO", row->subject);
        if (t->name)
                buffer_putf(&line, ", channel \"%s\"", t->name);
        if (t->waiting && t->waiting->host.data)
                buffer_putf(&line, " and %zu more at " TEXT_F, t->others, TEXT_ARG(t->waiting->host));
        buffer_putf(&line, ". At fault: %s", t->fault);
        buffer_put_wrapped(b, buffer_text(&line), 0, 2);
        buffer_put_char(b, '\n');
        if (t->words.len > 0)
                label_put(b, "it says", t->words);
        if (wall_is_set(t->since))
                label_put(b, "since", wall_format(t->since, time));
        if (t->waiting)
                waiting_put(b, t->waiting);
        label_put(b, "why", text_from(row->cause));
        label_put(b, "what to do", text_from(row->cure));
}

static void waiting_write(JsonWriter *w, const Waiting *o, size_t others)
{
        json_field_text(w, "host", o->host);
        if (o->host.data)
                json_field_integer(w, "other_channels", (int64_t)others);
        json_key(w, "waiting");
        json_open(w, '{');
        json_field_integer(w, "messages", o->count);
        json_field_bool(w, "and_more", o->is_more);
        json_field_time(w, "since", o->since);
        json_field_integer(w, "fell_over", o->fell_over);
        if (o->next_at.us != WALL_NEVER.us) {
                json_field_time(w, "next_at", o->next_at);
                json_field_text(w, "reader", o->reader);
                json_field_text(w, "next_channel", o->next_channel);
        }
        json_close(w, '}');
}

static void trouble_write(JsonWriter *w, const Trouble *t)
{
        const NoticeRow *row = notice_row(t->notice);
        json_open(w, '{');
        json_field_text(w, "what", text_from(row->subject));
        json_field_text(w, "fault", text_from(t->fault));
        if (t->name)
                json_field_text(w, "channel", text_from(t->name));
        if (t->waiting)
                waiting_write(w, t->waiting, t->others);
        json_field_text(w, "words", t->words);
        if (wall_is_set(t->since))
                json_field_time(w, "since", t->since);
        json_field_text(w, "advice", text_from(row->cure));
        json_field_text(w, "message_id", text_from(row->message_id));
        json_close(w, '}');
}

static void well_put(const Service *s, Buffer *text)
{
        Text ignored;
        if (intake_health(s->intake, &ignored) == KAFKA_CONNECTING)
                buffer_put_literal(text, "Starting: no broker of Kafka has answered yet.\n\n");
        else
                buffer_put_literal(text,
                                   "All is well: answers are read, the store is written to, messages go out.\n\n");
}

void service_story(Service *s, JsonWriter *w, Buffer *text)
{
        Troubles troubles = { 0 };
        troubles_find(s, text->arena, &troubles);
        size_t shown = MIN_OF(troubles.count, (size_t)TROUBLES_MAX);
        json_field_bool(w, "well", troubles.count == 0);
        json_key(w, "troubles");
        json_open(w, '[');
        for (size_t i = 0; i < shown; i++) {
                trouble_write(w, &troubles.list[i]);
                trouble_put(text, &troubles.list[i], i == 0);
        }
        json_close(w, ']');
        if (troubles.count == 0) {
                well_put(s, text);
                return;
        }
        if (troubles.count > shown) {
                buffer_put_count(text, (int64_t)(troubles.count - shown), "more channel");
                buffer_putf(text, " %s\n", troubles.count - shown == 1 ? "fails" : "fail");
        }
        buffer_put_char(text, '\n');
}

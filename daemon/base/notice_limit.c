#include "base/notice_limit.h"

static void slot_flush(NoticeSlot *slot, NoticeSend send, void *userdata)
{
        if (slot->left_out > 0)
                send(userdata, &slot->line, slot->left_out);
        slot->left_out = 0;
}

/* The subject's, or the one whose minute ends first. */
static NoticeSlot *slot_find(NoticeLimit *limit, uint64_t subject)
{
        NoticeSlot *oldest = &limit->slots[0];
        for (size_t i = 0; i < NOTICE_SUBJECTS_MAX; i++) {
                NoticeSlot *slot = &limit->slots[i];
                if (slot->subject == subject)
                        return slot;
                if (slot->ends_at.us < oldest->ends_at.us)
                        oldest = slot;
        }
        return oldest;
}

void notice_limit_put(NoticeLimit *limit, uint64_t subject, const NoticeLine *line, MonoTime now, NoticeSend send,
                      void *userdata)
{
        uint64_t key = subject ? subject : 1;
        NoticeSlot *slot = slot_find(limit, key);
        if (slot->subject != key || !mono_before(now, slot->ends_at)) {
                slot_flush(slot, send, userdata);
                slot->subject = key;
                slot->ends_at = mono_add(now, NOTICE_WINDOW);
                slot->said = 0;
        }
        if (slot->said < NOTICE_BURST) {
                slot->said++;
                send(userdata, line, 1);
                return;
        }
        slot->left_out++;
        slot->line = *line;
}

void notice_limit_flush(NoticeLimit *limit, MonoTime now, bool is_all, NoticeSend send, void *userdata)
{
        for (size_t i = 0; i < NOTICE_SUBJECTS_MAX; i++) {
                NoticeSlot *slot = &limit->slots[i];
                if (slot->left_out == 0 || (!is_all && mono_before(now, slot->ends_at)))
                        continue;
                slot_flush(slot, send, userdata);
                slot->ends_at = mono_add(now, NOTICE_WINDOW);
                slot->said = NOTICE_BURST; /* what goes on failing says so once a minute from here on */
        }
}

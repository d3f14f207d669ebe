/* Message texts, one file a message: alert.mustache, and alert.shared.mustache for rooms. */
#include <errno.h>
#include <string.h>

#include "config/file.h"
#include "config/loader.h"
#include "core/wording.h"

enum {
        TEMPLATE_BYTES_MAX = 65536
};

#define TEMPLATE_ENDING ".mustache"
#define SHARED_ENDING ".shared"

static bool text_ends(Text text, Text ending)
{
        return text.len >= ending.len && text_equal(text_from_offset(text, text.len - ending.len), ending);
}

static Text without_ending(Text text, Text ending)
{
        return text_ends(text, ending) ? (Text){ text.data, text.len - ending.len } : text;
}

/* "alert.shared.mustache" as its message and whether it is for rooms. */
static bool template_name(Text file, Message *ret_message, bool *ret_is_shared)
{
        if (!text_ends(file, TEXT(TEMPLATE_ENDING)))
                return false;
        Text name = without_ending(file, TEXT(TEMPLATE_ENDING));
        *ret_is_shared = text_ends(name, TEXT(SHARED_ENDING));
        return message_parse(without_ending(name, TEXT(SHARED_ENDING)), ret_message);
}

static void template_unknown(Loader *l, Text file, Text name)
{
        Suggestion nearest = suggestion_for(name);
        for (Message message = 0; message < MESSAGE_MAX; message++) {
                suggestion_offer(&nearest, arena_textf(l->scratch, "%s" TEMPLATE_ENDING, message_text(message)));
                if (wording_is_for_rooms(message))
                        suggestion_offer(&nearest, arena_textf(l->scratch, "%s" SHARED_ENDING TEMPLATE_ENDING,
                                                               message_text(message)));
        }
        report_error(l->report, file, 0, "no message has this name%s", suggestion_text(&nearest, l->scratch));
}

/* The line of the fault, with the caret in it. */
static void template_fault(Loader *l, Text file, Text content, const TextFault *fault)
{
        size_t at = MIN_OF(fault->offset, content.len), start = at, end = at;
        unsigned line = 1;
        while (start > 0 && content.data[start - 1] != '\n')
                start--;
        while (end < content.len && content.data[end] != '\n')
                end++;
        for (size_t i = 0; i < start; i++)
                line += content.data[i] == '\n';
        report_error(l->report, file, line, TEXT_F "%s", TEXT_ARG(fault->message),
                     report_caret(l->scratch, (Text){ content.data + start, end - start }, at - start));
}

static void template_read(Loader *l, Text folder, Text name)
{
        Text file = arena_textf(l->scratch, TEXT_F "/" TEXT_F, TEXT_ARG(folder), TEXT_ARG(name)), content;
        Message message;
        bool is_shared;
        Mustache *template;
        TextFault fault;
        if (!template_name(name, &message, &is_shared)) {
                template_unknown(l, file, name);
                return;
        }
        if (is_shared && !wording_is_for_rooms(message)) {
                report_error(l->report, file, 0, "rooms are never told \"%s\"", message_text(message));
                return;
        }
        int r = file_read(l->arena, loader_path(l, file).data, TEMPLATE_BYTES_MAX, &content);
        if (r < 0)
                report_error(l->report, file, 0, "could not be read: %s", strerror(-r));
        else if (!text_is_utf8(content))
                report_error(l->report, file, 0, "is not UTF-8");
        else if (mustache_compile(l->arena, content, WORDING_NAMES, WORDING_NAME_COUNT, &template, &fault) < 0)
                template_fault(l, file, content, &fault);
        else
                l->config->templates[message][is_shared] = template;
}

void load_templates(Loader *l)
{
        Setting *setting = setting_child(l->tree->main, "templates");
        FolderList list;
        if (!setting || setting->is_bad)
                return;
        int r = folder_list(l->scratch, loader_path(l, setting->text).data, TEXT(""), &list);
        if (r == -ENOENT && setting->is_default) {
                setting->is_bad = true; /* so that -T does not name a folder that is not there */
                return;
        }
        if (r < 0) {
                setting_error(l->report, setting, "templates: %s could not be listed: %s", quoted(l, setting->text),
                              strerror(-r));
                return;
        }
        for (size_t i = 0; i < list.count; i++)
                if (!text_is(list.names[i], "README"))
                        template_read(l, setting->text, list.names[i]);
}

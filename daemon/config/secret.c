/* Secrets: where they are is written in the configuration, what they are is read here and goes nowhere else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/file.h"
#include "config/loader.h"

static const char UNIT_PREFIX[] = "closedloop";

enum {
        SECRET_BYTES_MAX = 65536
};

static bool secret_file_read(Loader *l, const Setting *where, const char *what, Text path, Text *ret)
{
        int r = file_read(l->arena, path.data, SECRET_BYTES_MAX, ret);
        if (r < 0)
                setting_error(l->report, where, "%s could not be read: %s", what, strerror(-r));
        return r >= 0;
}

static bool credential_read(Loader *l, const Setting *where, Secret *secret)
{
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        const char *what = arena_textf(l->scratch, TEXT_F ": credential %s", TEXT_ARG(setting_key(l->scratch, where)),
                                       quoted(l, secret->name))
                                   .data;
        if (memchr(secret->name.data, '/', secret->name.len) || text_starts(secret->name, TEXT("."))) {
                setting_error(l->report, where, "%s has a name that is no file name", what);
                return false;
        }
        if (!folder) {
                setting_error(
                        l->report, where,
                        "%s could not be read: $CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with "
                        "LoadCredential=, by hand it is the folder of the secrets",
                        what);
                return false;
        }
        Text path = arena_textf(l->scratch, "%s/" TEXT_F, folder, TEXT_ARG(secret->name));
        if (access(path.data, F_OK) < 0) /* how systemd names what it loads from a folder, see the unit */
                path = arena_textf(l->scratch, "%s/%s_" TEXT_F, folder, UNIT_PREFIX, TEXT_ARG(secret->name));
        return secret_file_read(l, where, what, path, &secret->value);
}

static bool named_file_read(Loader *l, const Setting *where, Secret *secret)
{
        Text path = loader_path(l, secret->name);
        const char *what = arena_textf(l->scratch, TEXT_F ": file %s", TEXT_ARG(setting_key(l->scratch, where)),
                                       quoted(l, secret->name))
                                   .data;
        if (!secret_file_read(l, where, what, path, &secret->value))
                return false;
        if (file_is_public(path.data))
                setting_warning(l->report, where, "%s can be read by everybody on this machine", what);
        return true;
}

static bool environment_read(Loader *l, const Setting *where, Secret *secret)
{
        const char *value = getenv(secret->name.data);
        if (!value) {
                setting_error(l->report, where, TEXT_F ": environment variable %s is not set",
                              TEXT_ARG(setting_key(l->scratch, where)), quoted(l, secret->name));
                return false;
        }
        secret->value = arena_text(l->arena, text_from(value));
        return true;
}

static bool kind_read(Loader *l, const Setting *where, Secret *secret)
{
        const Setting *form = where->first;
        secret->name = form->text;
        if (text_is(form->name, "credential")) {
                secret->kind = SECRET_CREDENTIAL;
                return credential_read(l, where, secret);
        }
        if (text_is(form->name, "file")) {
                secret->kind = SECRET_FILE;
                return named_file_read(l, where, secret);
        }
        secret->kind = SECRET_ENV;
        return environment_read(l, where, secret);
}

bool secret_read(Loader *l, const Setting *group, const char *name, Secret *ret)
{
        const Setting *where = setting_get(group, name);
        Secret secret = { .kind = SECRET_NONE };
        if (where && where->type == SETTING_GROUP) {
                if (!kind_read(l, where, &secret))
                        return false;
                if (text_starts(text_from_offset(secret.value, secret.value.len - MIN_OF(secret.value.len, 1u)),
                                TEXT("\n")))
                        secret.value.len--;
                if (text_is_empty(secret.value)) {
                        setting_error(l->report, where, TEXT_F ": the secret is empty",
                                      TEXT_ARG(setting_key(l->scratch, where)));
                        return false;
                }
                for (size_t i = 0; i < secret.value.len; i++) {
                        if ((unsigned char)secret.value.data[i] >= 0x20)
                                continue;
                        setting_error(l->report, where, TEXT_F ": the secret holds control characters; it is one line",
                                      TEXT_ARG(setting_key(l->scratch, where)));
                        return false;
                }
                secret.value = arena_text(l->arena, secret.value);
        }
        *ret = secret;
        return true;
}

/* folder_copy.h - for tests over folders of configuration: a temporary copy of one with others laid over it. Secrets
 * get the mode they would have, 0600; files called "public..." are readable by everybody. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        FOLDER_PATH_BYTES = 512
};

static inline char *file_content(const char *path, size_t *ret_len)
{
        FILE *file = fopen(path, "rb");
        if (!file)
                return NULL;
        size_t capacity = 1 << 20;
        char *content = malloc(capacity);
        size_t len = fread(content, 1, capacity - 1, file);
        content[len] = '\0';
        (void)fclose(file);
        if (ret_len)
                *ret_len = len;
        return content;
}

static inline void file_write(const char *path, const char *content, size_t len, mode_t mode)
{
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(content, 1, len, file) != len || fclose(file) != 0)
                abort();
        (void)chmod(path, mode);
}

/* "expect" and "remove" are the test's own. */
static inline void folder_lay(const char *from, const char *to)
{
        DIR *folder = opendir(from);
        if (!folder)
                abort();
        for (const struct dirent *entry; (entry = readdir(folder));) {
                char source[FOLDER_PATH_BYTES], target[FOLDER_PATH_BYTES];
                size_t len = 0;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                    strcmp(entry->d_name, "expect") == 0 || strcmp(entry->d_name, "remove") == 0)
                        continue;
                (void)snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
                (void)snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
                if (entry->d_type == DT_DIR) {
                        if (mkdir(target, 0700) < 0 && errno != EEXIST)
                                abort();
                        folder_lay(source, target);
                        continue;
                }
                char *content = file_content(source, &len);
                if (!content)
                        abort();
                file_write(target, content, len, strncmp(entry->d_name, "public", 6) == 0 ? 0644 : 0600);
                free(content);
        }
        (void)closedir(folder);
}

static inline int entry_remove(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
        (void)info;
        (void)kind;
        (void)walk;
        return remove(path);
}

static inline void folder_remove(const char *path)
{
        (void)nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

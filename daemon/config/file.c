#include "config/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int descriptor_read(int fd, Arena *arena, size_t bytes_max, Text *ret)
{
        struct stat status;
        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
        if (status.st_size < 0 || (size_t)status.st_size > bytes_max)
                return -EFBIG;
        size_t size = (size_t)status.st_size, len = 0;
        char *data = arena_alloc(arena, size + 1);
        while (len < size) {
                ssize_t n = read(fd, data + len, size - len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        data[len] = '\0';
        *ret = (Text){ data, len };
        return 0;
}

int file_read(Arena *arena, const char *path, size_t bytes_max, Text *ret)
{
        /* Not blocking: or a pipe in its place would hold up the start. */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        int r = descriptor_read(fd, arena, bytes_max, ret);
        (void)close(fd);
        return r;
}

bool file_is_public(const char *path)
{
        struct stat status;
        return stat(path, &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

static int name_order(const void *left, const void *right)
{
        const Text *a = left, *b = right;
        return text_compare(*a, *b);
}

int folder_list(Arena *arena, const char *path, Text ending, FolderList *ret)
{
        DIR *folder = opendir(path);
        if (!folder)
                return -errno;
        FolderList list = { 0 };
        const struct dirent *entry;
        int r = 0;
        while ((errno = 0, entry = readdir(folder))) {
                Text name = text_from(entry->d_name);
                bool ends = name.len > ending.len && text_equal(text_from_offset(name, name.len - ending.len), ending);
                if (name.data[0] == '.' || !ends)
                        continue;
                list.names = arena_grow(arena, list.names, list.count, &list.capacity, sizeof(Text));
                list.names[list.count++] = arena_text(arena, name);
        }
        r = -errno;
        (void)closedir(folder);
        if (r < 0)
                return r;
        if (list.count > 0)
                qsort(list.names, list.count, sizeof(Text), name_order);
        *ret = list;
        return 0;
}

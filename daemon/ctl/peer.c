#include "peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"

int peer_connect(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                int r = -errno;
                (void)close(fd);
                return r;
        }
        return fd;
}

int peer_ask(int fd, Text request, Arena *arena, Text *ret)
{
        for (size_t sent = 0; sent < request.len;) {
                ssize_t n = send(fd, request.data + sent, request.len - sent, MSG_NOSIGNAL);
                if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
                        break; /* refused unheard: why is there to be read */
                if (n < 0)
                        return -errno;
                sent += (size_t)n;
        }
        Buffer b = buffer_in(arena);
        ssize_t n;
        while ((n = read(fd, buffer_room(&b, 65536), 65536)) > 0)
                b.len += (size_t)n;
        *ret = buffer_text(&b);
        return b.len > 0 ? 0 : n < 0 ? -errno : -EPIPE;
}

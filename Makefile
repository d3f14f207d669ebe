# closedloopd. `make help` lists the targets.
VERSION := 0.1.0
SAN ?=
CC ?= gcc
B := build$(if $(SAN),/$(SAN))

LIBS := rdkafka libcurl libconfig libsystemd sqlite3 libpcre2-8 libical libcrypto yyjson libmicrohttpd
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wvla -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Werror
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=3)
LIB_CFLAGS = $(shell pkg-config --cflags $(LIBS))
LIB_LDLIBS = $(shell pkg-config --libs $(LIBS)) -lunistring -lm -lpthread
CFLAGS = -std=gnu11 -O2 -g $(WARNINGS) $(HARDENING) -D_GNU_SOURCE -DCLOSEDLOOP_VERSION='"$(VERSION)"' \
         -Iinclude $(LIB_CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) -MMD -MP $(EXTRA_CFLAGS)
LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))

MAINS := daemon/main.c daemon/ctl/closedloopctl.c
SOURCES := $(filter-out $(MAINS),$(wildcard daemon/*/*.c) $(filter-out daemon/main.c,$(wildcard daemon/*.c)))
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
PROGRAMS := $(B)/closedloopd $(B)/closedloopctl
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))

all: $(PROGRAMS) ## build the daemon and its tool

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$(B)/libclosedloop.a: $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(B)/closedloopd: $(B)/daemon/main.o $(B)/libclosedloop.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(B)/closedloopctl: $(B)/daemon/ctl/closedloopctl.o $(B)/libclosedloop.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libclosedloop.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIB_LDLIBS)

check-unit: $(UNIT_TESTS) ## the unit tests
	@set -e; for t in $(UNIT_TESTS); do $$t; done

clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: all check-unit clean help
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

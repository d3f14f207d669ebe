# closedloopd. `make help` lists the targets.
VERSION := 0.1.0
SAN ?=
ifeq ($(origin CC),default)
CC := gcc
endif
B := build$(if $(SAN),/$(SAN))

LIBS := rdkafka libcurl libconfig libsystemd sqlite3 libpcre2-8 libcrypto yyjson libmicrohttpd
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wvla -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Werror
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=3)
LIB_CFLAGS = $(shell pkg-config --cflags $(LIBS))
LIB_LDLIBS = $(shell pkg-config --libs $(LIBS)) -lunistring -lm -lpthread
CFLAGS = -std=gnu11 -O2 -g $(WARNINGS) $(HARDENING) -D_GNU_SOURCE -DCLOSEDLOOP_VERSION='"$(VERSION)"' \
         -Iinclude -I$(B) $(LIB_CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -DCLOSEDLOOP_SANITIZED) -MMD -MP $(LTO) $(EXTRA_CFLAGS)
LDFLAGS = -pie $(LINKED) -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))
# The daemon's small functions are inlined across its files: 4 % less time an answer. The rest links faster without.
LTO := $(if $(SAN)$(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
LINKED = -fno-lto
$(B)/closedloopd: LINKED = $(LTO)

MAINS := daemon/main.c daemon/ctl/closedloopctl.c
SOURCES := $(filter-out $(MAINS),$(wildcard daemon/*/*.c) $(filter-out daemon/main.c,$(wildcard daemon/*.c)))
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
SAN_OBJECTS := $(if $(filter thread,$(SAN)),$(B)/tests/tsan/threads.o)
PROGRAMS := $(B)/closedloopd $(B)/closedloopctl
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))

all: $(PROGRAMS) $(B)/closedloopd.catalog ## build the daemon and its tool

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC   $@'; $(CC) $(CFLAGS) -c -o $@ $<

# conf/templates as C: TEMPLATE_ALERT, TEMPLATE_ALERT_SHARED, ...
TEMPLATES := $(sort $(wildcard conf/templates/*.mustache))
$(B)/templates.h: $(TEMPLATES) Makefile
	@mkdir -p $(@D)
	@echo '  GEN  $@'; for file in $(TEMPLATES); do \
	  echo "static const char TEMPLATE_$$(basename $$file .mustache | tr a-z.- A-Z__)[] ="; \
	  sed 's/[\\"]/\\&/g; s/.*/        "&\\n"/' $$file; echo '        "";'; done > $@.new && mv $@.new $@
$(B)/daemon/core/wording_default.o: $(B)/templates.h

$(B)/libclosedloop.a: $(OBJECTS)
	@rm -f $@
	@echo '  AR   $@'; ar rcs $@ $^

$(B)/closedloopd: $(B)/daemon/main.o $(SAN_OBJECTS) $(B)/libclosedloop.a
	@echo '  LINK $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

# The same for a debugger, with each function of the sources where it is called from another file.
$(B)/tests/closedloopd: $(B)/daemon/main.o $(SAN_OBJECTS) $(B)/libclosedloop.a
	@mkdir -p $(@D)
	@echo '  LINK $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(B)/closedloopctl: $(B)/daemon/ctl/closedloopctl.o $(B)/libclosedloop.a
	@echo '  LINK $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(B)/unit/%: $(B)/tests/unit/%.o $(SAN_OBJECTS) $(B)/libclosedloop.a
	@mkdir -p $(@D)
	@echo '  LINK $@'; $(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIB_LDLIBS)

tests-build: $(UNIT_TESTS) $(B)/scenario $(B)/docs-tables

$(B)/docs-tables: $(B)/tests/docs/tables.o $(B)/libclosedloop.a
	@echo '  LINK $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

# What `journalctl -x` says under each message.
$(B)/closedloopd.catalog: $(B)/docs-tables
	@echo '  GEN  $@'; $< catalog >$@.new && mv $@.new $@

$(B)/scenario: $(patsubst %.c,$(B)/%.o,$(wildcard tests/scenario/*.c)) $(B)/libclosedloop.a
	@echo '  LINK $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

check: ## everything that fits in half an hour: installs what it needs, ends with "N passed, N failed"
	@tests/deps check
	@tests/check all

check-unit: ## unit tests and scenarios; SAN=address, undefined or thread
	@tests/check unit$(if $(SAN), SAN=$(SAN))

check-system: ## the real daemon against a real Kafka; NAME=test_daemon:test_x for one
	@tests/deps check
	@tests/check system $(NAME)

check-inside: ## check-system, which fails where no systemd can be booted to run the daemon in its hardened unit
	@tests/deps check
	@INSIDE=must tests/check system $(NAME)

clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

-include demo.mk lint.mk install.mk bench.mk soak.mk

.PHONY: all check check-unit check-system check-inside tests-build clean help
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

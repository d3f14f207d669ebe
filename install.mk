# install: DESTDIR for packagers, PREFIX for programs and unit. The configuration is in /etc/closedloop in any case: that is
# where the programs look for it.
DESTDIR ?=
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d

CONF_DIR := $(DESTDIR)/etc/closedloop
CONF_FILES := $(shell cd conf && find . -type f | sort)

install: $(PROGRAMS) ## install programs, unit and a first configuration (DESTDIR, PREFIX)
	install -D -m 0755 $(B)/closedloopd $(DESTDIR)$(SBINDIR)/closedloopd
	install -D -m 0755 $(B)/closedloopctl $(DESTDIR)$(BINDIR)/closedloopctl
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR)
	sed 's|/usr/sbin/|$(SBINDIR)/|' systemd/closedloopd.service >$(DESTDIR)$(UNITDIR)/closedloopd.service
	install -m 0644 systemd/closedloop.sysusers $(DESTDIR)$(SYSUSERSDIR)/closedloop.conf
	chmod 0644 $(DESTDIR)$(UNITDIR)/closedloopd.service
	install -m 0644 systemd/closedloop.tmpfiles $(DESTDIR)$(TMPFILESDIR)/closedloop.conf
	install -d -m 0750 $(CONF_DIR)
	install -d -m 0700 $(CONF_DIR)/credentials
	@# What an administrator has changed is theirs: an existing file is left alone.
	@set -e; for f in $(CONF_FILES); do \
	        to=$(CONF_DIR)/$${f#./}; \
	        if [ -e "$$to" ]; then echo "kept $$to"; else install -D -m 0644 "conf/$$f" "$$to"; fi; \
	done
	@[ -n "$(DESTDIR)" ] || echo "next: systemd-sysusers && systemd-tmpfiles --create closedloop.conf && \
	systemctl daemon-reload && systemctl enable --now closedloopd"

uninstall: ## remove what install put there; configuration and state stay
	rm -f $(DESTDIR)$(SBINDIR)/closedloopd $(DESTDIR)$(BINDIR)/closedloopctl $(DESTDIR)$(UNITDIR)/closedloopd.service \
	        $(DESTDIR)$(SYSUSERSDIR)/closedloop.conf $(DESTDIR)$(TMPFILESDIR)/closedloop.conf

.PHONY: install uninstall

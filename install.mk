# install: DESTDIR for packagers, PREFIX for programs and unit. The configuration is in /etc/closedloop in any case: that is
# where the programs look for it.
DESTDIR ?=
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
CATALOGDIR ?= $(PREFIX)/lib/systemd/catalog
DOCDIR ?= $(PREFIX)/share/doc/closedloop

CONF_DIR := $(DESTDIR)/etc/closedloop
CONF_FILES := $(shell cd conf && find . -type f | sort)

install: $(PROGRAMS) $(B)/closedloopd.catalog ## install programs, unit and a first configuration (DESTDIR, PREFIX)
	install -D -m 0755 $(B)/closedloopd $(DESTDIR)$(SBINDIR)/closedloopd
	install -D -m 0755 $(B)/closedloopctl $(DESTDIR)$(BINDIR)/closedloopctl
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR)
	sed 's|/usr/sbin/|$(SBINDIR)/|; s|/usr/bin/closedloopctl|$(BINDIR)/closedloopctl|; s|/usr/share/doc/closedloop|$(DOCDIR)|g' systemd/closedloopd.service \
	        >$(DESTDIR)$(UNITDIR)/closedloopd.service
	install -m 0644 systemd/closedloop.sysusers $(DESTDIR)$(SYSUSERSDIR)/closedloop.conf
	chmod 0644 $(DESTDIR)$(UNITDIR)/closedloopd.service
	install -m 0644 systemd/closedloop.tmpfiles $(DESTDIR)$(TMPFILESDIR)/closedloop.conf
	install -d $(DESTDIR)$(CATALOGDIR)
	sed 's|/usr/share/doc/closedloop|$(DOCDIR)|' $(B)/closedloopd.catalog >$(DESTDIR)$(CATALOGDIR)/closedloopd.catalog
	chmod 0644 $(DESTDIR)$(CATALOGDIR)/closedloopd.catalog
	install -D -m 0644 -t $(DESTDIR)$(DOCDIR) README.md docs/configuration.md docs/faults.md
	install -D -m 0644 -t $(DESTDIR)$(DOCDIR)/monitoring docs/monitoring/alerts.yml docs/monitoring/dashboard.json
	install -d -m 0750 $(CONF_DIR)
	install -d -m 0700 $(CONF_DIR)/credentials
	@# What an administrator has changed or taken away is theirs: a configuration that is there is left alone.
	@set -e; if [ -e $(CONF_DIR)/closedloopd.conf ]; then echo "kept $(CONF_DIR) as it is"; else \
	        for f in $(CONF_FILES); do install -D -m 0644 "conf/$$f" "$(CONF_DIR)/$${f#./}"; done; fi
	@[ -n "$(DESTDIR)" ] || printf '%s\n' "next: systemd-sysusers && systemd-tmpfiles --create closedloop.conf && \
	systemctl daemon-reload && journalctl --update-catalog" "then: edit $(CONF_DIR), closedloopd -t, systemctl enable --now closedloopd"

uninstall: ## remove what install put there; configuration and state stay
	rm -f $(DESTDIR)$(SBINDIR)/closedloopd $(DESTDIR)$(BINDIR)/closedloopctl $(DESTDIR)$(UNITDIR)/closedloopd.service \
	        $(DESTDIR)$(SYSUSERSDIR)/closedloop.conf $(DESTDIR)$(TMPFILESDIR)/closedloop.conf $(DESTDIR)$(CATALOGDIR)/closedloopd.catalog
	rm -rf $(DESTDIR)$(DOCDIR)

.PHONY: install uninstall

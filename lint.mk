# lint, format. Every step runs, also after one that has found something.
# Layout is that of clang-format 14, which Debian 12 has; another version may see some lines differently.
CLANG_FORMAT ?= $(or $(shell command -v clang-format-14),clang-format)
FORMATTED := $(wildcard daemon/*.c daemon/*/*.c tests/*/*.c bench/*.c)
ANALYZED := $(wildcard daemon/base/*.c daemon/core/*.c)
LINT_FLAGS = -std=gnu11 -D_GNU_SOURCE -DCLOSEDLOOP_VERSION='"$(VERSION)"' -Iinclude -I$(B) $(LIB_CFLAGS)

LINT_STEPS := lint-text lint-format lint-cppcheck lint-analyzer lint-clang lint-unit lint-tidy

lint: ## what compilers, analysers and the house rules say
	@tests/deps lint
	@$(MAKE) --no-print-directory -k $(LINT_STEPS)

format: ## lay the .c files out
	@tests/deps lint
	$(CLANG_FORMAT) -i $(FORMATTED)

$(LINT_STEPS): $(B)/templates.h
lint-text: $(PROGRAMS)
	@for check in layers symbols headers house notices; do echo "  LINT $$check"; tests/lint/$$check || failed=1; done; [ -z "$$failed" ]

lint-format:
	@echo '  LINT format'; for f in $(FORMATTED); do \
	        $(CLANG_FORMAT) --dry-run -Werror $$f 2>/dev/null || { echo "$$f: make format"; failed=1; }; done; [ -z "$$failed" ]

# Suppressed: readdir and the name lookups are called by one thread only; a compound literal in "?:" is beyond the parser,
# and that nothing comes after must(false), which the compilers know.
lint-cppcheck:
	@echo '  LINT cppcheck'; cppcheck -q --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
	        --suppress=readdirCalled --suppress=getpwuidCalled --suppress=getgrnamCalled --suppress=internalAstError --suppress=missingReturn \
	        -D_GNU_SOURCE -DCLOSEDLOOP_VERSION='"$(VERSION)"' -Iinclude -I$(B) daemon

# -Wno-analyzer-null-argument: that a Text which has a length has data, it does not know.
lint-analyzer: $(ANALYZED:%.c=$(B)/analyzed/%.o)

$(B)/analyzed/%.o: %.c
	@mkdir -p $(@D)
	@echo '  LINT -fanalyzer $<'; gcc $(LINT_FLAGS) -O1 -Wall -Werror -fanalyzer -Wno-analyzer-null-argument -MMD -MP -c -o $@ $<

# The second compiler has warnings of its own.
lint-clang:
	@echo '  LINT clang'; $(MAKE) --no-print-directory -k CC=clang B=build/clang all tests-build >/dev/null

lint-unit: $(PROGRAMS)
	@echo '  LINT unit'; tests/lint/unit $(B)

lint-tidy:
	@echo '  LINT clang-tidy'; tests/lint/tidy -- $(LINT_FLAGS)

.PHONY: lint format $(LINT_STEPS)

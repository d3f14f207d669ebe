# bench.mk - measuring beside bare programs; the Makefile includes it.
BENCH_PROGRAMS := $(addprefix $(B)/bench/,bare_consumer bare_post feed sink)

$(B)/bench/%: bench/%.c bench/bare.h
	@mkdir -p $(@D)
	@echo '  CC   $@'; $(CC) $(CFLAGS) -MF $@.d $(LDFLAGS) -o $@ $< $(LIB_LDLIBS)

bench: ## measure beside bare programs, in one run; README=1 puts the table into the README
	@tests/deps check
	@$(MAKE) --no-print-directory $(PROGRAMS) $(BENCH_PROGRAMS)
	@bench/run $(if $(README),--readme)

.PHONY: bench

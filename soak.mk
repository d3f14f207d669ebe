# soak.mk - a day of faults; the Makefile includes it.

soak: ## 24 simulated hours of random faults; MINUTES=24 SEED=N; make check runs a minute of it
	@tests/deps check
	@$(MAKE) -s --no-print-directory $(PROGRAMS)
	@CLOSEDLOOPD=$(B)/closedloopd tests/system/soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

.PHONY: soak

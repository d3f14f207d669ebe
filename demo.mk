# demo.mk - the demo; the Makefile includes it.

$(B)/tests/mockbroker: tests/system/mockbroker.c
	@mkdir -p $(@D)
	@echo '  CC   $@'; $(CC) $(CFLAGS) -MF $@.d $(LDFLAGS) -o $@ $< $(LIB_LDLIBS)

demo: ## see it work, in a minute and without a Kafka; KEEP=1 leaves it running to play with
	@tests/deps demo
	@$(MAKE) -s --no-print-directory $(PROGRAMS) $(B)/tests/mockbroker
	@exec env CLOSEDLOOPD=$(B)/closedloopd MOCKBROKER=$(B)/tests/mockbroker tests/demo/demo $(if $(KEEP),--keep)

.PHONY: demo

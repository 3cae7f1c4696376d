# SPDX-License-Identifier: Apache-2.0
# bench: what ring 0 costs, in instructions, under QEMU's -icount.

MINI_PROGRAMS += bench
bench_SRCS := tools/bench/hv.c
BENCH := $(BUILD)/bench
BENCH_TIME ?= 300

$(BENCH)/hv.iso: $(BUILD)/ringside.elf $(MINI_OUT)/bench.elf tools/iso.sh
	@mkdir -p $(@D)
	@tools/iso.sh -o "panic=poweroff dom0_vcpus=2" $@ $(BUILD)/ringside.elf "$(MINI_OUT)/bench.elf hv"

# With one CPU the program prints the table, with two only what crosses between them.
.PHONY: bench-hv
bench-hv: $(BENCH)/hv.iso ## instructions of ring 0's paths, twice, as a table and build/bench/hv.json
	@for run in 1 2; do \
		tools/qemu.sh -i -c 1 -t $(BENCH_TIME) -l $(BENCH)/hv.$$run.log $(BENCH)/hv.iso || exit 1; \
		tools/qemu.sh -i -c 2 -t $(BENCH_TIME) -l $(BENCH)/cross.$$run.log $(BENCH)/hv.iso || exit 1; \
	done
	@python3 tools/bench/table.py $(BENCH)/hv.json $(BENCH)/hv.1.log,$(BENCH)/cross.1.log \
		$(BENCH)/hv.2.log,$(BENCH)/cross.2.log

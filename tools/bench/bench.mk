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

# What programs see of Linux: the same image without Ringside, and as dom0 with as much memory.
LAT_TIME ?= 900
LAT_QEMU = -i -c 1 -p max,-la57,-erms,-smap -t $(LAT_TIME)
$(BENCH)/lat: tools/bench/linux/lat.c $(wildcard include/pv/*)
	@mkdir -p $(@D)
	@gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -Iinclude $< -o $@

.PHONY: bench-linux bench-linux-bare
bench-linux-bare: initramfs $(BENCH)/lat
	@echo /lat >$(BENCH)/lat.sh
	@BUILD='$(BUILD)' dom0/linux/boot.sh -s $(BENCH)/lat.sh -f /lat=$(BENCH)/lat \
		-q '$(LAT_QEMU) -m 1024 -l $(BENCH)/linux-bare.log' bare

bench-linux: hv bench-linux-bare ## classic latencies of Linux, bare and as dom0, beside their goals
	@BUILD='$(BUILD)' dom0/linux/boot.sh -s $(BENCH)/lat.sh -f /lat=$(BENCH)/lat \
		-o dom0_mem=1024M -q '$(LAT_QEMU) -m 1536 -l $(BENCH)/linux-dom0.log' dom0
	@python3 tools/bench/linux/table.py $(BENCH)/linux $(BENCH)/linux-bare.log $(BENCH)/linux-dom0.log

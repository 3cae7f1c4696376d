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

# What programs see of Linux: the same image without Ringside, as dom0, and in a guest, with as much memory.
LAT_TIME ?= 900
LAT_QEMU = -i -c 1 -p max,-la57,-erms,-smap -t $(LAT_TIME)
$(BENCH)/lat: tools/bench/linux/lat.c tools/bench/counters.h tools/bench/must.h tools/bench/io/mark.h $(wildcard include/pv/*)
	@mkdir -p $(@D)
	@gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -Iinclude $< -o $@

# lat_run(words of lat.c, what it leaves: a .log and the .blocks of count.c for each side)
define lat_run
	@echo '/lat $(1)' >$(2).sh
	@BUILD='$(BUILD)' dom0/linux/boot.sh -s $(2).sh -f /lat=$(BENCH)/lat \
		-q '$(LAT_QEMU) -m 1024 -l $(2)-bare.log' bare -plugin $(abspath $(BENCH))/count.so,out=$(2)-bare.blocks,mem=1024
	@BUILD='$(BUILD)' dom0/linux/boot.sh -s $(2).sh -f /lat=$(BENCH)/lat \
		-o dom0_mem=1024M -q '$(LAT_QEMU) -m 1536 -l $(2)-dom0.log' dom0 -plugin $(abspath $(BENCH))/count.so,out=$(2)-dom0.blocks,mem=1024
endef

.PHONY: bench-linux bench-profile
bench-linux: hv initramfs tools $(BENCH)/lat $(BENCH)/count.so ## classic latencies of Linux, bare, as dom0 and in a guest, beside their goals
	$(call lat_run,,$(BENCH)/linux)
	@BUILD='$(BUILD)' tools/bench/linux/guest.sh $(BENCH)/linux '$(LAT_QEMU)'
	@python3 tools/bench/linux/table.py $(BENCH)/linux $(BUILD)

#   make bench-profile ROW=fork,exec
bench-profile: hv initramfs $(BENCH)/lat $(BENCH)/count.so ## the functions that ROW executes (keys of bench-linux, by commas), bare and as dom0
	$(call lat_run,$(ROW),$(BENCH)/profile)
	@python3 tools/bench/linux/profile.py $(BENCH)/profile $(BUILD) >$(BENCH)/profile.txt
	@head -60 $(BENCH)/profile.txt; echo 'all of it: $(BENCH)/profile.txt'

# Disks, networks and consoles of guests: by split drivers, beside dom0's own path on the same devices.
#   make bench-io ROWS=randread,read1m SCALE=4    some rows only, so many times the operations
#   make bench-io QUEUES=2                        of disk and card, with as many vCPUs on both sides
#   make bench-io COPY_SEGMENTS=0                 the block back end maps what it else copies
#   make bench-io RING=16 SEGMENTS=5              requests of a disk's ring; pages of a request (more than 5: indirect)
#   make bench-io TX_BATCH=1                      packets that the card's full ring waits for, before an event
#   make bench-io PERSISTENT=1                    a disk's data goes through pages that stay granted and mapped
#   make bench-io SPARE=0                         pages that the block back end keeps for the next requests
#   make bench-io BACK_PARAMS=MODULE/parameters/NAME=VALUE,... GUEST_PARAMS='MODULE.NAME=VALUE ...'    others, of either half
IO_DIR := tools/bench/io
IO_OUT ?= $(BENCH)/io
IO_CFLAGS := -std=gnu17 -O2 -Wall -Wextra -Werror -Wno-missing-field-initializers
ROWS   ?= all
SCALE  ?= 1
ROUNDS ?= 3
QUEUES ?= 1
COPY_SEGMENTS ?=
SPARE ?=
RING ?=
SEGMENTS ?=
TX_BATCH ?=
PERSISTENT ?=
BACK_PARAMS ?=
GUEST_PARAMS ?=
comma := ,
IO_BACK = $(if $(COPY_SEGMENTS),blkback/parameters/copy_segments=$(COPY_SEGMENTS)$(comma))$(if \
	$(SPARE),blkback/parameters/spare_pages=$(SPARE)$(comma))$(BACK_PARAMS)
IO_GUEST = $(RING:%=blkfront.ring_entries=%) $(SEGMENTS:%=blkfront.segments_max=%) $(TX_BATCH:%=netfront.tx_batch=%) \
	$(PERSISTENT:%=blkfront.persistent=%) $(GUEST_PARAMS)
IO_ARGS = -r '$(ROWS)' -n $(SCALE) -R $(ROUNDS) -q $(QUEUES) -p '$(IO_BACK)' -g '$(IO_GUEST)'

# At an address of its own, by which its instructions are known from other programs' of dom0.
$(BENCH)/load: $(wildcard $(IO_DIR)/*.c $(IO_DIR)/*.h) tools/bench/counters.h tools/bench/must.h $(wildcard include/pv/*.h)
	@mkdir -p $(@D)
	@gcc $(IO_CFLAGS) -static -Wl,-Ttext-segment=0x10000000 -Iinclude -o $@ $(filter-out %/count.c,$(filter %.c,$^)) -lpthread
$(BENCH)/count.so: $(IO_DIR)/count.c $(IO_DIR)/mark.h
	@mkdir -p $(@D)
	@gcc $(IO_CFLAGS) -fvisibility=hidden -shared -fPIC -o $@ $<

.PHONY: bench-io
bench-io: run-deps $(BENCH)/load $(BENCH)/count.so ## guests' disks, networks, consoles: instructions of guest, ring 0 and dom0 beside their goals
	@BUILD='$(BUILD)' $(IO_DIR)/run.sh $(IO_ARGS) $(IO_OUT)
	@python3 $(IO_DIR)/table.py $(IO_OUT) $(BUILD)

# From `ringctl create` to the first instruction of the guest's init.
CREATE_GUESTS ?= 100
CREATE_TIME   ?= 3600
CREATE_KERNEL ?= $(LINUX)/vmlinux
$(BENCH)/stamp: tools/bench/create/stamp.c
	@mkdir -p $(@D)
	@gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -nostdlib -fno-stack-protector -o $@ $<

.PHONY: bench-create
bench-create: hv initramfs tools $(BENCH)/stamp ## instructions from ringctl create to a guest's init, of CREATE_GUESTS (100) guests
	@BUILD='$(BUILD)' tools/bench/create/run.sh $(BENCH)/create $(CREATE_KERNEL) $(CREATE_GUESTS) $(CREATE_TIME)
	@python3 tools/bench/create/table.py $(BENCH)/create $(BENCH)/create.log

# The same, also by emulated devices, twice to see how far the figures agree, as a page with charts.
#   make bench WALL=1    also in wall time, as ratios
WALL ?=
EMULATED ?= $(if $(wildcard tools/model),$(IO_DIR)/emulated.conf)
FULL := $(BENCH)/bench
TEST_ROWS ?= randread,read1m,tcp_rr
FULL_ARGS = $(IO_ARGS) $(EMULATED:%=-c %)
bench-deps:
	@tools/deps.sh bench
bench: run-deps bench-deps $(BENCH)/load $(BENCH)/count.so ## split drivers, emulated devices, dom0 alone: figures, and a page with charts: build/bench/bench.html
	@BUILD='$(BUILD)' $(IO_DIR)/run.sh $(FULL_ARGS) $(FULL)
	@BUILD='$(BUILD)' $(IO_DIR)/run.sh $(FULL_ARGS) $(FULL).again
	@[ -z '$(WALL)' ] || BUILD='$(BUILD)' $(IO_DIR)/run.sh -w -a $(ACCEL) $(FULL_ARGS) $(FULL).wall
	@python3 $(IO_DIR)/table.py $(FULL).again $(BUILD) >/dev/null
	@python3 $(IO_DIR)/table.py $(FULL) $(BUILD)
	@python3 $(IO_DIR)/report.py $(FULL) $(BUILD) --again $(FULL).again $(if $(WALL),--wall $(FULL).wall)

# Of what `make bench` has measured: is a second run the same, and do split drivers win everywhere?
.PHONY: bench bench-deps bench-check test-bench
bench-check: ## the figures of make bench: both runs agree to 1 %, split drivers win in every row
	@python3 $(IO_DIR)/check.py $(FULL).json $(FULL).again.json

# Each variable of the lab, one after another.
.PHONY: bench-lab
bench-lab: run-deps ## each variable of bench-io: it works, and moves what it should
	@BUILD='$(BUILD)' sh tests/system/bench_lab.sh

# The benchmark with few operations; its page, rendered, must show what the figures say.
test-bench: bench-deps ## a short benchmark: it repeats, split drivers win, and its page in headless Chromium shows the figures
	@tools/deps.sh browser
	@$(MAKE) --no-print-directory bench ROWS=$(TEST_ROWS) ROUNDS=1 FULL=$(BENCH)/test
	@$(MAKE) --no-print-directory bench-check FULL=$(BENCH)/test
	@/usr/bin/python3 tests/system/bench_page.py $(BENCH)/test

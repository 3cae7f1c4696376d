# SPDX-License-Identifier: Apache-2.0
# tools.mk: libringside, ringctl, ringsided: for the host, and the same files, linked statically, for dom0.

TOOLS_DIR    := $(BUILD)/tools
TOOLS_CC     ?= gcc
TOOLS_CFLAGS := -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-Iinclude -Itools/lib -I$(TOOLS_DIR) -MMD -MP \
	$(if $(RINGSIDE_VERSION),-DRS_VERSION='"$(RINGSIDE_VERSION)"')
TOOLS_LIBS   := -lconfuse -ljansson -lelf -lext2fs -lcom_err -lzstd -llzma -llz4 -lz -lseccomp -lpthread
MODEL_LIBS   := -lseccomp -lpthread
LIB_OBJS     := $(patsubst %.c,$(TOOLS_DIR)/%.o,$(wildcard tools/lib/*.c))
RINGCTL_OBJS := $(patsubst %.c,$(TOOLS_DIR)/%.o,$(wildcard tools/ringctl/*.c))
MODEL_OBJS   := $(patsubst %.c,$(TOOLS_DIR)/%.o,$(wildcard tools/model/*.c)) $(TOOLS_DIR)/tools/lib/rights.o
RINGSIDED_OBJS := $(patsubst %.c,$(TOOLS_DIR)/%.o,$(wildcard tools/ringsided/*.c))

.PHONY: tools test-tools
tools: $(TOOLS_DIR)/ringctl $(TOOLS_DIR)/ringsided $(TOOLS_DIR)/ringside-model ## ringctl, its daemon and the device model, static: $(BUILD)/tools

$(TOOLS_DIR)/libringside.a: $(LIB_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(TOOLS_DIR)/ringctl: $(RINGCTL_OBJS) $(TOOLS_DIR)/libringside.a
	$(TOOLS_CC) -static -o $@ $^ $(TOOLS_LIBS)
$(TOOLS_DIR)/ringsided: $(RINGSIDED_OBJS) $(TOOLS_DIR)/libringside.a
	$(TOOLS_CC) -static -o $@ $^ $(TOOLS_LIBS)

# For Debian's packages, which bring their libraries.
$(TOOLS_DIR)/shared/ringctl: $(RINGCTL_OBJS) $(TOOLS_DIR)/libringside.a
$(TOOLS_DIR)/shared/ringsided: $(RINGSIDED_OBJS) $(TOOLS_DIR)/libringside.a
$(TOOLS_DIR)/shared/ringside-model: $(MODEL_OBJS)
$(TOOLS_DIR)/shared/ringside-model: TOOLS_LIBS := $(MODEL_LIBS)
$(TOOLS_DIR)/shared/%:
	@mkdir -p $(@D)
	$(TOOLS_CC) -pie -Wl,-z,relro,-z,now -Wl,--as-needed -o $@ $^ $(TOOLS_LIBS)

$(TOOLS_DIR)/ringside-model: $(MODEL_OBJS)
	$(TOOLS_CC) -static -o $@ $^ $(MODEL_LIBS)

# Structures as the compiler lays them out, for ringctl hypercall.
$(TOOLS_DIR)/layouts.h: docs/tools/layouts.py docs/tools/abi.py docs/reference/fields.txt $(wildcard include/pv/*.h include/pv/io/*.h)
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	@python3 docs/tools/layouts.py $@
$(TOOLS_DIR)/tools/ringctl/explore.o: $(TOOLS_DIR)/layouts.h

$(TOOLS_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(TOOLS_CC) $(TOOLS_CFLAGS) -c $< -o $@

-include $(LIB_OBJS:.o=.d) $(MODEL_OBJS:.o=.d) $(RINGCTL_OBJS:.o=.d) $(RINGSIDED_OBJS:.o=.d)

# Unit tests: the library's files with sanitizers, against a fake ring 0.
TOOLS_TESTS  := $(patsubst tests/unit/tools/%.c,$(UNIT_DIR)/tools/%,$(wildcard tests/unit/tools/*_test.c))
MODEL_TEST_SRCS := $(filter-out %/main.c %/rights.c,$(wildcard tools/model/*.c))
TOOLS_TEST_SRCS := tests/unit/tools/fake.c $(wildcard tools/lib/*.c)

$(UNIT_DIR)/tools/%_test: tests/unit/tools/%_test.c $(TOOLS_TEST_SRCS) tests/unit/tools/fake.h tools/lib/ringside.h \
		$(wildcard include/pv/*.h include/pv/io/*.h)
	@mkdir -p $(@D)
	$(UNIT_CC) -D_GNU_SOURCE $(UNIT_CFLAGS) -Wno-gnu -Iinclude -Itools/lib -Itests/unit/tools -o $@ \
		$(filter-out $(TOOLS_LEAVE_OUT),$(filter %.c,$^)) -lcriterion $(TOOLS_LIBS)

# ringsided's files with grants and events of the test's own.
$(UNIT_DIR)/tools/daemon_test: $(filter-out tools/ringsided/main.c,$(wildcard tools/ringsided/*.c)) tools/ringsided/ringsided.h
$(UNIT_DIR)/tools/daemon_test: TOOLS_LEAVE_OUT = tools/lib/events.c

# The model's devices, on a memory and a table of ranges of the test's own; and with its own, on an area of the test's.
$(UNIT_DIR)/tools/model_test: $(filter-out %/access.c,$(MODEL_TEST_SRCS))
$(UNIT_DIR)/tools/model_access_test: $(MODEL_TEST_SRCS)
$(UNIT_DIR)/tools/model_test $(UNIT_DIR)/tools/model_access_test: $(UNIT_DIR)/tools/%: tests/unit/tools/%.c tools/model/model.h
	@mkdir -p $(@D)
	$(UNIT_CC) -D_GNU_SOURCE $(UNIT_CFLAGS) -Wno-gnu -Iinclude -o $@ $(filter %.c,$^) -lcriterion -lpthread

# Without sanitizers, which make system calls of their own.
$(UNIT_DIR)/tools/rights_test: tests/unit/tools/rights_test.c tools/model/rights.c tools/lib/rights.c tools/model/model.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -g -Wall -Wextra -Werror -Iinclude -o $@ $(filter %.c,$^) -lcriterion $(MODEL_LIBS)

# ringctl itself on that fake.
$(UNIT_DIR)/tools/ringctl_fake: tests/unit/tools/ringctl_fake.c $(TOOLS_TEST_SRCS) $(wildcard tools/ringctl/*.c) \
		tests/unit/tools/fake.h tools/lib/ringside.h tools/ringctl/ringctl.h $(TOOLS_DIR)/layouts.h $(wildcard include/pv/*.h include/pv/io/*.h)
	@mkdir -p $(@D)
	$(UNIT_CC) -D_GNU_SOURCE $(UNIT_CFLAGS) -Wno-gnu -Iinclude -Itools/lib -I$(TOOLS_DIR) -Itests/unit/tools -Wl,--wrap=rs_open -o $@ \
		$(filter %.c,$^) $(TOOLS_LIBS)

TOOLS_TESTS += tests/unit/tools/man_check.sh tests/unit/tools/cli_check.sh tests/unit/tools/image_check.sh tests/unit/tools/net_check.sh
TOOLS_TEST_PROGRAMS := $(TOOLS_DIR)/ringctl $(UNIT_DIR)/tools/ringctl_fake
test-tools: $(TOOLS_TESTS) | $(TOOLS_TEST_PROGRAMS) ## unit tests of the tools only
	@sh tests/unit/run.sh $^
test-unit: $(TOOLS_TESTS) | $(TOOLS_TEST_PROGRAMS)

# The whole, in QEMU: dom0 starts two guests.
.PHONY: run demo run-deps
run-deps:
	@echo 'Ringside: the first time this installs packages and builds Linux: some ten minutes on two CPUs'
	@tools/deps.sh base linux run
	@$(MAKE) --no-print-directory hv initramfs tools

RUN_QEMU = -a $(ACCEL) -c $(CPUS) -m $(if $(filter file,$(origin MEM)),1024,$(MEM)) $(if $(UEFI),-u)
run: run-deps ## dom0 and two guests in QEMU, their figures, then a shell in dom0; `poweroff -f` ends it
	@BUILD='$(BUILD)' tools/run/run.sh -s -k '$(WORDS)' -q '$(RUN_QEMU) -t 0' $(QEMU_MORE)

demo: run-deps ## the same without a person: it ends by itself
	@BUILD='$(BUILD)' tools/run/run.sh -k '$(WORDS)' -q '$(RUN_QEMU) -t $(if $(filter file,$(origin TIME)),600,$(TIME))' $(QEMU_MORE)

# The programs of make test-domains that ringctl selftest runs as guests.
ATTACKS := $(BUILD)/mini/abuse_cpu.elf $(BUILD)/mini/abuse_mem.elf $(BUILD)/mini/abuse_pair.elf $(BUILD)/mini/random.elf
$(BUILD)/tests/verify $(BUILD)/tests/nbd: $(BUILD)/tests/%: tests/system/guests/%.c
	@mkdir -p $(@D)
	gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -o $@ $<

# A module of the kernel that dom0 and guests run.
HOSTILE := $(BUILD)/tests/hostile
$(HOSTILE)/hostile.ko: tests/system/guests/hostile/hostile.c tests/system/guests/hostile/Kbuild $(BUILD)/linux/modules
	@mkdir -p $(HOSTILE)
	@cp tests/system/guests/hostile/hostile.c tests/system/guests/hostile/Kbuild $(HOSTILE)
	@$(LINUX_MAKE) M=$(abspath $(HOSTILE)) modules >$(HOSTILE)/log 2>&1 || { tail -20 $(HOSTILE)/log; exit 1; }
.PHONY: test-hostile
test-hostile: run-deps
	@$(MAKE) --no-print-directory $(HOSTILE)/hostile.ko

#   make test-guests GUESTS='life kill'    some only
GUESTS ?=
test-guests: run-deps test-hostile $(ATTACKS) $(BUILD)/tests/verify $(BUILD)/tests/nbd ## guests in QEMU: each verb, 100 rounds, 32 at once, killed tools, devices under load, attacks
	@tools/deps.sh tests
	@BUILD='$(BUILD)' sh tests/system/guests.sh $(GUESTS)
# A Debian guest with systemd, data bases and PostgreSQL's own regression test: an hour or two without KVM.
test-debian-guest: run-deps test-hostile $(ATTACKS) $(BUILD)/tests/verify ## a Debian guest: fio and iperf3 under hot-plug, nginx, Redis, PostgreSQL and its regression test
	@tools/deps.sh debian tests
	@sh tests/system/guests/debian-image.sh $(BUILD)/debian-guest $(LINUX)
	@BUILD='$(BUILD)' GUESTS_TIME=10800 GUESTS_ACCEL=$(or $(GUESTS_ACCEL),tcg$(comma)thread=single) \
		sh tests/system/guests.sh $(or $(GUESTS),debian-load debian)
.PHONY: test-debian-guest
# What make test has of them. One thread: QEMU's TCG before 8.1 runs stale code at times when CPUs patch text.
test-guests-short: run-deps test-hostile $(ATTACKS) $(BUILD)/tests/verify ## the demo, and each verb of a guest's life
	@mkdir -p $(BUILD)/tests
	@if $(MAKE) --no-print-directory demo ACCEL=tcg,thread=single >$(BUILD)/tests/demo.log 2>&1; then echo 'demo: passed'; \
		else tail -20 $(BUILD)/tests/demo.log; echo 'demo: FAILED: see $(BUILD)/tests/demo.log'; exit 1; fi
	@BUILD='$(BUILD)' GUESTS_ACCEL=tcg,thread=single sh tests/system/guests.sh life
.PHONY: test-guests test-guests-short

# ringside-trace, whose table of hypercalls stands in for include/pv. Needs nothing built.
.PHONY: install-tools install-trace
install-trace:
	install -D -m 755 tools/trace/ringside-trace $(DESTDIR)/usr/bin/ringside-trace
	install -D -m 644 docs/tools/trace.py $(DESTDIR)/usr/share/ringside/trace.py
	python3 docs/tools/trace.py --calls $(DESTDIR)/usr/share/ringside/hypercalls.json
	chmod 644 $(DESTDIR)/usr/share/ringside/hypercalls.json
	install -D -m 644 tools/completion/ringside-trace $(DESTDIR)/usr/share/bash-completion/completions/ringside-trace
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man1 tools/man/ringside-trace.1

TOOLS_BIN ?= $(TOOLS_DIR)
install-tools: install-trace $(TOOLS_BIN)/ringctl $(TOOLS_BIN)/ringsided $(TOOLS_BIN)/ringside-model $(ATTACKS) ## ringctl, ringsided, manual pages, completion and services, under DESTDIR
	install -D -m 755 -s $(TOOLS_BIN)/ringctl $(DESTDIR)/usr/sbin/ringctl
	install -D -m 755 -s $(TOOLS_BIN)/ringsided $(DESTDIR)/usr/sbin/ringsided
	install -D -m 755 -s $(TOOLS_BIN)/ringside-model $(DESTDIR)/usr/sbin/ringside-model
	install -D -m 755 tools/net/ringctl-net $(DESTDIR)/usr/sbin/ringctl-net
	install -D -m 755 tools/image/image.sh $(DESTDIR)/usr/lib/ringside/image.sh
	install -D -m 755 tools/ringctl/bug-report.sh $(DESTDIR)/usr/lib/ringside/bug-report.sh
	install -D -m 755 tools/ringctl/save-crash.sh $(DESTDIR)/usr/lib/ringside/save-crash.sh
	install -D -m 644 tools/completion/ringctl $(DESTDIR)/usr/share/bash-completion/completions/ringctl
	install -D -m 644 tools/ringctl/example.conf $(DESTDIR)/usr/share/doc/ringside/example.conf
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man1 tools/man/ringctl.1
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man5 tools/man/ringside-guest.5
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man8 tools/man/ringsided.8 tools/man/ringctl-net.8 tools/man/ringside-model.8
	install -D -m 644 -t $(DESTDIR)/usr/lib/systemd/system tools/units/*.service
	install -D -m 644 -t $(DESTDIR)/usr/lib/ringside/attacks $(ATTACKS)
	install -d -m 755 $(DESTDIR)/etc/ringside/guests $(DESTDIR)/var/lib/ringside/images

# Fuzzers of what the tools read from guests and files; part of make fuzz.
TOOLS_FUZZERS := kernel config
FUZZERS += $(TOOLS_FUZZERS)
$(TOOLS_FUZZERS:%=build/fuzz/fuzz_%): build/fuzz/fuzz_%: tests/fuzz/tools/fuzz_%.c $(wildcard tools/lib/*.c) tools/lib/ringside.h
	@mkdir -p build/fuzz/$*
	@echo "  FUZZ  $@"
	@clang -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -Werror -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -Iinclude -Itools/lib -o $@ $(filter %.c,$^) $(TOOLS_LIBS)
fuzz: $(TOOLS_FUZZERS:%=build/fuzz/fuzz_%)
.PHONY: fuzz-tools
fuzz-tools: $(TOOLS_FUZZERS:%=build/fuzz/fuzz_%)
	@$(call FUZZ_RUN,$(TOOLS_FUZZERS))

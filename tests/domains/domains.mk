# SPDX-License-Identifier: Apache-2.0
# domains.mk: tests that run as mini domains on ring 0, in QEMU.
#   make test-domains                       all; a line a test, and a last line "N passed, N failed"
#   make test-domains DOMAINS_ONLY=event    the tests whose names begin so (also those known to fail)
#   make test-domains DOMAINS_CPUS=1 DOMAINS_FLAVOURS=debug DOMAINS_PROGRAMS=domtest
#
# All t_*.c are one program, domtest. Any other tests/domains/x.c becomes a program of its own, x: a crash
# or a hang there costs the others nothing. Each is linked with lib.c, which has a main that runs the
# MINI_TESTs; a main of x.c's own takes its place (it prints "PASS name" or "FAIL name: why" lines, last a
# line "TESTS passed N failed N skipped N", and calls pv_phys_reboot(0)). Each boots as dom0 with 4 vCPUs,
# child.elf as its module. Further words of its command line: x_WORDS := ...; seconds a boot: x_TIME := 90.
# A boot that ends early fails the test that was running, and is begun again behind it.

DOMAINS_DIR := tests/domains
DOMAINS_OWN := $(filter-out t_% lib child,$(patsubst $(DOMAINS_DIR)/%.c,%,$(wildcard $(DOMAINS_DIR)/*.c)))
DOMAINS_ALL := domtest $(DOMAINS_OWN)

# Tests that are known to fail and do not run by default: each with its reason.
KNOWN_FAILING :=

DOMAINS_PROGRAMS ?= $(DOMAINS_ALL)
DOMAINS_CPUS     ?= 1 4
DOMAINS_FLAVOURS ?= release debug
DOMAINS_ONLY     ?=

domtest_SRCS := $(sort $(wildcard $(DOMAINS_DIR)/t_*.c)) $(DOMAINS_DIR)/lib.c
domchild_SRCS := $(DOMAINS_DIR)/child.c
$(foreach p,$(DOMAINS_OWN),$(eval $(p)_SRCS := $(DOMAINS_DIR)/$(p).c $(DOMAINS_DIR)/lib.c))
MINI_PROGRAMS += $(DOMAINS_ALL) domchild

domains_skip = $(if $(DOMAINS_ONLY),,$(KNOWN_FAILING))
comma := ,
space := $() $()

.PHONY: test-domains
test-domains: $(BUILD)/ringside.elf $(BUILD)/debug/ringside.elf $(BUILD)/mini/domchild.elf \
		$$(patsubst %,$(BUILD)/mini/%.elf,$$(DOMAINS_PROGRAMS))
	@BUILD='$(BUILD)' CPUS='$(DOMAINS_CPUS)' FLAVOURS='$(DOMAINS_FLAVOURS)' ONLY='$(DOMAINS_ONLY)' \
		SKIP='$(subst $(space),$(comma),$(strip $(domains_skip)))' sh $(DOMAINS_DIR)/run.sh \
		$(foreach p,$(DOMAINS_PROGRAMS),'$(p) $(or $($(p)_TIME),90) $($(p)_WORDS)')

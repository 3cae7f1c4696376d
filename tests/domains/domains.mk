# SPDX-License-Identifier: Apache-2.0
# domains.mk: tests that run as mini domains on ring 0, in QEMU.
#   make test-domains                       all; a line a test, and a last line "N passed, N failed"
#   make test-domains DOMAINS_ONLY=event    the tests whose names begin so (also those known to fail)
#   make test-domains DOMAINS_CPUS=1 DOMAINS_FLAVOURS=debug DOMAINS_PROGRAMS=domtest
#
# All t_*.c and lib.c are one program, domtest. Any other x.c, or folder x/ of files, becomes a program of
# its own, x, with abuse_lib.c: a crash or a hang there costs the others nothing. Each boots as dom0 with 4
# vCPUs and runs its MINI_TESTs ("PASS name" or "FAIL name: why" lines, last a line "TESTS passed N failed N
# skipped N"), with domchild.elf as its module (another: x_CHILD := y, from y.c, whose name ends in child).
# Further words of its command line: x_WORDS := ...; seconds a boot: x_TIME := 90.
# A boot that ends early fails the test that was running, and is begun again behind it.

DOMAINS_DIR := tests/domains
DOMAINS_ABUSE := $(patsubst $(DOMAINS_DIR)/%/,%,$(wildcard $(DOMAINS_DIR)/*/))
DOMAINS_OWN := $(DOMAINS_ABUSE) $(filter-out t_% lib abuse_lib %child,$(patsubst $(DOMAINS_DIR)/%.c,%,$(wildcard $(DOMAINS_DIR)/*.c)))
DOMAINS_ALL := domtest $(DOMAINS_OWN)

# Tests that are known to fail and do not run by default: each with its reason.
KNOWN_FAILING :=

# Their children are the same programs: see abuse_child.h.
abuse_cpu_CHILD := abuse_cpu
abuse_mem_CHILD := abuse_mem
abuse_pair_CHILD := abuse_pair
random_CHILD := random
# Random hypercalls a boot; a long run: RANDOM_COUNT=10000000 RANDOM_TIME=7200
RANDOM_COUNT ?= 100000
RANDOM_TIME  ?= 180
# The same calls each time; make test-long takes others.
RANDOM_SEED  ?= 7
random_WORDS = count=$(RANDOM_COUNT) $(if $(RANDOM_SEED),seed=$(RANDOM_SEED))
random_TIME = $(RANDOM_TIME)

DOMAINS_PROGRAMS ?= $(DOMAINS_ALL)
DOMAINS_CPUS     ?= 1 4
DOMAINS_FLAVOURS ?= release debug
DOMAINS_ONLY     ?=

domtest_SRCS := $(sort $(wildcard $(DOMAINS_DIR)/t_*.c)) $(DOMAINS_DIR)/lib.c
domchild_SRCS := $(DOMAINS_DIR)/child.c
DOMAINS_CHILDREN := $(patsubst $(DOMAINS_DIR)/%.c,%,$(wildcard $(DOMAINS_DIR)/?*_child.c))
$(foreach p,$(DOMAINS_CHILDREN),$(eval $(p)_SRCS := $(DOMAINS_DIR)/$(p).c))
$(foreach p,$(DOMAINS_OWN),$(eval $(p)_SRCS := $(wildcard $(DOMAINS_DIR)/$(p).c $(DOMAINS_DIR)/$(p)/*.c) \
	$(DOMAINS_DIR)/abuse_lib.c))
domains_child = $(or $($(1)_CHILD),domchild)

domains_skip = $(if $(DOMAINS_ONLY),,$(KNOWN_FAILING))
comma := ,
space := $() $()

.PHONY: test-domains
test-domains: $(BUILD)/ringside.elf $(BUILD)/debug/ringside.elf \
		$$(foreach p,$$(DOMAINS_PROGRAMS),$(BUILD)/mini/$$(p).elf $(BUILD)/mini/$$(call domains_child,$$(p)).elf)
	@BUILD='$(BUILD)' CPUS='$(DOMAINS_CPUS)' FLAVOURS='$(DOMAINS_FLAVOURS)' ONLY='$(DOMAINS_ONLY)' \
		SKIP='$(subst $(space),$(comma),$(strip $(domains_skip)))' sh $(DOMAINS_DIR)/run.sh \
		$(foreach p,$(DOMAINS_PROGRAMS),'$(p) $(call domains_child,$(p)) $(or $($(p)_TIME),90) $($(p)_WORDS)')

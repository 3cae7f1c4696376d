# SPDX-License-Identifier: Apache-2.0
# docs: the labs.
#   make lab N=3           build lab 3 as it stands in docs/labs/03-*/ (edit it there) and run its check
#   make hint N=3 H=1      one hint of its README
#   make test-labs         each skeleton fails its check with a helpful message, each solution passes;
#                          LABS="03 07" only these; MISTAKES=1 also what students do wrong

LABS_DIR := docs/labs
LABS_OUT := $(BUILD)/labs
LAB_NAMES := $(sort $(notdir $(wildcard $(LABS_DIR)/[0-9][0-9]-*)))
# In the student's place: warnings, but no errors, and no complaint of what is not used yet. A function that
# is to be measured must stay one.
LAB_FLAGS := -fno-ipa-cp -fno-ipa-icf -fno-inline-small-functions -fno-inline-functions-called-once \
	-Wno-error -Wno-unused-parameter -Wno-unused-function -Wno-unused-variable -I$(LABS_DIR)
LAB := $(if $(N),$(firstword $(filter $(shell printf '%02d' $(patsubst 0%,%,$(N)))-%,$(LAB_NAMES))))

# $(1): program, $(2): folder with its sources
define LAB_PROGRAM
$(1)_SRCS := $$(sort $$(wildcard $(2)/*.c)) $(LABS_DIR)/harness/lab.c
$(MINI_OUT)/$(1).elf: MINI_CFLAGS_EXTRA += $(LAB_FLAGS) -I$(2)
endef
$(foreach l,$(LAB_NAMES),$(eval $(call LAB_PROGRAM,lab-$(l),$(LABS_DIR)/$(l))))
# Copies that test.sh makes: skeletons and solutions.
$(foreach l,$(notdir $(wildcard $(LABS_OUT)/[0-9][0-9]-*)),$(eval $(call LAB_PROGRAM,$(l),$(LABS_OUT)/$(l))))

.PHONY: lab hint test-labs
lab: ## a lab of the course: N=3 builds and checks docs/labs/03-*
	@[ -n '$(LAB)' ] || { echo 'make lab N=1: which? There are:'; ls -d $(LABS_DIR)/[0-9]*; exit 2; } >&2
	@sh $(LABS_DIR)/run.sh $(LABS_DIR)/$(LAB) lab-$(LAB)

hint: ## a hint of a lab: N=3 H=1
	@[ -n '$(LAB)' ] || { echo 'make hint N=1 H=1: of which lab?'; exit 2; } >&2
	@awk -v h='## Hint $(or $(H),1)' '/^## /{on = $$0 == h} on' $(LABS_DIR)/$(LAB)/README.md

test-labs: $(BUILD)/ringside.elf $(MINI_OUT)/libmini.a ## the course's labs: skeletons fail helpfully, solutions pass
	@BUILD='$(BUILD)' MISTAKES='$(MISTAKES)' sh $(LABS_DIR)/test.sh $(LABS)

# ---- reference: make docs, make test-docs -------------------------------------------------------------------------

DOCS_OUT := $(BUILD)/docs
DOC_CALLS := $(wildcard docs/reference/calls/*.md)

$(DOCS_OUT)/examples.c: docs/tools/examples.py docs/tools/abi.py $(DOC_CALLS) include/pv/hypercalls.def include/pv/errno.h
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	@python3 docs/tools/examples.py $@

docexamples_SRCS := docs/reference/examples/example.c $(DOCS_OUT)/examples.c
$(MINI_OUT)/docexamples.elf: MINI_CFLAGS_EXTRA += -Idocs/reference/examples

.PHONY: test-docs docs
test-docs: $(BUILD)/ringside.elf $(MINI_OUT)/docexamples.elf ## every example of the reference, run in QEMU; traces can be recorded
	@BUILD='$(BUILD)' CPUS=1 FLAVOURS=release ONLY= SKIP= sh tests/domains/run.sh 'docexamples docexamples 120'
	@python3 docs/tools/test_abi.py -q
	@python3 docs/tools/test_trace.py -q
	@$(MAKE) --no-print-directory -s traces TRACES=$(DOCS_OUT)/trace

# Debian's Python, whose packages deps.sh installs: another one may come first in PATH.
docs: ## HTML, man pages and text of all documentation in build/docs; checks links and quoted code
	@tools/deps.sh docs
	@mkdir -p $(DOCS_OUT)
	@/usr/bin/python3 docs/tools/test_site.py -q
	@/usr/bin/python3 docs/tools/site_pages.py $(DOCS_OUT)

# PICTURES=FOLDER: also pictures of the main kinds of pages.
.PHONY: test-pages
test-pages: docs ## every page in headless Chromium, phone and desktop, light and dark
	@tools/deps.sh docs browser
	@/usr/bin/python3 docs/tools/test_pages.py $(DOCS_OUT)/html $(PICTURES)

# ---- recorded traces ------------------------------------------------------------------------------------------------

scenes_SRCS := docs/trace/scenes.c
$(MINI_OUT)/scenes.elf: MINI_CFLAGS_EXTRA += -I$(LABS_DIR)

# The pages in docs/trace are kept; this makes them anew. Instructions are counted, so little changes.
TRACES ?= docs/trace
.PHONY: traces
traces: $(BUILD)/ringside.elf $(MINI_OUT)/scenes.elf ## record the scenes of docs/trace in QEMU
	@mkdir -p $(DOCS_OUT)
	@tools/iso.sh -o "panic=poweroff dom0_vcpus=2 console=serial" $(DOCS_OUT)/scenes.iso $(BUILD)/ringside.elf \
		"$(MINI_OUT)/scenes.elf scenes" $(MINI_OUT)/scenes.elf
	@tools/qemu.sh -i -c 1 -m 256 -t 300 -l $(DOCS_OUT)/scenes.log $(DOCS_OUT)/scenes.iso
	@grep -aq '^SCENES done' $(DOCS_OUT)/scenes.log
	@python3 docs/tools/trace.py --scenes $(DOCS_OUT)/scenes.log $(TRACES)

/* SPDX-License-Identifier: Apache-2.0 */
/* What the reference's examples lean on. docs/tools/examples.py makes a test of each; they run in domain 0. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <string.h>

#include <mini/test.h>

uint32_t example_domain(void);            /* a new one, still BUILDING, without memory; gone after the test */
uint32_t example_child(const char *what); /* this program in a domain of its own, running */
uint32_t example_peer(void);              /* one that grants a page to this domain ... */
uint32_t example_peer_grant(void);        /* ... by this reference */
void example_nothing(void *unused);       /* for mini_vcpu_start */
void example_down(void *unused);

#endif

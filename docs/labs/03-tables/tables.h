/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLES_H
#define TABLES_H

#include <mini/mini.h>

/* All va are in the lower half, 4 KiB pages only. */
uint64_t *my_entry(uint64_t root, uint64_t va);
int my_map(uint64_t root, uint64_t va, uint64_t gpa, uint64_t bits);
void my_remap(uint64_t root, uint64_t va, uint64_t gpa);
void my_allow_writes(uint64_t root, uint64_t va);
void my_forbid_writes(uint64_t root, uint64_t va);

#endif

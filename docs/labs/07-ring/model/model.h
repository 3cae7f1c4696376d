/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

uint64_t model_load(uint64_t *x, int acquire, const char *name, int line);
void model_store(uint64_t *x, uint64_t v, int release, const char *name, int line);
void model_fence(int line);

#endif

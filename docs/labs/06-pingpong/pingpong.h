/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PINGPONG_H
#define PINGPONG_H

#include <mini/mini.h>

/* lab.c */
long pp_offer(uint32_t domid);
long pp_connect(uint32_t domid, uint32_t remote_port);
unsigned pp_rally(uint32_t port, unsigned rounds);
void pp_answer(uint32_t port);

#endif

/* SPDX-License-Identifier: MIT */
/* console: two byte streams in the device's page (class PV_DEVICE_CONSOLE).
 *
 * The page is the front end's, zero at first, granted for writing by the slot's front.grant;
 * front.port is the one event channel. States: io/device.h. No features are defined.
 *
 * Counts run freely modulo 2^32; byte n of a stream is buf[n & (size - 1)]. The producer writes
 * bytes, then prod (release); the consumer reads prod (acquire), copies, then stores cons
 * (release). A count from the other side with prod - cons > size means a broken peer: close.
 * Notification as in io/ring.h, O2, by the two wake fields of each stream: the consumer wants an
 * event when prod reaches data_wake, the producer one when cons reaches room_wake.
 *
 * The back end never waits for the front end: output that nobody reads stays in the page. A
 * front end whose output ring is full may wait, or drop, as its user wishes. */
#ifndef PV_IO_CONSOLE_H
#define PV_IO_CONSOLE_H

#include <pv/io/ring.h>
#include <pv/types.h>

#define PV_CONSOLE_IN_SIZE  1024u /* to the guest                                         */
#define PV_CONSOLE_OUT_SIZE 2048u /* from the guest                                       */

/* Written by the stream's producer. */
struct pv_console_prod {
	uint32_t prod;
	uint32_t room_wake;
	uint32_t reserved[14];
};
/* Written by the stream's consumer. */
struct pv_console_cons {
	uint32_t cons;
	uint32_t data_wake;
	uint32_t reserved[14];
};
PV_ASSERT_SIZE(struct pv_console_prod, 64);
PV_ASSERT_SIZE(struct pv_console_cons, 64);

struct pv_console_page {
	struct pv_console_prod in_prod;   /* back end  */
	struct pv_console_cons in_cons;   /* front end */
	struct pv_console_prod out_prod;  /* front end */
	struct pv_console_cons out_cons;  /* back end  */
	uint16_t columns, rows;           /* back end: of the terminal; 0: not known      */
	uint32_t reserved[191];
	char in[PV_CONSOLE_IN_SIZE];      /* back end  */
	char out[PV_CONSOLE_OUT_SIZE];    /* front end */
};
PV_ASSERT_SIZE(struct pv_console_page, PV_PAGE_SIZE);

/* One side's private view of one stream (R3 of io/ring.h). pos: bytes that this side produced
 * or consumed. */
struct pv_stream {
	struct pv_console_prod *p;
	struct pv_console_cons *c;
	char *buf;
	uint32_t size;
	uint32_t pos;
};

/* Write up to len bytes; *notify is set if an event is due. Returns bytes, or PV_RING_BROKEN. */
static inline long pv_stream_write(struct pv_stream *s, const char *text, uint32_t len, int *notify)
{
	uint32_t used = s->pos - PV_LOAD_ACQUIRE(&s->c->cons);
	uint32_t old_prod = s->pos;

	if (used > s->size)
		return PV_RING_BROKEN;
	if (len > s->size - used)
		len = s->size - used;
	for (uint32_t i = 0; i < len; i++)
		s->buf[(s->pos + i) & (s->size - 1)] = text[i];
	s->pos += len;
	PV_STORE_RELEASE(&s->p->prod, s->pos);
	PV_FULL_BARRIER();
	if (pv_ring_wants(PV_LOAD_ACQUIRE(&s->c->data_wake), old_prod, s->pos))
		*notify = 1;
	return len;
}

/* Read up to len bytes; *notify is set if an event is due. Returns bytes, or PV_RING_BROKEN. */
static inline long pv_stream_read(struct pv_stream *s, char *text, uint32_t len, int *notify)
{
	uint32_t have = PV_LOAD_ACQUIRE(&s->p->prod) - s->pos;
	uint32_t old_cons = s->pos;

	if (have > s->size)
		return PV_RING_BROKEN;
	if (len > have)
		len = have;
	for (uint32_t i = 0; i < len; i++)
		text[i] = ((const volatile char *)s->buf)[(s->pos + i) & (s->size - 1)];
	s->pos += len;
	PV_STORE_RELEASE(&s->c->cons, s->pos);
	PV_FULL_BARRIER();
	if (pv_ring_wants(PV_LOAD_ACQUIRE(&s->p->room_wake), old_cons, s->pos))
		*notify = 1;
	return len;
}

/* Consumer: an event at the next byte. True: there are bytes already. */
static inline int pv_stream_sleep_data(struct pv_stream *s)
{
	PV_STORE_RELEASE(&s->c->data_wake, s->pos + 1);
	PV_FULL_BARRIER();
	return PV_LOAD_ACQUIRE(&s->p->prod) != s->pos;
}

/* Producer: an event once `room` bytes can be written. True: they can already. */
static inline int pv_stream_sleep_room(struct pv_stream *s, uint32_t room)
{
	uint32_t wake = s->pos - s->size + room;

	PV_STORE_RELEASE(&s->p->room_wake, wake);
	PV_FULL_BARRIER();
	return (int32_t)(PV_LOAD_ACQUIRE(&s->c->cons) - wake) >= 0;
}

#endif

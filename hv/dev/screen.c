/* SPDX-License-Identifier: Apache-2.0 */
/* screen: text on a VGA text screen or a framebuffer of 24 or 32 bits a pixel, white on black. Video memory is
 * only written, and nothing scrolls: after the last line comes the first, and the line after the one
 * that is written is always blank. */
#include "dev/dev.h"
#include "font.h" /* generated from font.txt: u64 font[], ' ' to '~', bit 8 * x + y of 5 x 8 */
#include "mm/map.h"

#define TEXT_WHITE 0x0700u

static struct screen scr;
static u8 *video; /* NULL: not reachable now, or there is no screen */
static unsigned at_col, at_row;
static u64 row_bytes;

static void draw(char c) {
	u8 *to = video + at_row * row_bytes;

	if (!scr.bytes) {
		((volatile u16 *)to)[at_col] = TEXT_WHITE | c;
		return;
	}
	for (unsigned y = 0; y < 8 * scr.scale; y++) {
		u8 *p = to + (u64)y * scr.pitch + at_col * CELL_W * scr.scale * scr.bytes;

		for (unsigned x = 0; x < 5 * scr.scale; x++, p += scr.bytes)
			if (font[c - ' '] >> (x / scr.scale * 8 + y / scr.scale) & 1) memset(p, 0xff, scr.bytes);
	}
}

static void newline(void) {
	at_col = 0;
	at_row = (at_row + 1) % scr.rows;
	memset(video + (at_row + 1) % scr.rows * row_bytes, 0, row_bytes);
}

void screen_init(const struct screen *s) {
	scr = *s;
	row_bytes = (u64)scr.pitch * (scr.bytes ? CELL_H * scr.scale : 1);
	if (!scr.rows || scr.addr + scr.rows * row_bytes > BELOW_4G) return;
	video = direct(scr.addr);
	memset(video, 0, scr.rows * row_bytes);
}

void screen_remap(void) {
	if (scr.rows) video = map_device(scr.addr, scr.rows * row_bytes, true);
}

void screen_put(char c) {
	if (!video) return;
	if (c == '\n' || at_col == scr.cols) newline();
	if (c < ' ' || c > '~') return;
	draw(c);
	at_col++;
}

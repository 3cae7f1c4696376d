/* SPDX-License-Identifier: Apache-2.0 */
/* screen: text on a VGA text screen or a framebuffer of 24 or 32 bits a pixel, white on black. Video memory is
 * only written, and nothing scrolls: after the last line comes the first, and the line after the one
 * that is written is always blank. */
#include "dev/dev.h"
#include "font.h" /* generated from font.txt: u64 font[], ' ' to '~', bit 8 * x + y of 5 x 8 */
#include "mm/map.h"

#define CELL_W      6u
#define CELL_H      10u
#define SCREEN_RGB  1
#define SCREEN_TEXT 2
#define TEXT_WHITE  0x0700u

static struct pv_start_screen scr;
static u8 *video; /* NULL: not reachable now */
static unsigned cols, rows, scale, at_col, at_row;
static u64 row_bytes;

static void draw(char c) {
	u8 *to = video + at_row * row_bytes;

	if (scr.type == SCREEN_TEXT) {
		((volatile u16 *)to)[at_col] = TEXT_WHITE | c;
		return;
	}
	for (unsigned y = 0; y < 8 * scale; y++) {
		u8 *p = to + (u64)y * scr.pitch + at_col * CELL_W * scale * scr.bpp / 8;

		for (unsigned x = 0; x < 5 * scale; x++, p += scr.bpp / 8)
			if (font[c - ' '] >> (x / scale * 8 + y / scale) & 1) memset(p, 0xff, scr.bpp / 8);
	}
}

static void newline(void) {
	at_col = 0;
	at_row = (at_row + 1) % rows;
	memset(video + (at_row + 1) % rows * row_bytes, 0, row_bytes);
}

bool screen_init(const struct pv_start_screen *s) {
	bool text = s->type == SCREEN_TEXT;
	unsigned line;

	scr = *s;
	scale = MAX(scr.width / 512, 1u);
	line = text ? 1 : CELL_H * scale;
	cols = scr.width / (text ? 1 : CELL_W * scale);
	rows = scr.height / line;
	row_bytes = (u64)scr.pitch * line;
	if (!text && (scr.type != SCREEN_RGB || scr.bpp < 24)) rows = 0;
	if (!cols || !rows || scr.pitch < scr.width * MAX(scr.bpp / 8u, 2u)) return false;
	if (scr.addr + rows * row_bytes <= BELOW_4G) {
		video = (u8 *)(DIRECT_BASE + scr.addr);
		memset(video, 0, rows * row_bytes);
	}
	return true;
}

void screen_remap(void) {
	if (rows) video = map_device(scr.addr, rows * row_bytes, true);
}

void screen_put(char c) {
	if (!video) return;
	if (c == '\n' || at_col == cols) newline();
	if (c < ' ' || c > '~') return;
	draw(c);
	at_col++;
}

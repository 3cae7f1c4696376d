/* SPDX-License-Identifier: Apache-2.0 */
/* screen: how much text there is room for on the screen that the boot loader left. */
#include "parsers.h"

#define SCREEN_RGB  1
#define SCREEN_TEXT 2

void screen_lay_out(const struct pv_start_screen *from, struct screen *to) {
	u32 bytes = from->type == SCREEN_TEXT ? 0 : from->bpp / 8, scale = MAX(from->width / 512, 1u);
	u32 width = bytes ? CELL_W * scale : 1, height = bytes ? CELL_H * scale : 1;

	*to = (struct screen){0};
	if (from->type != SCREEN_TEXT && (from->type != SCREEN_RGB || bytes < 3)) return;
	if (from->width < width || from->pitch < (u64)from->width * MAX(bytes, 2u)) return;
	*to = (struct screen){from->addr, from->pitch, from->width / width, from->height / height, scale, bytes};
}

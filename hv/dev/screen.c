/* SPDX-License-Identifier: Apache-2.0 */
/* screen: text on a VGA text screen or a linear framebuffer, white on black.
 * Video memory is slow to read and may be slow to write: cells[] is what should be there, shown[] what
 * is, and only cells that differ are drawn. */
#include "boot/memory.h"
#include "dev/console.h"
#include "lib/string.h"
#include "machine.h"
#include "mm/map.h"

#define COLS_MAX     160u
#define ROWS_MAX     64u
#define CELL_W       6u
#define CELL_H       10u
#define SCREEN_RGB   1
#define SCREEN_TEXT  2
#define TEXT_WHITE   0x0700u

/* ' ' to '~': five columns of eight pixels, the leftmost in the lowest byte, the top in bit 0. */
static const u64 font[95] = {
	0x0000000000, 0x00005f0000, 0x0007000700, 0x147f147f14, 0x122a7f2a24, 0x6264081323,
	0x5020564936, 0x0000070000, 0x0041221c00, 0x001c224100, 0x2a1c7f1c2a, 0x08083e0808,
	0x0030708000, 0x0808080808, 0x0060600000, 0x0204081020, 0x3e4549513e, 0x00407f4200,
	0x4649494972, 0x334d494121, 0x107f121418, 0x3945454527, 0x3149494a3c, 0x0709112141,
	0x3649494936, 0x1e29494946, 0x0000140000, 0x0000344000, 0x4122140800, 0x1414141414,
	0x0814224100, 0x0609590102, 0x4e595d413e, 0x7c1211127c, 0x364949497f, 0x224141413e,
	0x3e4141417f, 0x414949497f, 0x010909097f, 0x735141413e, 0x7f0808087f, 0x00417f4100,
	0x013f414020, 0x412214087f, 0x404040407f, 0x7f021c027f, 0x7f1008047f, 0x3e4141413e,
	0x060909097f, 0x5e2151413e, 0x462919097f, 0x3249494926, 0x03017f0103, 0x3f4040403f,
	0x1f2040201f, 0x3f4038403f, 0x6314081463, 0x0304780403, 0x434d495961, 0x4141417f00,
	0x2010080402, 0x7f41414100, 0x0402010204, 0x4040404040, 0x0008070300, 0x4078545420,
	0x384444287f, 0x2844444438, 0x7f28444438, 0x1854545438, 0x02097e0800, 0x789ca4a418,
	0x780404087f, 0x00407d4400, 0x003d404020, 0x004428107f, 0x00407f4100, 0x780478047c,
	0x780404087c, 0x3844444438, 0x18242418fc, 0xfc18242418, 0x080404087c, 0x2454545448,
	0x24443f0404, 0x7c2040403c, 0x1c2040201c, 0x3c4030403c, 0x4428102844, 0x7c9090904c,
	0x444c546444, 0x0041360800, 0x0000770000, 0x0008364100, 0x0204020102,
};

static struct boot_screen scr;
static u8 *video; /* NULL: not reachable now */
static unsigned cols, rows, scale, at_col, at_row;
static char cells[ROWS_MAX][COLS_MAX], shown[ROWS_MAX][COLS_MAX];

static void draw_rgb(unsigned row, unsigned col, char c)
{
	u64 glyph = font[c - ' '];
	unsigned bytes = scr.bpp / 8, w = CELL_W * scale, h = CELL_H * scale;

	for (unsigned y = 0; y < h; y++) {
		u8 *p = video + (u64)(row * h + y) * scr.pitch + col * w * bytes;

		for (unsigned x = 0; x < w; x++, p += bytes) {
			bool on = y / scale < 8 && glyph >> (x / scale * 8 + y / scale) & 1;

			if (bytes == 4)
				*(volatile u32 *)p = on ? ~0u : 0;
			else
				memset(p, on ? 0xff : 0, bytes);
		}
	}
}

static void draw(unsigned row, unsigned col)
{
	char c = cells[row][col];

	shown[row][col] = c;
	if (scr.type == SCREEN_TEXT)
		((volatile u16 *)(video + row * scr.pitch))[col] = TEXT_WHITE | c;
	else
		draw_rgb(row, col, c);
}

static void update(void)
{
	for (unsigned row = 0; video && row < rows; row++)
		for (unsigned col = 0; col < cols; col++)
			if (cells[row][col] != shown[row][col])
				draw(row, col);
}

static u64 video_bytes(void)
{
	return (u64)scr.pitch * scr.height;
}

void screen_init(const struct boot_screen *s)
{
	scr = *s;
	if (scr.type == SCREEN_TEXT) {
		cols = scr.width;
		rows = scr.height;
	} else if (scr.type == SCREEN_RGB && scr.bpp >= 15 && scr.bpp <= 32) {
		scr.bpp = (scr.bpp + 7) / 8 * 8;
		scale = MAX(scr.width / 512, 1u);
		cols = scr.width / (CELL_W * scale);
		rows = scr.height / (CELL_H * scale);
	}
	cols = MIN(cols, COLS_MAX);
	rows = MIN(rows, ROWS_MAX);
	if (!cols || !rows)
		rows = 0;
	else if (scr.addr + video_bytes() <= BELOW_4G)
		video = (u8 *)(DIRECT_BASE + scr.addr);
	memset(cells, ' ', sizeof(cells));
	update();
}

void screen_remap(void)
{
	video = rows ? map_framebuffer(scr.addr, video_bytes()) : NULL;
	update();
}

static void newline(void)
{
	at_col = 0;
	if (++at_row < rows)
		return;
	at_row = rows - 1;
	memmove(cells[0], cells[1], (rows - 1) * sizeof(cells[0]));
	memset(cells[rows - 1], ' ', sizeof(cells[0]));
	update();
}

static void put(char c)
{
	if (c == '\n')
		newline();
	else if (c == '\r')
		at_col = 0;
	else if (c == '\b')
		at_col -= at_col > 0;
	if (c < ' ' || c > '~')
		return;
	if (at_col == cols)
		newline();
	cells[at_row][at_col] = c;
	if (video && shown[at_row][at_col] != c)
		draw(at_row, at_col);
	at_col++;
}

void screen_put(const char *s, size_t len)
{
	while (rows && len--)
		put(*s++);
}

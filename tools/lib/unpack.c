/* SPDX-License-Identifier: Apache-2.0 */
/* unpack: kernels packed by gzip, zstd, xz or lz4 (legacy frames, as Linux makes them). The input may come from a
 * guest's own disk: nothing in it is believed, and no more than RS_UNPACKED_MAX bytes come out. */
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "ringside.h"

struct out {
	uint8_t *data;
	size_t len, room;
};

/* Room for `more` bytes at data + len. */
static int grow(struct out *o, size_t more) {
	size_t want = o->len + more, room = o->room ? o->room : 1 << 20;
	uint8_t *p;

	if (want > RS_UNPACKED_MAX) return -EFBIG;
	if (want <= o->room) return 0;
	while (room < want) room *= 2;
	p = realloc(o->data, room);
	if (!p) return -ENOMEM;
	o->data = p;
	o->room = room;
	return 0;
}

#define STEP (1u << 20)

static int unpack_gzip(const uint8_t *in, size_t len, struct out *o) {
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)len};
	int rc = len > UINT32_MAX || inflateInit2(&z, 15 + 16) != Z_OK ? -EINVAL : 0;
	int status = Z_OK;

	if (rc) return rc;
	while (status == Z_OK && rc == 0) {
		rc = grow(o, STEP);
		if (rc) break;
		z.next_out = o->data + o->len;
		z.avail_out = STEP;
		status = inflate(&z, Z_NO_FLUSH);
		o->len += STEP - z.avail_out;
	}
	inflateEnd(&z);
	return rc ? rc : status == Z_STREAM_END ? 0 : -EBADMSG;
}

static int unpack_zstd(const uint8_t *in, size_t len, struct out *o) {
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer from = {in, len, 0};
	size_t left = 1;
	int rc = z ? 0 : -ENOMEM;

	if (z) ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
	while (rc == 0 && left != 0) {
		size_t before = o->len, taken = from.pos;

		rc = grow(o, STEP);
		if (rc) break;
		ZSTD_outBuffer to = {o->data + o->len, STEP, 0};

		left = ZSTD_decompressStream(z, &to, &from);
		o->len += to.pos;
		if (ZSTD_isError(left) || (left && o->len == before && from.pos == taken)) rc = -EBADMSG;
	}
	ZSTD_freeDStream(z);
	return rc;
}

static int unpack_xz(const uint8_t *in, size_t len, struct out *o) {
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_ret status = lzma_stream_decoder(&z, 512u << 20, 0);
	int rc = status == LZMA_OK ? 0 : -ENOMEM;

	z.next_in = in;
	z.avail_in = len;
	while (rc == 0 && status == LZMA_OK) {
		rc = grow(o, STEP);
		if (rc) break;
		z.next_out = o->data + o->len;
		z.avail_out = STEP;
		status = lzma_code(&z, LZMA_RUN);
		o->len += STEP - z.avail_out;
	}
	lzma_end(&z);
	return rc ? rc : status == LZMA_STREAM_END ? 0 : -EBADMSG;
}

/* Magic, then blocks of at most 8 MiB: 32-bit packed length, data. Linux appends the unpacked size: 4 bytes. */
static int unpack_lz4(const uint8_t *in, size_t len, struct out *o) {
	const size_t block = 8u << 20;
	size_t pos = 4;

	while (len - pos > 4) {
		uint32_t packed;
		int rc = grow(o, block);
		int n;

		memcpy(&packed, in + pos, 4);
		pos += 4;
		if (rc) return rc;
		if (packed == 0 || packed > len - pos || packed > INT32_MAX) return -EBADMSG;
		n = LZ4_decompress_safe((const char *)in + pos, (char *)o->data + o->len, (int)packed, (int)block);
		if (n < 0) return -EBADMSG;
		o->len += (size_t)n;
		pos += packed;
	}
	return o->len ? 0 : -EBADMSG;
}

static const struct format {
	const char *name;
	uint8_t magic[6], magic_len;
	int (*unpack)(const uint8_t *in, size_t len, struct out *o);
} formats[] = {
	{"gzip", {0x1f, 0x8b}, 2, unpack_gzip},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, unpack_xz},
	{"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, unpack_lz4},
	{"bzip2", {'B', 'Z', 'h'}, 3, NULL},
	{"lzma", {0x5d, 0, 0}, 3, NULL},
	{"lzo", {0x89, 'L', 'Z', 'O'}, 4, NULL},
};

int rs_unpack(const uint8_t *in, size_t len, uint8_t **out, size_t *out_len, const char **name) {
	struct out o = {0};

	*name = NULL;
	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];
		int rc;

		if (len < 8 || memcmp(in, f->magic, f->magic_len) != 0) continue;
		*name = f->name;
		rc = f->unpack ? f->unpack(in, len, &o) : -EINVAL;
		if (rc) {
			free(o.data);
			return rc;
		}
		*out = o.data;
		*out_len = o.len;
		return 0;
	}
	return -EINVAL;
}

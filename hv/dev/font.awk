# SPDX-License-Identifier: Apache-2.0
# font.txt, bands of 16 glyphs with 8 rows each, to a C table: bit 8 * x + y of a glyph is its pixel (x, y).
NF {
	for (g = 1; g <= NF; g++)
		for (x = 0; x < 5; x++)
			if (substr($g, x + 1, 1) == "#")
				column[int(row / 8) * 16 + g - 1, x] += 2 ^ (row % 8)
	row++
}
END {
	print "static const u64 font[95] = {"
	for (g = 0; g < 95; g++)
		printf "\t0x%02x%02x%02x%02x%02x,\n", column[g, 4], column[g, 3], column[g, 2], column[g, 1], column[g, 0]
	print "};"
}

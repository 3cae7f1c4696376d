/* SPDX-License-Identifier: Apache-2.0 */
/* The two numbers by which a Multiboot2 loader and its kernel know each other. */
#ifndef HV_MB2_MAGIC_H
#define HV_MB2_MAGIC_H

#define MB2_HEADER_MAGIC 0xe85250d6
#define MB2_BOOT_MAGIC   0x36d76289

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Lab 12: /proc/sum, by hypercall. Everything to do is marked TODO; README.md
 * has the task.
 *
 * Numbers are written to it as text, with blanks between them; their sum is
 * read from it.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define PV_NO_STUBS
#include <pv/hypercall.h>

#define NR_SUM   127
#define TEXT_MAX 16384
#define SUM_MAX  512

static u64 last_sum;

/* TODO 1: hypercall NR_SUM, as in lab 1. Here the caller is Linux. */
static long sum_call(const u64 *numbers, u64 count, u64 *out) { return -ENOSYS; }

/*
 * TODO 2: take the numbers out of the text (strsep, kstrtou64) into an array,
 * make the hypercall, keep the sum. What the hypercall refuses is what write()
 * answers: its errors have Linux's numbers. More than SUM_MAX numbers: let ring 0
 * refuse them.
 */
static long sum_text(char *text) { return -ENOSYS; }

static ssize_t sum_write(struct file *file, const char __user *buf, size_t len, loff_t *pos) {
	char *text;
	long rc;

	if (len > TEXT_MAX) return -E2BIG;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text)) return PTR_ERR(text);
	rc = sum_text(text);
	kfree(text);
	return rc < 0 ? rc : len;
}

static int sum_show(struct seq_file *m, void *unused) {
	seq_printf(m, "%llu\n", last_sum);
	return 0;
}

static int sum_open(struct inode *inode, struct file *file) { return single_open(file, sum_show, NULL); }

static const struct proc_ops sum_ops = {
	.proc_open = sum_open,
	.proc_read = seq_read,
	.proc_write = sum_write,
	.proc_release = single_release,
};

static int __init sum_init(void) { return proc_create("sum", 0600, NULL, &sum_ops) ? 0 : -ENOMEM; }

static void __exit sum_exit(void) { remove_proc_entry("sum", NULL); }

module_init(sum_init);
module_exit(sum_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The sum of numbers, by hypercall");

/* SPDX-License-Identifier: MIT */
/* errno: every status that a hypercall can return. Zero or positive is success, otherwise
 * the negative of one of these. The numbers are those of Linux, so that a guest can pass
 * them on. The includer defines PV_ERR(name, number, meaning), or takes enum pv_errno. */
#ifndef PV_ERRNO_LIST
#define PV_ERRNO_LIST(PV_ERR)                                                  \
	PV_ERR(EPERM, 1, "the caller lacks the capability")                    \
	PV_ERR(ENOENT, 2, "nothing has that number or name")                   \
	PV_ERR(ESRCH, 3, "no such domain, or it is dying")                     \
	PV_ERR(EINTR, 4, "woken before the condition came true")               \
	PV_ERR(E2BIG, 7, "the list is longer than the call takes")             \
	PV_ERR(EBADF, 9, "the port or handle is not in a state for this")      \
	PV_ERR(EAGAIN, 11, "not now; the same call may succeed later")         \
	PV_ERR(ENOMEM, 12, "no memory, or the domain's limit is reached")      \
	PV_ERR(EACCES, 13, "the object exists, but is not yours to use so")    \
	PV_ERR(EFAULT, 14, "a pointer cannot be read or written")              \
	PV_ERR(EBUSY, 16, "in use")                                            \
	PV_ERR(EEXIST, 17, "exists already")                                   \
	PV_ERR(ENODEV, 19, "this machine has no such device or feature")       \
	PV_ERR(EINVAL, 22, "an argument is out of range or malformed")         \
	PV_ERR(ENOSPC, 28, "no free number left")                              \
	PV_ERR(ERANGE, 34, "a number beyond the end of its table")             \
	PV_ERR(ENOSYS, 38, "no such hypercall")                                \
	PV_ERR(ETIMEDOUT, 110, "the deadline passed first")
#endif

#ifndef PV_ERRNO_H
#define PV_ERRNO_H
enum pv_errno {
#define PV_ERR(name, number, meaning) PV_##name = number,
	PV_ERRNO_LIST(PV_ERR)
#undef PV_ERR
};
#endif

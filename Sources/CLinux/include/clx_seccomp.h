// Seccomp filters through libseccomp and capability names through libcap. In C, because libseccomp takes conditions by
// value in a variadic call, and so that nothing above LinuxKernel needs either library's headers.
//
// Every function answers 0 or more, or -errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A filter under construction; free it with clx_seccomp_free. NULL where there is no memory.
// What no rule mentions answers `default_errno`.
void *clx_seccomp_new(int default_errno);
void clx_seccomp_free(void *filter);
// Allows a system call by name. -ENOENT where libseccomp does not know the name; calls that this machine's
// architecture lacks are skipped.
int clx_seccomp_allow(void *filter, const char *name);
// Allows it where (argument & mask) == value.
int clx_seccomp_allow_masked(void *filter, const char *name, unsigned argument, uint64_t mask, uint64_t value);
// Allows it where argument != value.
int clx_seccomp_allow_unless(void *filter, const char *name, unsigned argument, uint64_t value);
int clx_seccomp_errno(void *filter, const char *name, int code);
// The finished program as an array of struct sock_filter, in front of which numbers above `newest` answer ENOSYS.
// Answers its length in bytes; -ENOSPC where `capacity` is too small.
int64_t clx_seccomp_export(void *filter, uint32_t newest, void *program, size_t capacity);

// The number of a capability (`CAP_CHOWN`, in any case), or -EINVAL.
int clx_capability_number(const char *name);
// Writes its name in capitals with the `CAP_` in front; -EINVAL where the kernel has no such capability.
int clx_capability_name(int number, char *name, size_t capacity);
// How many capabilities the running kernel has.
int clx_capability_count(void);

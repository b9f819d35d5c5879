#include "clx_seccomp.h"

#include <ctype.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <unistd.h>

void *clx_seccomp_new(int default_errno)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO((uint16_t)default_errno));
	if (filter == NULL)
		return NULL;
	// Programs for another architecture of this machine are served as if the kernel had no support for them.
	seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	// A binary tree instead of a list: every system call of a container runs through this. Older libraries lack it.
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	// no_new_privs is the launch plan's business.
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
#if defined(__x86_64__)
	seccomp_arch_add(filter, SCMP_ARCH_X86);
#elif defined(__aarch64__)
	seccomp_arch_add(filter, SCMP_ARCH_ARM);
#endif
	return filter;
}

void clx_seccomp_free(void *filter)
{
	seccomp_release(filter);
}

static int add(void *filter, uint32_t action, const char *name, unsigned count, const struct scmp_arg_cmp *condition)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		return -ENOENT;
	int result = seccomp_rule_add_array(filter, action, number, count, condition);
	// -EDOM: not on this architecture.
	return result == -EDOM ? 0 : result;
}

int clx_seccomp_allow(void *filter, const char *name)
{
	return add(filter, SCMP_ACT_ALLOW, name, 0, NULL);
}

int clx_seccomp_allow_masked(void *filter, const char *name, unsigned argument, uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp condition = {argument, SCMP_CMP_MASKED_EQ, mask, value};
	return add(filter, SCMP_ACT_ALLOW, name, 1, &condition);
}

int clx_seccomp_allow_unless(void *filter, const char *name, unsigned argument, uint64_t value)
{
	struct scmp_arg_cmp condition = {argument, SCMP_CMP_NE, value, 0};
	return add(filter, SCMP_ACT_ALLOW, name, 1, &condition);
}

int clx_seccomp_errno(void *filter, const char *name, int code)
{
	return add(filter, SCMP_ACT_ERRNO((uint16_t)code), name, 0, NULL);
}

int64_t clx_seccomp_export(void *filter, uint32_t newest, void *program, size_t capacity)
{
	const struct sock_filter newer[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	if (capacity < sizeof(newer))
		return -ENOSPC;
	memcpy(program, newer, sizeof(newer));

	// libseccomp writes programs to descriptors only.
	int fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int64_t result = seccomp_export_bpf(filter, fd);
	off_t length = result == 0 ? lseek(fd, 0, SEEK_END) : 0;
	if (result == 0 && length < 0)
		result = -errno;
	if (result == 0 && (size_t)length > capacity - sizeof(newer))
		result = -ENOSPC;
	if (result == 0) {
		ssize_t got = pread(fd, (char *)program + sizeof(newer), (size_t)length, 0);
		result = got == length ? (int64_t)sizeof(newer) + length : -EIO;
	}
	close(fd);
	return result;
}

int clx_capability_number(const char *name)
{
	cap_value_t value;
	if (cap_from_name(name, &value) != 0)
		return -EINVAL;
	return value;
}

int clx_capability_name(int number, char *name, size_t capacity)
{
	if (number < 0 || number >= cap_max_bits())
		return -EINVAL;
	char *text = cap_to_name((cap_value_t)number);
	if (text == NULL)
		return -ENOMEM;
	int length = snprintf(name, capacity, "%s", text);
	cap_free(text);
	if (length < 0 || (size_t)length >= capacity)
		return -ENOSPC;
	for (char *character = name; *character != 0; character++)
		*character = (char)toupper((unsigned char)*character);
	return 0;
}

int clx_capability_count(void)
{
	return cap_max_bits();
}

#include "clx_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

int clx_jail_enter(const char *root)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		return -errno;
	// First of all: nothing that follows may travel to the host.
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -errno;
	if (root == NULL) {
		// Any directory will do: it is only covered.
		root = "/tmp";
		if (mount("none", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=4k") != 0)
			return -errno;
	} else if (mount(root, root, NULL, MS_BIND, NULL) != 0 ||
		   mount(NULL, root, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
		return -errno;
	}
	if (chdir(root) != 0)
		return -errno;
	// Both arguments the same: the old root ends up on top of the new one, and is taken off again (pivot_root(2)).
	if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		return -errno;
	return 0;
}

int clx_jail_capabilities(uint64_t mask)
{
	// The bounding set first: dropping from it needs CAP_SETPCAP.
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if ((mask >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			return -errno;
	}
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
	    {(uint32_t)mask, (uint32_t)mask, 0},
	    {(uint32_t)(mask >> 32), (uint32_t)(mask >> 32), 0},
	};
	if (syscall(SYS_capset, &header, data) != 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -errno : 0;
}

int clx_jail_limit(int resource, uint64_t limit)
{
	struct rlimit now;
	if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
		return -errno;
	if (now.rlim_max < limit)
		limit = now.rlim_max;
	struct rlimit wanted = {limit, limit};
	return setrlimit((__rlimit_resource_t)resource, &wanted) != 0 ? -errno : 0;
}

int clx_jail_seccomp(const void *program, size_t length)
{
	struct sock_fprog filter = {(unsigned short)(length / sizeof(struct sock_filter)),
				    (struct sock_filter *)program};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0 ? -errno : 0;
}

int clx_syncfs(int fd)
{
	return syncfs(fd) != 0 ? -errno : 0;
}

int clx_set_attribute(int fd, const char *name, const void *value, size_t length)
{
	return fsetxattr(fd, name, value, length, 0) != 0 ? -errno : 0;
}

int64_t clx_get_attribute(const char *path, const char *name, void *value, size_t capacity)
{
	ssize_t length = lgetxattr(path, name, value, capacity);
	return length < 0 ? -errno : length;
}

int64_t clx_list_attributes(const char *path, void *names, size_t capacity)
{
	ssize_t length = llistxattr(path, names, capacity);
	return length < 0 ? -errno : length;
}

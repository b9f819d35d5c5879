// What runs between clone3 and exec.
//
// Rules, because this is a copy of a process at an arbitrary moment (and with CLONE_VM even the same memory):
//   no allocation, no stdio, no locks, no Swift; no signal() or sigaction() (glibc takes a lock); no getpwnam and the
//   like; no setuid() family from glibc (it signals other threads); _exit only. Raw calls where glibc does more than
//   the call. All signals are blocked before the clone, and restored in the caller on every path.
#include "clx_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_SIGNALS 64

// -- Signals
// ------------------------------------------------------------------------------------------------------------

static void block_all_signals(uint64_t *saved)
{
	uint64_t all = ~0ull;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, saved, sizeof all);
}

static void set_signal_mask(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static void set_disposition(int signal, void *handler)
{
	struct kernel_sigaction action = {.handler = handler};
	syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask);
}

// CLONE_CLEAR_SIGHAND leaves ignored signals ignored, and exec would hand that on.
static void default_all_signals(void)
{
	for (int signal = 1; signal <= KERNEL_SIGNALS; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			set_disposition(signal, (void *)SIG_DFL);
}

// -- clone3
// ---------------------------------------------------------------------------------------------------------------

// Inline, because with CLONE_VM the child runs on the caller's stack: if the call were a function, the child would
// return from it and overwrite the frame that the caller has yet to return through. The child branch may only call
// functions that do not return.
static inline __attribute__((always_inline)) long clone3_inline(struct clone_args *args, size_t size)
{
#if defined(__x86_64__)
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_clone3), "D"(args), "S"(size) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long number __asm__("x8") = SYS_clone3;
	register long first __asm__("x0") = (long)args;
	register long second __asm__("x1") = (long)size;
	__asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second) : "memory");
	return first;
#else
#error "clone3 for this processor"
#endif
}

// -- The supervisor
// -------------------------------------------------------------------------------------------------------

#define SPAWN_FDS 8

static __attribute__((noreturn, noinline)) void spawn_child(const struct clx_spawn *spawn, volatile int *error)
{
	int moved[SPAWN_FDS];
	int executable;

	default_all_signals();
	// Out of the way of the targets first: a source may have a target's number.
	executable = fcntl(spawn->executable, F_DUPFD_CLOEXEC, SPAWN_FDS);
	if (executable < 0)
		goto failed;
	for (size_t i = 0; i < spawn->fd_count; i++) {
		moved[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, SPAWN_FDS);
		if (moved[i] < 0)
			goto failed;
	}
	for (size_t i = 0; i < spawn->fd_count; i++)
		if (dup2(moved[i], (int)i) < 0)
			goto failed;
	if (syscall(SYS_close_range, (unsigned)spawn->fd_count, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		goto failed;
	if (setsid() < 0 || chdir("/") < 0)
		goto failed;
	umask(022);
	set_signal_mask(0);
	syscall(SYS_execveat, executable, "", spawn->argv, spawn->envp, AT_EMPTY_PATH);
failed:
	*error = errno;
	_exit(127);
}

int clx_spawn_process(struct clx_spawn *spawn)
{
	volatile int error = 0;
	int pidfd = -1;
	uint64_t saved;
	struct clone_args args = {
	    .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
	    .pidfd = (uint64_t)(uintptr_t)&pidfd,
	    .exit_signal = SIGCHLD,
	};
	if (spawn->fd_count > SPAWN_FDS)
		return -EINVAL;
	if (spawn->cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)spawn->cgroup;
	}
	block_all_signals(&saved);
	long pid = clone3_inline(&args, sizeof args);
	if (pid == 0)
		spawn_child(spawn, &error);
	set_signal_mask(saved);
	if (pid < 0)
		return (int)pid;
	if (error != 0) {
		siginfo_t info;
		while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
			;
		close(pidfd);
		return -error;
	}
	spawn->pid = (pid_t)pid;
	spawn->pidfd = pidfd;
	return 0;
}

// -- A pod's namespaces
// -----------------------------------------------------------------------------------------------------

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t length = strlen(text);
	int result = write(fd, text, length) == (ssize_t)length ? 0 : -errno;
	close(fd);
	return result;
}

static int open_namespace(const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static __attribute__((noreturn, noinline)) void namespaces_child(struct clx_namespaces *out, volatile int *error)
{
	int result = 0;
	if (out->hostname && (out->flags & CLONE_NEWUTS) && sethostname(out->hostname, strlen(out->hostname)) < 0)
		result = -errno;
	for (size_t i = 0; i < out->sysctl_count && result == 0; i++) {
		// /proc/sys shows the namespaces of the process that opens it.
		result = write_file(out->sysctls[2 * i], out->sysctls[2 * i + 1]);
		if (result < 0)
			out->failed_sysctl = (int)i;
	}
	if (result == 0 && (out->flags & CLONE_NEWNET)) {
		result = open_namespace("/proc/self/ns/net", &out->net);
		if (result == 0) {
			out->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
			if (out->netlink < 0)
				result = -errno;
		}
	}
	if (result == 0 && (out->flags & CLONE_NEWUTS))
		result = open_namespace("/proc/self/ns/uts", &out->uts);
	if (result == 0 && (out->flags & CLONE_NEWIPC))
		result = open_namespace("/proc/self/ns/ipc", &out->ipc);
	*error = -result;
	_exit(0);
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int clx_make_namespaces(struct clx_namespaces *out)
{
	volatile int error = ECHILD;
	uint64_t saved;
	out->net = out->uts = out->ipc = out->netlink = out->failed_sysctl = -1;
	// CLONE_FILES: the child opens what it made straight into our table. No exit signal: it is nobody's business.
	struct clone_args args = {
	    .flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_CLEAR_SIGHAND | out->flags,
	};
	block_all_signals(&saved);
	long pid = clone3_inline(&args, sizeof args);
	if (pid == 0)
		namespaces_child(out, &error);
	set_signal_mask(saved);
	if (pid < 0)
		return (int)pid;
	while (waitpid((pid_t)pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	if (error != 0) {
		close_if_open(&out->net);
		close_if_open(&out->uts);
		close_if_open(&out->ipc);
		close_if_open(&out->netlink);
		return -error;
	}
	return 0;
}

// -- Launch plans: the walker
// ---------------------------------------------------------------------------------------------

struct walk {
	const struct clx_launch *launch;
	struct clx_plan_header *plan;
	struct clx_step *steps;
	// The container's root, once CLX_STEP_ROOT has opened it.
	int root;
};

static char *string_at(const struct walk *walk, uint32_t offset)
{
	return offset ? (char *)walk->plan + offset : NULL;
}

static void stamp(const struct walk *walk, uint32_t index)
{
	struct timespec now;
	if (!walk->launch->stamps)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	walk->launch->stamps[index] = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void tell(const struct walk *walk, struct clx_record record)
{
	// Shorter than PIPE_BUF: whole or not at all. Nobody is left to tell if it fails.
	ssize_t ignored = write(walk->launch->record_pipe, &record, sizeof record);
	(void)ignored;
}

// Opens a path inside of the root; no component leads out of it, whatever links are in it.
static int open_in_root(const struct walk *walk, const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = {
	    .flags = flags | O_CLOEXEC,
	    .mode = mode,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	for (int attempt = 0; attempt < 128; attempt++) {
		long fd = syscall(SYS_openat2, walk->root, path, &how, sizeof how);
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

// What a link in the root leads to, as a path in the root: `directory` is the path that the link is in, `length` bytes.
static int link_target(int parent, const char *name, const char *directory, size_t length, char *target, size_t size)
{
	char link[PATH_MAX];
	ssize_t count = readlinkat(parent, name, link, sizeof link - 1);
	if (count < 0)
		return -errno;
	if (link[0] == '/')
		length = 0;
	if (length + 1 + (size_t)count >= size)
		return -ENAMETOOLONG;
	memcpy(target, directory, length);
	target[length] = '/';
	memcpy(target + length + 1, link, (size_t)count);
	target[length + 1 + (size_t)count] = 0;
	return 0;
}

#define LINK_HOPS 8

// Opens a directory inside of the root, and makes what is missing of it. What a link leads to is made, too, inside of
// the root.
static int make_directories_behind(const struct walk *walk, const char *path, mode_t mode, int hops)
{
	char prefix[PATH_MAX];
	size_t length = strlen(path);
	int fd = open_in_root(walk, path, O_PATH | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	if (length >= sizeof prefix)
		return -ENAMETOOLONG;
	int parent = open_in_root(walk, "/", O_PATH | O_DIRECTORY, 0);
	if (parent < 0)
		return parent;
	for (size_t end = 0; end < length;) {
		while (end < length && path[end] == '/')
			end++;
		size_t start = end;
		while (end < length && path[end] != '/')
			end++;
		if (start == end)
			break;
		memcpy(prefix, path, end);
		prefix[end] = 0;
		fd = open_in_root(walk, prefix, O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT) {
			char target[PATH_MAX];
			if (mkdirat(parent, prefix + start, mode) == 0) {
				fd = open_in_root(walk, prefix, O_PATH | O_DIRECTORY, 0);
			} else if (errno == EEXIST && hops > 0) {
				fd = link_target(parent, prefix + start, prefix, start, target, sizeof target);
				if (fd == 0)
					fd = make_directories_behind(walk, target, mode, hops - 1);
				if (fd >= 0) {
					close(fd);
					fd = open_in_root(walk, prefix, O_PATH | O_DIRECTORY, 0);
				}
			} else {
				fd = errno == EEXIST ? -ELOOP : -errno;
			}
		}
		close(parent);
		if (fd < 0)
			return fd;
		parent = fd;
	}
	return parent;
}

static int make_directories(const struct walk *walk, const char *path, mode_t mode)
{
	return make_directories_behind(walk, path, mode, LINK_HOPS);
}

// Opens a file inside of the root as a mount point, and makes it if it is missing. A link that leads to nothing (as
// /etc/resolv.conf does in many images) gets what it leads to made.
static int make_file(const struct walk *walk, const char *path)
{
	char parent[PATH_MAX];
	char target[PATH_MAX];
	int fd = open_in_root(walk, path, O_PATH, 0);
	for (int hop = 0; fd == -ENOENT && hop < LINK_HOPS; hop++) {
		const char *name = strrchr(path, '/');
		size_t length = name ? (size_t)(name - path) : 0;
		if (length >= sizeof parent)
			return -ENAMETOOLONG;
		memcpy(parent, path, length);
		parent[length] = 0;
		name = name ? name + 1 : path;
		int directory = make_directories(walk, length ? parent : "/", 0755);
		if (directory < 0)
			return directory;
		fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		int error = fd < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
		if (error == -EEXIST) {
			// `name` may stand in `target`, of the hop before: it is read before that is written.
			error = link_target(directory, name, parent, length, target, sizeof target);
			path = target;
		}
		close(directory);
		if (error)
			return error;
		fd = open_in_root(walk, path, O_PATH, 0);
	}
	return fd == -ENOENT ? -ELOOP : fd;
}

static int set_attributes(int fd, uint64_t set, bool recursive)
{
	struct mount_attr attributes = {.attr_set = set};
	if (!set)
		return 0;
	return syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
		       sizeof attributes) < 0
		   ? -errno
		   : 0;
}

static int attach(int mount, int target)
{
	return syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		   ? -errno
		   : 0;
}

static int close_both(int first, int second, int result)
{
	if (first >= 0)
		close(first);
	if (second >= 0)
		close(second);
	return result;
}

static int step_filesystem(struct walk *walk, const struct clx_step *step)
{
	int target = make_directories(walk, string_at(walk, step->path), 0755);
	if (target < 0)
		return target;
	int context = (int)syscall(SYS_fsopen, string_at(walk, step->type), FSOPEN_CLOEXEC);
	if (context < 0)
		return close_both(target, -1, -errno);
	char *line = string_at(walk, step->data);
	while (line && *line) {
		char *end = strchr(line, '\n');
		if (end)
			*end = 0;
		char *value = strchr(line, '=');
		if (value)
			*value++ = 0;
		if (syscall(SYS_fsconfig, context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, line, value, 0) < 0)
			return close_both(target, context, -errno);
		line = end ? end + 1 : NULL;
	}
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return close_both(target, context, -errno);
	int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, (unsigned)step->a);
	if (mount < 0)
		return close_both(target, context, -errno);
	close(context);
	return close_both(target, mount, attach(mount, target));
}

static int step_attach(struct walk *walk, const struct clx_step *step)
{
	const char *path = string_at(walk, step->path);
	int target = step->a ? make_file(walk, path) : make_directories(walk, path, 0755);
	if (target < 0)
		return target;
	return close_both(target, -1, attach(walk->launch->fds[step->fd], target));
}

static int copy_mount(int dirfd, const char *path, unsigned flags)
{
	int fd = (int)syscall(SYS_open_tree, dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

static int step_bind(struct walk *walk, const struct clx_step *step)
{
	const char *path = string_at(walk, step->path);
	int target = step->b ? make_file(walk, path) : make_directories(walk, path, 0755);
	if (target < 0)
		return target;
	int mount = copy_mount(AT_FDCWD, string_at(walk, step->text), 0);
	if (mount < 0)
		return close_both(target, -1, mount);
	int result = set_attributes(mount, step->a, false);
	return close_both(target, mount, result < 0 ? result : attach(mount, target));
}

static int step_mask(struct walk *walk, const struct clx_step *step)
{
	struct stat facts;
	int target = open_in_root(walk, string_at(walk, step->path), O_PATH, 0);
	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return target;
	if (fstat(target, &facts) < 0)
		return close_both(target, -1, -errno);
	// From this namespace's copy of the host's mounts, which no container can have touched.
	bool directory = S_ISDIR(facts.st_mode);
	int mount = copy_mount(AT_FDCWD, directory ? string_at(walk, step->text) : "/dev/null", 0);
	if (mount < 0)
		return close_both(target, -1, mount);
	uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	int result = set_attributes(mount, directory ? attributes | MOUNT_ATTR_NODEV : attributes, false);
	return close_both(target, mount, result < 0 ? result : attach(mount, target));
}

static int step_readonly(struct walk *walk, const struct clx_step *step)
{
	int target = open_in_root(walk, string_at(walk, step->path), O_PATH, 0);
	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return target;
	int mount = copy_mount(target, "", AT_EMPTY_PATH | AT_RECURSIVE);
	if (mount < 0)
		return close_both(target, -1, mount);
	int result =
	    set_attributes(mount, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, true);
	return close_both(target, mount, result < 0 ? result : attach(mount, target));
}

// Opens the directory that holds the last component of a path in the root; *name is that component.
static int open_parent(struct walk *walk, const char *path, const char **name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (!slash) {
		*name = path;
		return open_in_root(walk, "/", O_PATH | O_DIRECTORY, 0);
	}
	size_t length = (size_t)(slash - path);
	if (length >= sizeof parent)
		return -ENAMETOOLONG;
	memcpy(parent, path, length);
	parent[length] = 0;
	*name = slash + 1;
	return make_directories(walk, length ? parent : "/", 0755);
}

static int step_symlink(struct walk *walk, const struct clx_step *step)
{
	const char *name;
	int parent = open_parent(walk, string_at(walk, step->path), &name);
	if (parent < 0)
		return parent;
	return close_both(parent, -1, symlinkat(string_at(walk, step->text), parent, name) < 0 ? -errno : 0);
}

static int step_device(struct walk *walk, const struct clx_step *step)
{
	const char *name;
	int parent = open_parent(walk, string_at(walk, step->path), &name);
	if (parent < 0)
		return parent;
	dev_t device = makedev((unsigned)(step->b >> 32), (unsigned)step->b);
	return close_both(parent, -1, mknodat(parent, name, (mode_t)step->a, device) < 0 ? -errno : 0);
}

static int step_pivot(struct walk *walk)
{
	// The new root on top of the old one, then the old one away from below it (pivot_root(2), "pivot_root(".",
	// ".")").
	if (fchdir(walk->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		return -errno;
	return 0;
}

static int step_workdir(struct walk *walk, const struct clx_step *step)
{
	char path[PATH_MAX];
	int directory = make_directories(walk, string_at(walk, step->path), 0755);
	if (directory < 0)
		return directory;
	if (fchdir(directory) < 0)
		return close_both(directory, -1, -errno);
	close(directory);
	// "(unreachable)" before the path is how the kernel says that it is outside of the root.
	long length = syscall(SYS_getcwd, path, sizeof path);
	if (length < 0)
		return -errno;
	return path[0] == '/' ? 0 : -(EXDEV | CLX_ERROR_OUTSIDE);
}

static int step_user(const struct clx_step *step)
{
	// Raw: glibc would tell its other threads, of which this copy has none.
	if (syscall(SYS_setresgid, (gid_t)step->b, (gid_t)step->b, (gid_t)step->b) < 0)
		return -errno;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_setresuid, (uid_t)step->a, (uid_t)step->a, (uid_t)step->a) < 0)
		return -errno;
	return 0;
}

static int step_bounding(const struct clx_step *step)
{
	for (int capability = 0; capability < 64; capability++) {
		if (step->a >> capability & 1)
			continue;
		int present = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
		if (present < 0) // beyond the last one of this kernel
			break;
		if (present > 0 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int step_capabilities(const struct clx_step *step)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
	    {.effective = (uint32_t)step->a, .permitted = (uint32_t)step->a},
	    {.effective = (uint32_t)(step->a >> 32), .permitted = (uint32_t)(step->a >> 32)},
	};
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int step_seccomp(struct walk *walk, const struct clx_step *step)
{
	struct sock_fprog program = {
	    .len = (unsigned short)step->count,
	    .filter = (struct sock_filter *)((char *)walk->plan + step->table),
	};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

// Offsets to pointers, in this process's own copy of the plan.
static char **pointers_at(struct walk *walk, uint64_t table)
{
	uint64_t *slots = (uint64_t *)((char *)walk->plan + table);
	for (uint64_t *slot = slots; *slot; slot++)
		*slot = (uint64_t)(uintptr_t)((char *)walk->plan + *slot);
	return (char **)slots;
}

static int exec_failure(const char *path)
{
	int error = errno;
	if (error == ENOENT && faccessat(AT_FDCWD, path, F_OK, 0) == 0)
		return -(error | CLX_ERROR_INTERPRETER);
	return -error;
}

static int step_exec(struct walk *walk, const struct clx_step *step)
{
	char candidate[PATH_MAX];
	char **argv = pointers_at(walk, step->table);
	char **envp = pointers_at(walk, step->b);
	int denied = 0;

	default_all_signals();
	set_signal_mask(0);
	if (strchr(argv[0], '/')) {
		syscall(SYS_execve, argv[0], argv, envp);
		return exec_failure(argv[0]);
	}
	// As execvpe does: the first that runs, and "permission denied" only where nothing else was found.
	const char *path = string_at(walk, step->data);
	size_t name_length = strlen(argv[0]);
	while (path && *path && name_length) {
		const char *end = strchrnul(path, ':');
		size_t length = (size_t)(end - path);
		// An empty entry would be the working directory: not here.
		if (length > 0 && length + 1 + name_length < sizeof candidate) {
			memcpy(candidate, path, length);
			candidate[length] = '/';
			memcpy(candidate + length + 1, argv[0], name_length + 1);
			syscall(SYS_execve, candidate, argv, envp);
			int failure = exec_failure(candidate);
			if (failure == -EACCES)
				denied = failure;
			else if (failure != -ENOENT && failure != -ENOTDIR && failure != -EISDIR)
				return failure;
		}
		path = *end ? end + 1 : end;
	}
	return denied ? denied : -ENOENT;
}

static __attribute__((noreturn)) void step_pause(void)
{
	// Ignoring SIGCHLD makes the kernel reap what is orphaned here; as PID 1 it gets no other signal that it has no
	// handler for. Closing the record pipe says that the launch has succeeded.
	default_all_signals();
	set_disposition(SIGCHLD, (void *)SIG_IGN);
	prctl(PR_SET_NAME, "pause", 0, 0, 0);
	syscall(SYS_close_range, 0u, ~0u, 0u);
	set_signal_mask(0);
	for (;;)
		pause();
}

static int step_limit(const struct clx_step *step)
{
	struct rlimit limit = {.rlim_cur = step->b, .rlim_max = step->c};
	return syscall(SYS_prlimit64, 0, (int)step->a, &limit, NULL) < 0 ? -errno : 0;
}

static int call(long result)
{
	return result < 0 ? -errno : 0;
}

static int take_step(struct walk *walk, const struct clx_step *step)
{
	const char *path = string_at(walk, step->path);
	switch ((enum clx_step_kind)step->kind) {
	case CLX_STEP_SETNS:
		return call(setns(walk->launch->fds[step->fd], (int)step->a));
	case CLX_STEP_SESSION:
		return call(setsid());
	case CLX_STEP_KEYRING:
		return call(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0));
	case CLX_STEP_PROPAGATION:
		return call(mount(NULL, path, NULL, step->a, NULL));
	case CLX_STEP_CHDIR:
		return call(chdir(path));
	case CLX_STEP_MOUNT:
		return call(mount(string_at(walk, step->text), path, string_at(walk, step->type), step->a,
				  string_at(walk, step->data)));
	case CLX_STEP_ROOT:
		walk->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return call(walk->root);
	case CLX_STEP_DIRECTORY: {
		int fd = make_directories(walk, path, (mode_t)step->a);
		return fd < 0 ? fd : close_both(fd, -1, 0);
	}
	case CLX_STEP_FILESYSTEM:
		return step_filesystem(walk, step);
	case CLX_STEP_ATTACH:
		return step_attach(walk, step);
	case CLX_STEP_BIND:
		return step_bind(walk, step);
	case CLX_STEP_SYMLINK:
		return step_symlink(walk, step);
	case CLX_STEP_DEVICE:
		return step_device(walk, step);
	case CLX_STEP_MASK:
		return step_mask(walk, step);
	case CLX_STEP_READONLY:
		return step_readonly(walk, step);
	case CLX_STEP_SEAL_ROOT: {
		int fd = open_in_root(walk, "/", O_PATH | O_DIRECTORY, 0);
		return fd < 0 ? fd : close_both(fd, -1, set_attributes(fd, MOUNT_ATTR_RDONLY, false));
	}
	case CLX_STEP_PIVOT:
		return step_pivot(walk);
	case CLX_STEP_WRITE:
		return write_file(path, string_at(walk, step->text));
	case CLX_STEP_LIMIT:
		return step_limit(step);
	case CLX_STEP_UMASK:
		umask((mode_t)step->a);
		return 0;
	case CLX_STEP_STDIO:
		return call(dup2(walk->launch->fds[step->fd], (int)step->a));
	case CLX_STEP_WORKDIR:
		return step_workdir(walk, step);
	case CLX_STEP_GROUPS:
		return call(syscall(SYS_setgroups, (int)step->count, (char *)walk->plan + step->table));
	case CLX_STEP_USER:
		return step_user(step);
	case CLX_STEP_BOUNDING:
		return step_bounding(step);
	case CLX_STEP_CAPABILITIES:
		return step_capabilities(step);
	case CLX_STEP_NO_NEW_PRIVILEGES:
		return call(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	case CLX_STEP_SECCOMP:
		return step_seccomp(walk, step);
	case CLX_STEP_CLOSE:
		return call(syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC));
	case CLX_STEP_EXEC:
		return step_exec(walk, step);
	case CLX_STEP_PAUSE:
		step_pause();
	}
	return -ENOTSUP;
}

// Walks steps up to `end`; a failure is told and ends the process.
static void walk_steps(struct walk *walk, uint32_t begin, uint32_t end)
{
	for (uint32_t i = begin; i < end; i++) {
		const struct clx_step *step = &walk->steps[i];
		stamp(walk, i);
		int result = take_step(walk, step);
		if (result < 0 && !(step->flags & CLX_STEP_OPTIONAL)) {
			tell(walk, (struct clx_record){CLX_RECORD_FAILED, -result, i, step->kind});
			_exit(1);
		}
	}
}

static __attribute__((noreturn)) void launch_child(struct walk *walk)
{
	struct clone_args args = {
	    // The caller's child, in the cgroup that this process was born in. The exit signal is this process's.
	    .flags = CLONE_PARENT | CLONE_CLEAR_SIGHAND | walk->plan->clone_flags,
	};
	default_all_signals();
	walk_steps(walk, 0, walk->plan->join_count);
	stamp(walk, walk->plan->step_count);
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0) {
		tell(walk, (struct clx_record){CLX_RECORD_FAILED, errno, walk->plan->step_count, 0});
		_exit(1);
	}
	if (pid > 0) {
		tell(walk, (struct clx_record){CLX_RECORD_BORN, (int32_t)pid, 0, 0});
		_exit(0);
	}
	walk_steps(walk, walk->plan->join_count, walk->plan->step_count);
	// A plan ends with exec or pause, which do not come back.
	tell(walk, (struct clx_record){CLX_RECORD_FAILED, ENOEXEC, walk->plan->step_count - 1, CLX_STEP_EXEC});
	_exit(1);
}

int clx_launch_container(const struct clx_launch *launch)
{
	struct walk walk = {
	    .launch = launch,
	    .plan = launch->plan,
	    .steps = (struct clx_step *)((char *)launch->plan + sizeof(struct clx_plan_header)),
	    .root = -1,
	};
	struct clone_args args = {
	    .flags = CLONE_CLEAR_SIGHAND | (launch->cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
	    .exit_signal = SIGCHLD,
	    .cgroup = launch->cgroup >= 0 ? (uint64_t)launch->cgroup : 0,
	};
	uint64_t saved;
	block_all_signals(&saved);
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		launch_child(&walk);
	int error = errno;
	set_signal_mask(saved);
	return pid < 0 ? -error : (int)pid;
}

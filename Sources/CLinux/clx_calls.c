#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// The call's value or -errno, again where a signal interrupted it.
#define RETRY(expression)                                                                                              \
	({                                                                                                             \
		__typeof__(expression) result_;                                                                        \
		do                                                                                                     \
			result_ = (expression);                                                                        \
		while (result_ == -1 && errno == EINTR);                                                               \
		result_ == -1 ? -errno : result_;                                                                      \
	})

int clx_open(int dirfd, const char *path, int flags, unsigned mode)
{
	return RETRY(openat(dirfd, path, flags, mode));
}

int clx_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
	// EAGAIN: a path moved while RESOLVE_BENEATH or RESOLVE_IN_ROOT looked at it (openat2(2)).
	for (int attempt = 0; attempt < 32; attempt++) {
		long fd = RETRY(syscall(SYS_openat2, dirfd, path, &how, sizeof how));
		if (fd != -EAGAIN)
			return (int)fd;
	}
	return -EAGAIN;
}

int clx_memfd_create(const char *name, unsigned flags)
{
	return RETRY(memfd_create(name, flags));
}

int clx_seal(int fd)
{
	return RETRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
}

int clx_set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	return RETRY(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

int clx_dup(int fd)
{
	return RETRY(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

int clx_pipe(int *reading, int *writing)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*reading = ends[0];
	*writing = ends[1];
	return 0;
}

int clx_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)RETRY(syscall(SYS_close_range, first, last, flags));
}

int clx_flock_exclusive_nonblocking(int fd)
{
	return RETRY(flock(fd, LOCK_EX | LOCK_NB));
}

int64_t clx_filesystem_type(int fd)
{
	struct statfs facts;
	if (fstatfs(fd, &facts) < 0)
		return -errno;
	return facts.f_type;
}

int clx_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	return RETRY(mount(source, target, type, flags, data));
}

int clx_umount(const char *target, int flags)
{
	return RETRY(umount2(target, flags));
}

int clx_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)RETRY(syscall(SYS_open_tree, dirfd, path, flags));
}

int clx_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return (int)RETRY(syscall(SYS_move_mount, from_fd, from, to_fd, to, flags));
}

int clx_fsopen(const char *type)
{
	return (int)RETRY(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int clx_fsconfig_set(int fd, const char *key, const char *value)
{
	return (int)RETRY(syscall(SYS_fsconfig, fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0));
}

int clx_fsconfig_create(int fd)
{
	return (int)RETRY(syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

int clx_fsmount(int fd, unsigned attributes)
{
	return (int)RETRY(syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes));
}

int clx_mount_setattr(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation,
		      int user_namespace_fd)
{
	struct mount_attr attributes = {
	    .attr_set = set,
	    .attr_clr = clear,
	    .propagation = propagation,
	    .userns_fd = user_namespace_fd < 0 ? 0 : (uint64_t)user_namespace_fd,
	};
	return (int)RETRY(syscall(SYS_mount_setattr, fd, path, flags, &attributes, sizeof attributes));
}

int clx_pidfd_open(pid_t pid)
{
	return (int)RETRY(syscall(SYS_pidfd_open, pid, 0));
}

int clx_pidfd_send_signal(int pidfd, int signal)
{
	return (int)RETRY(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

static int wait_for(idtype_t type, id_t id, int flags, struct clx_exit *out)
{
	siginfo_t info;
	memset(&info, 0, sizeof info);
	int result = RETRY(waitid(type, id, &info, flags));
	if (result < 0)
		return result;
	if (info.si_pid == 0)
		return 0;
	out->pid = info.si_pid;
	out->signaled = info.si_code != CLD_EXITED;
	out->status = info.si_status;
	return 1;
}

int clx_wait_any(struct clx_exit *out)
{
	return wait_for(P_ALL, 0, WEXITED | WNOHANG, out);
}

int clx_wait_pidfd(int pidfd, bool block, struct clx_exit *out)
{
	return wait_for(P_PIDFD, (id_t)pidfd, WEXITED | (block ? 0 : WNOHANG), out);
}

int clx_set_dumpable(bool on)
{
	return RETRY(prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0));
}

int clx_set_child_subreaper(void)
{
	return RETRY(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

int clx_set_name(const char *name)
{
	return RETRY(prctl(PR_SET_NAME, name, 0, 0, 0));
}

int clx_epoll_create(void)
{
	return RETRY(epoll_create1(EPOLL_CLOEXEC));
}

int clx_epoll_control(int epfd, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	return RETRY(epoll_ctl(epfd, operation, fd, &event));
}

int clx_epoll_wait(int epfd, struct clx_event *events, int count, int timeout_ms)
{
	struct epoll_event raw[32];
	if (count > 32)
		count = 32;
	int found = epoll_wait(epfd, raw, count, timeout_ms);
	if (found < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < found; i++)
		events[i] = (struct clx_event){.data = raw[i].data.u64, .events = raw[i].events};
	return found;
}

int clx_signalfd(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return RETRY(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void clx_signalfd_drain(int fd)
{
	struct signalfd_siginfo info[4];
	while (RETRY(read(fd, info, sizeof info)) > 0)
		;
}

int clx_eventfd(void)
{
	return RETRY(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int clx_seqpacket_pair(int *first, int *second)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	*first = fds[0];
	*second = fds[1];
	return 0;
}

static int unix_socket(const char *path, struct sockaddr_un *address)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof address->sun_path)
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return RETRY(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

int clx_seqpacket_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = unix_socket(path, &address);
	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int clx_seqpacket_connect(const char *path)
{
	struct sockaddr_un address;
	int fd = unix_socket(path, &address);
	if (fd < 0)
		return fd;
	int result = RETRY(connect(fd, (struct sockaddr *)&address, sizeof address));
	if (result < 0) {
		close(fd);
		return result;
	}
	return fd;
}

int clx_accept(int fd)
{
	return RETRY(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int clx_peer_uid(int fd, uint32_t *uid)
{
	struct ucred credentials;
	socklen_t length = sizeof credentials;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
		return -errno;
	*uid = credentials.uid;
	return 0;
}

// SCM_MAX_FD is 253.
#define MAX_FDS 250

int64_t clx_send(int fd, const void *bytes, size_t length, const int *fds, size_t fd_count)
{
	union {
		char buffer[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr aligned;
	} control;
	struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	if (fd_count > MAX_FDS)
		return -E2BIG;
	if (fd_count > 0) {
		message.msg_control = control.buffer;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	return RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));
}

int64_t clx_receive(int fd, void *bytes, size_t length, int *fds, size_t capacity, size_t *fd_count)
{
	union {
		char buffer[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr aligned;
	} control;
	struct iovec vector = {.iov_base = bytes, .iov_len = length};
	struct msghdr message = {
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control.buffer,
	    .msg_controllen = sizeof control.buffer,
	};
	*fd_count = 0;
	ssize_t received = RETRY(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
	if (received < 0)
		return received;
	bool cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int received_fds[MAX_FDS];
		memcpy(received_fds, CMSG_DATA(header), count * sizeof(int));
		for (size_t i = 0; i < count; i++) {
			if (!cut && *fd_count < capacity) {
				fds[(*fd_count)++] = received_fds[i];
			} else {
				cut = true;
				close(received_fds[i]);
			}
		}
	}
	if (cut) {
		for (size_t i = 0; i < *fd_count; i++)
			close(fds[i]);
		*fd_count = 0;
		return -EMSGSIZE;
	}
	return received;
}

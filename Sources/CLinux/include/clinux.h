// The C below LinuxKernel: what Swift cannot call or must not run.
//
// Every function returns a value of 0 or more, or -errno; none sets errno for its caller to read. Swift cannot call
// these by itself because the call has no wrapper in the C library (openat2), is variadic (fcntl, ioctl, open), has
// macros for its layout (CMSG_*), or because what runs after it may not be Swift (clone3).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clx_heap.h"
#include "clx_jail.h"
#include "clx_launch.h"
#include "clx_seccomp.h"

// -- Files ----------------------------------------------------------------------------------------------------------

int clx_open(int dirfd, const char *path, int flags, unsigned mode);
// openat2(2); `resolve` takes RESOLVE_*.
int clx_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int clx_memfd_create(const char *name, unsigned flags);
// F_ADD_SEALS: no more writing, growing, shrinking or sealing.
int clx_seal(int fd);
int clx_set_nonblocking(int fd, bool on);
// F_DUPFD_CLOEXEC.
int clx_dup(int fd);
// pipe2(2), close-on-exec.
int clx_pipe(int *reading, int *writing);
int clx_close_range(unsigned first, unsigned last, unsigned flags);
int clx_flock_exclusive_nonblocking(int fd);
// statx's mount id and birth are not needed: the file system's magic number alone.
int64_t clx_filesystem_type(int fd);

// -- Mounts (fsopen(2) and relatives are missing from Swift's Glibc module)
// --------------------------------------------

int clx_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int clx_umount(const char *target, int flags);
int clx_open_tree(int dirfd, const char *path, unsigned flags);
int clx_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int clx_fsopen(const char *type);
// `value` NULL sets a flag.
int clx_fsconfig_set(int fd, const char *key, const char *value);
int clx_fsconfig_create(int fd);
int clx_fsmount(int fd, unsigned attributes);
int clx_mount_setattr(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation,
		      int user_namespace_fd);

// -- Processes --------------------------------------------------------------------------------------------------------

int clx_pidfd_open(pid_t pid);
int clx_pidfd_send_signal(int pidfd, int signal);
// waitid(2) of one process or (which = 0) of any child, without blocking unless `block`.
// 0: nothing has changed; 1: `out` is filled and the child is reaped; -errno.
struct clx_exit {
	pid_t pid;
	// As waitid tells it: CLD_EXITED with a code, or CLD_KILLED / CLD_DUMPED with a signal.
	bool signaled;
	int status;
};
int clx_wait_any(struct clx_exit *out);
int clx_wait_pidfd(int pidfd, bool block, struct clx_exit *out);
int clx_set_dumpable(bool on);
int clx_set_child_subreaper(void);
int clx_set_name(const char *name);

// -- Events -----------------------------------------------------------------------------------------------------------

int clx_epoll_create(void);
// `operation`: 1 add, 2 remove, 3 modify.
int clx_epoll_control(int epfd, int operation, int fd, uint32_t events, uint64_t data);
struct clx_event {
	uint64_t data;
	uint32_t events;
};
// EINTR counts as no event.
int clx_epoll_wait(int epfd, struct clx_event *events, int count, int timeout_ms);
// Blocks `signal` in this thread and answers a descriptor that tells of it.
int clx_signalfd(int signal);
// Reads all that is pending.
void clx_signalfd_drain(int fd);
int clx_eventfd(void);

// -- Unix sockets ---------------------------------------------------------------------------------------------------

int clx_seqpacket_pair(int *first, int *second);
int clx_seqpacket_listen(const char *path);
int clx_seqpacket_connect(const char *path);
int clx_accept(int fd);
// SO_PEERCRED's uid.
int clx_peer_uid(int fd, uint32_t *uid);
// One packet with descriptors (at most 250). Never raises SIGPIPE.
int64_t clx_send(int fd, const void *bytes, size_t length, const int *fds, size_t fd_count);
// One packet; descriptors arrive with close-on-exec. 0 is the end of the stream. -EMSGSIZE where bytes or descriptors
// had to be cut: what arrived is closed then.
int64_t clx_receive(int fd, void *bytes, size_t length, int *fds, size_t capacity, size_t *fd_count);

// -- Control groups ---------------------------------------------------------------------------------------------------

// bpf(2): loads the device filter that containers get and attaches it to a cgroup. The rules are in clx_device.c.
int clx_device_filter_load(void);
int clx_device_filter_attach(int program_fd, int cgroup_fd);

// How a helper that reads hostile bytes locks itself in. In C, because the calls have no Swift declarations. Functions
// answer 0, or -errno; after an error the process is half locked in and has to end.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Leaves the mount, network, IPC and UTS namespaces, and makes `root` the whole file system of this process. With
// `root` NULL an empty, read-only tmpfs takes its place.
int clx_jail_enter(const char *root);
// Keeps the capabilities in `mask` in the effective and permitted sets and no others anywhere; sets no_new_privs.
int clx_jail_capabilities(uint64_t mask);
int clx_jail_limit(int resource, uint64_t limit);
// Installs an array of struct sock_filter on this thread.
int clx_jail_seccomp(const void *program, size_t length);
// Waits until everything on the file system of `fd` is on the disk.
int clx_syncfs(int fd);
// Names an extended attribute of an open file.
int clx_set_attribute(int fd, const char *name, const void *value, size_t length);
// Answers the length of the value (of the NUL-separated names), also where it did not fit; no links are followed.
int64_t clx_get_attribute(const char *path, const char *name, void *value, size_t capacity);
int64_t clx_list_attributes(const char *path, void *names, size_t capacity);

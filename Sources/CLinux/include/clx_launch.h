// Starting processes: the supervisor, a pod's namespaces, and containers from a launch plan.
//
// Swift cannot do this: between clone3 and exec runs a copy of a process (in the agent: of a threaded one) in which
// Swift's runtime may not be touched. The rules for that code stand at the top of clx_launch.c.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// -- The supervisor
// -----------------------------------------------------------------------------------------------------

struct clx_spawn {
	// A program as a descriptor (execveat with AT_EMPTY_PATH).
	int executable;
	char *const *argv;
	char *const *envp;
	// Descriptors that become 0, 1, 2, ... in the new process; everything else is closed there.
	const int *fds;
	size_t fd_count;
	// A cgroup directory to be born in, or -1.
	int cgroup;
	// Out.
	pid_t pid;
	int pidfd;
};

// clone3 with CLONE_VM and CLONE_VFORK, setsid, all signals to their defaults, execveat. The caller's thread waits
// until exec has succeeded or failed; the child's failure is this function's -errno. Safe in a threaded process.
int clx_spawn_process(struct clx_spawn *spawn);

// -- A pod's namespaces -----------------------------------------------------------------------------------------------

// Indexes of the descriptor table that a plan refers to; what a message brought follows from CLX_FD_FIRST on.
enum {
	CLX_FD_NET = 0,
	CLX_FD_UTS = 1,
	CLX_FD_IPC = 2,
	CLX_FD_USER = 3,
	CLX_FD_PID = 4,
	CLX_FD_STDIN = 5,
	CLX_FD_STDOUT = 6,
	CLX_FD_STDERR = 7,
	CLX_FD_FIRST = 8,
};

struct clx_namespaces {
	// CLONE_NEWNET, CLONE_NEWUTS, CLONE_NEWIPC: those that the pod has of its own.
	uint64_t flags;
	// NULL where the host's is kept.
	const char *hostname;
	// Pairs of a path below /proc/sys and a value, written from inside.
	const char *const *sysctls;
	size_t sysctl_count;
	// Out: descriptors, or -1 for what is shared with the host.
	int net;
	int uts;
	int ipc;
	// A NETLINK_ROUTE socket made inside the network namespace, or -1.
	int netlink;
	// Out, where it fails: which sysctl, or -1.
	int failed_sysctl;
};

// Makes the namespaces in a short-lived child that shares memory and descriptors with the caller, which waits for it.
// Single-threaded callers only.
int clx_make_namespaces(struct clx_namespaces *namespaces);

// -- Launch plans
// -------------------------------------------------------------------------------------------------------

#define CLX_PLAN_MAGIC 0x4e504c4d // "MLPN"
#define CLX_PLAN_VERSION 1

// A plan is one block of bytes: this header, `step_count` steps, then a pool of strings and tables. Every offset is
// from the start of the block; 0 stands for "none". Strings end with a NUL.
struct clx_plan_header {
	uint32_t magic;
	uint32_t version;
	uint32_t step_count;
	// Steps that step A walks, before the second clone; the others are step B's.
	uint32_t join_count;
	// clone3 flags of step B (CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWCGROUP).
	uint64_t clone_flags;
	uint32_t size;
	uint32_t reserved;
};

enum clx_step_kind {
	CLX_STEP_SETNS = 1,	    // fd; a = namespace type
	CLX_STEP_SESSION = 2,	    // setsid
	CLX_STEP_KEYRING = 3,	    // a session keyring of its own
	CLX_STEP_PROPAGATION = 4,   // path; a = MS_*: mount(NULL, path, NULL, a, NULL)
	CLX_STEP_CHDIR = 5,	    // path, outside of the root: short names for an overlay's layers
	CLX_STEP_MOUNT = 6,	    // path = target, text = source, type, data; a = MS_*
	CLX_STEP_ROOT = 7,	    // path: opened as the root that later steps resolve in
	CLX_STEP_DIRECTORY = 8,	    // path in the root, with parents; a = mode
	CLX_STEP_FILESYSTEM = 9,    // path in the root, type, data = "key=value" lines; a = MOUNT_ATTR_*
	CLX_STEP_ATTACH = 10,	    // fd (a detached mount) onto path in the root; a = 1 where it is a file
	CLX_STEP_BIND = 11,	    // text = path of the host, path in the root; a = MOUNT_ATTR_*, b = 1 for a file
	CLX_STEP_SYMLINK = 12,	    // path in the root, text = what it says
	CLX_STEP_DEVICE = 13,	    // path in the root; a = mode with type, b = major << 32 | minor
	CLX_STEP_MASK = 14,	    // path in the root; text = an empty directory of the host. Missing paths are fine
	CLX_STEP_READONLY = 15,	    // path in the root, with what is mounted below. Missing paths are fine
	CLX_STEP_SEAL_ROOT = 16,    // the root itself becomes read-only
	CLX_STEP_PIVOT = 17,	    // pivot_root into the root, the old one is detached
	CLX_STEP_WRITE = 18,	    // path of the host, text: what is written
	CLX_STEP_LIMIT = 19,	    // a = RLIMIT_*, b = soft, c = hard
	CLX_STEP_UMASK = 20,	    // a
	CLX_STEP_STDIO = 21,	    // fd becomes a (0, 1, 2)
	CLX_STEP_WORKDIR = 22,	    // path in the new root; must be inside of it
	CLX_STEP_GROUPS = 23,	    // table = uint32_t[count]
	CLX_STEP_USER = 24,	    // a = uid, b = gid; permitted capabilities survive
	CLX_STEP_BOUNDING = 25,	    // a = capabilities to keep in the bounding set
	CLX_STEP_CAPABILITIES = 26, // a = permitted and effective, none inheritable or ambient
	CLX_STEP_NO_NEW_PRIVILEGES = 27,
	CLX_STEP_SECCOMP = 28, // table = struct sock_filter[count]
	CLX_STEP_CLOSE = 29,   // close-on-exec for every descriptor from 3 on
	CLX_STEP_EXEC = 30,    // table = argv, b = offset of envp, both uint64_t offsets ended by 0; data = PATH
	CLX_STEP_PAUSE = 31,   // stays, and reaps what is orphaned
	CLX_STEP_LAST = CLX_STEP_PAUSE,
};

// A failure of this step is ignored.
#define CLX_STEP_OPTIONAL 1u

struct clx_step {
	uint16_t kind;
	uint16_t flags;
	// Index into the descriptor table.
	int32_t fd;
	uint64_t a;
	uint64_t b;
	uint64_t c;
	// Offsets of strings.
	uint32_t path;
	uint32_t text;
	uint32_t type;
	uint32_t data;
	// Offset and count of a table.
	uint32_t table;
	uint32_t count;
};

// Set in a failure of CLX_STEP_EXEC where the file is there, but not its interpreter or loader.
#define CLX_ERROR_INTERPRETER 0x10000
// Set in a failure of CLX_STEP_WORKDIR that left the working directory outside of the root.
#define CLX_ERROR_OUTSIDE 0x20000

// What comes through the pipe: B's pid, once; then nothing (exec succeeded: end of file) or one failure.
enum { CLX_RECORD_BORN = 1, CLX_RECORD_FAILED = 2 };
struct clx_record {
	uint32_t kind;
	// BORN: the pid in the caller's namespace. FAILED: errno.
	int32_t value;
	// FAILED: which step and its kind; step_count and 0 stand for the second clone itself.
	uint32_t index;
	uint32_t step;
};

struct clx_launch {
	// The plan, writable (a private copy): the walker turns offsets into pointers in the child's copy.
	void *plan;
	size_t size;
	// A uint64_t per step and two more: CLOCK_MONOTONIC in nanoseconds when the step began. Shared memory, or NULL.
	uint64_t *stamps;
	const int *fds;
	size_t fd_count;
	int cgroup;
	// The writing end of the record pipe (O_CLOEXEC).
	int record_pipe;
};

// 0 where every step is of a known kind and refers to nothing outside of the block and of `fd_count` descriptors;
// -ENOTSUP for an unknown step or version (its index in *index), -EINVAL otherwise.
int clx_plan_check(const void *plan, size_t size, size_t fd_count, uint32_t *index);

// Clones step A into the cgroup and answers its pid; the caller reads the pipe and reaps both A and B, its children.
// The plan must have been checked.
int clx_launch_container(const struct clx_launch *launch);

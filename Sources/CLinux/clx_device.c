// The device filter of containers: a BPF_PROG_TYPE_CGROUP_DEVICE program, which is what cgroup v2 has instead of the
// v1 devices controller. Without it a container with CAP_MKNOD (in the default set) could make a node of the host's
// disk and write to it.
//
// The rules are runc's defaults: mknod of anything, read and write of the usual character devices.
#include "clinux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANY 0xffffffffu

static const struct {
	uint32_t major, minor;
} allowed[] = {
    {1, 3},	// null
    {1, 5},	// zero
    {1, 7},	// full
    {1, 8},	// random
    {1, 9},	// urandom
    {5, 0},	// tty
    {5, 1},	// console
    {5, 2},	// ptmx
    {136, ANY}, // pts/N
};

#define INSN(code_, dst, src, off_, imm_)                                                                              \
	((struct bpf_insn){.code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (off_), .imm = (imm_)})

int clx_device_filter_load(void)
{
	struct bpf_insn program[64];
	int n = 0;
	// r2 = access_type (type in the low, access in the high half), r4 = major, r5 = minor
	program[n++] = INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	program[n++] = INSN(BPF_LDX | BPF_MEM | BPF_W, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	program[n++] = INSN(BPF_LDX | BPF_MEM | BPF_W, 5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	// mknod alone is allowed: what it makes cannot be opened
	program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0);
	program[n++] = INSN(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16);
	program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 3, 0, 2, BPF_DEVCG_ACC_MKNOD);
	program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
	program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	// block devices are not
	program[n++] = INSN(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	program[n++] = INSN(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2, BPF_DEVCG_DEV_CHAR);
	program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
		bool any = allowed[i].minor == ANY;
		program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, any ? 2 : 3, (int32_t)allowed[i].major);
		if (!any)
			program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 2, (int32_t)allowed[i].minor);
		program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
		program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attributes.insns = (uint64_t)(uintptr_t)program;
	attributes.insn_cnt = (uint32_t)n;
	attributes.license = (uint64_t)(uintptr_t) "Apache-2.0";
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
	return fd < 0 ? -errno : (int)fd;
}

int clx_device_filter_attach(int program_fd, int cgroup_fd)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.target_fd = (uint32_t)cgroup_fd;
	attributes.attach_bpf_fd = (uint32_t)program_fd;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

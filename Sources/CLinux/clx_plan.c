// The check of a launch plan, before anything is cloned.
#include "clx_launch.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <string.h>

#define NEEDS_PATH 1u
#define NEEDS_TEXT 2u
#define NEEDS_TYPE 4u
#define NEEDS_FD 8u
#define NEEDS_TABLE 16u

static const struct {
	unsigned needs;
	// Bytes of an entry of the table.
	unsigned entry;
} rules[CLX_STEP_LAST + 1] = {
    [CLX_STEP_SETNS] = {NEEDS_FD, 0},
    [CLX_STEP_PROPAGATION] = {NEEDS_PATH, 0},
    [CLX_STEP_CHDIR] = {NEEDS_PATH, 0},
    [CLX_STEP_MOUNT] = {NEEDS_PATH | NEEDS_TEXT | NEEDS_TYPE, 0},
    [CLX_STEP_ROOT] = {NEEDS_PATH, 0},
    [CLX_STEP_DIRECTORY] = {NEEDS_PATH, 0},
    [CLX_STEP_FILESYSTEM] = {NEEDS_PATH | NEEDS_TYPE, 0},
    [CLX_STEP_ATTACH] = {NEEDS_PATH | NEEDS_FD, 0},
    [CLX_STEP_BIND] = {NEEDS_PATH | NEEDS_TEXT, 0},
    [CLX_STEP_SYMLINK] = {NEEDS_PATH | NEEDS_TEXT, 0},
    [CLX_STEP_DEVICE] = {NEEDS_PATH, 0},
    [CLX_STEP_MASK] = {NEEDS_PATH | NEEDS_TEXT, 0},
    [CLX_STEP_READONLY] = {NEEDS_PATH, 0},
    [CLX_STEP_WRITE] = {NEEDS_PATH | NEEDS_TEXT, 0},
    [CLX_STEP_STDIO] = {NEEDS_FD, 0},
    [CLX_STEP_WORKDIR] = {NEEDS_PATH, 0},
    [CLX_STEP_GROUPS] = {NEEDS_TABLE, sizeof(uint32_t)},
    [CLX_STEP_SECCOMP] = {NEEDS_TABLE, sizeof(struct sock_filter)},
    [CLX_STEP_EXEC] = {NEEDS_TABLE, sizeof(uint64_t)},
};

// A list of string offsets that ends with 0, within the block.
static bool list_is_sound(const char *bytes, size_t size, size_t first, uint64_t offset)
{
	if (offset < first || offset % sizeof(uint64_t) != 0)
		return false;
	for (; offset + sizeof(uint64_t) <= size; offset += sizeof(uint64_t)) {
		uint64_t entry;
		memcpy(&entry, bytes + offset, sizeof entry);
		if (entry == 0)
			return true;
		if (entry < first || entry >= size)
			return false;
	}
	return false;
}

int clx_plan_check(const void *plan, size_t size, size_t fd_count, uint32_t *index)
{
	const char *bytes = plan;
	const struct clx_plan_header *header = plan;
	*index = 0;
	if (size < sizeof *header || header->magic != CLX_PLAN_MAGIC || header->size != size)
		return -EINVAL;
	if (header->version != CLX_PLAN_VERSION)
		return -ENOTSUP;
	// The last byte ends the last string, and with it every string.
	size_t first = sizeof *header + (size_t)header->step_count * sizeof(struct clx_step);
	if (header->step_count == 0 || header->step_count > 4096 || header->join_count >= header->step_count ||
	    first >= size || bytes[size - 1] != 0)
		return -EINVAL;

	const struct clx_step *steps = (const struct clx_step *)(bytes + sizeof *header);
	for (uint32_t i = 0; i < header->step_count; i++) {
		const struct clx_step *step = &steps[i];
		*index = i;
		if (step->kind == 0 || step->kind > CLX_STEP_LAST)
			return -ENOTSUP;
		const uint32_t strings[4] = {step->path, step->text, step->type, step->data};
		for (int s = 0; s < 4; s++)
			if (strings[s] != 0 && (strings[s] < first || strings[s] >= size))
				return -EINVAL;
		unsigned needs = rules[step->kind].needs;
		if (((needs & NEEDS_PATH) && !step->path) || ((needs & NEEDS_TEXT) && !step->text) ||
		    ((needs & NEEDS_TYPE) && !step->type))
			return -EINVAL;
		if ((needs & NEEDS_FD) && (step->fd < 0 || (size_t)step->fd >= fd_count))
			return -EINVAL;
		if (needs & NEEDS_TABLE) {
			uint64_t end = step->table + (uint64_t)step->count * rules[step->kind].entry;
			if (step->count > 65535 || step->table % 8 != 0 || (step->count && step->table < first) ||
			    end > size)
				return -EINVAL;
		}
		if (step->kind == CLX_STEP_EXEC) {
			uint64_t argument;
			if (step->count == 0 || !list_is_sound(bytes, size, first, step->table) ||
			    !list_is_sound(bytes, size, first, step->b))
				return -EINVAL;
			memcpy(&argument, bytes + step->table, sizeof argument);
			if (argument == 0)
				return -EINVAL;
		}
	}
	return 0;
}

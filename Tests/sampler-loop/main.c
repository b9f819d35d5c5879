// What sampling a cgroup costs at least: a loop in C over the files that CgroupSampler reads, for the same numbers.
//
//   sampler-loop CGROUP COUNT    reads all files COUNT times; prints "<files> files <microseconds> us per sample"
//
// Files that are not there are left out, as CgroupSampler does.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum form { SINGLE, KEYED, DEVICES, PRESSURE };

struct file {
	const char *name;
	enum form form;
	const char *keys[16];
};

static const struct file files[] = {
    {"cpu.stat",
     KEYED,
     {"usage_usec", "user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec", "nr_bursts",
      "burst_usec"}},
    {"memory.current", SINGLE, {0}},
    {"memory.peak", SINGLE, {0}},
    {"memory.swap.current", SINGLE, {0}},
    {"memory.max", SINGLE, {0}},
    {"memory.high", SINGLE, {0}},
    {"memory.stat",
     KEYED,
     {"anon", "file", "kernel_stack", "sock", "shmem", "file_mapped", "inactive_file", "active_file", "slab", "pgfault",
      "pgmajfault"}},
    {"memory.events", KEYED, {"low", "high", "max", "oom", "oom_kill", "oom_group_kill"}},
    {"memory.events.local", KEYED, {"low", "high", "max", "oom", "oom_kill", "oom_group_kill"}},
    {"pids.current", SINGLE, {0}},
    {"pids.max", SINGLE, {0}},
    {"io.stat", DEVICES, {"rbytes", "wbytes", "rios", "wios", "dbytes", "dios"}},
    {"cpu.pressure", PRESSURE, {0}},
    {"memory.pressure", PRESSURE, {0}},
    {"io.pressure", PRESSURE, {0}},
};

#define COUNT (sizeof files / sizeof files[0])

// What was read goes somewhere that the compiler cannot see through.
static volatile unsigned long long sink;
static volatile double pressure_sink;

static int key_of(const struct file *file, const char *text, size_t length)
{
	for (int i = 0; file->keys[i]; i++)
		if (strlen(file->keys[i]) == length && memcmp(file->keys[i], text, length) == 0)
			return i;
	return -1;
}

static void parse_keyed(const struct file *file, char *text)
{
	for (char *line = text; *line;) {
		char *space = strchr(line, ' ');
		if (!space)
			return;
		if (key_of(file, line, (size_t)(space - line)) >= 0)
			sink = strtoull(space + 1, NULL, 10);
		char *end = strchr(space, '\n');
		if (!end)
			return;
		line = end + 1;
	}
}

static void parse_devices(const struct file *file, char *text)
{
	char *line_place = NULL;
	for (char *line = strtok_r(text, "\n", &line_place); line; line = strtok_r(NULL, "\n", &line_place)) {
		char *place = NULL;
		strtok_r(line, " ", &place);
		for (char *field = strtok_r(NULL, " ", &place); field; field = strtok_r(NULL, " ", &place)) {
			char *equals = strchr(field, '=');
			if (equals && key_of(file, field, (size_t)(equals - field)) >= 0)
				sink = strtoull(equals + 1, NULL, 10);
		}
	}
}

static void parse_pressure(char *text)
{
	for (char *equals = strchr(text, '='); equals; equals = strchr(equals + 1, '='))
		pressure_sink = strtod(equals + 1, NULL);
}

int main(int argc, char **argv)
{
	static char buffer[32 << 10];
	int fds[COUNT];
	int opened = 0;
	if (argc != 3)
		return 2;
	for (size_t i = 0; i < COUNT; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", argv[1], files[i].name);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		opened += fds[i] >= 0;
	}
	long count = atol(argv[2]);
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long round = 0; round < count; round++)
		for (size_t i = 0; i < COUNT; i++) {
			if (fds[i] < 0)
				continue;
			ssize_t got = pread(fds[i], buffer, sizeof buffer - 1, 0);
			if (got < 0)
				continue;
			buffer[got] = 0;
			switch (files[i].form) {
			case SINGLE:
				sink = strtoull(buffer, NULL, 10);
				break;
			case KEYED:
				parse_keyed(&files[i], buffer);
				break;
			case DEVICES:
				parse_devices(&files[i], buffer);
				break;
			case PRESSURE:
				parse_pressure(buffer);
				break;
			}
		}
	clock_gettime(CLOCK_MONOTONIC, &end);
	double microseconds = (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
	printf("%d files %.3f us per sample\n", opened, microseconds / (double)(count > 0 ? count : 1));
	return 0;
}

// Memory, CPU and disk.

#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1 << 20)

static void sleep_seconds(double seconds)
{
	struct timespec left = {.tv_sec = (time_t)seconds};
	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) < 0 && errno == EINTR) {
	}
}

int allocate(double mebibytes, const struct option_value *options)
{
	double start = now_seconds();
	// One mapping, so that nothing but the pages and their tables is added to what was asked for.
	size_t size = (size_t)(mebibytes * (double)MEBIBYTE);
	char *memory = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
	if (memory == MAP_FAILED) {
		perror("workload: mmap");
		return 1;
	}
	for (size_t done = 0; done < size; done += MEBIBYTE) {
		size_t piece = size - done < MEBIBYTE ? size - done : MEBIBYTE;
		memset(memory + done, (int)(done / MEBIBYTE) + 1, piece);
		say("allocated_mib=%.2f", (double)(done + piece) / (double)MEBIBYTE);
		sleep_seconds(option(options, "pause") / 1000);
	}
	sleep_seconds(option(options, "hold"));
	// What was pushed out to swap in the meantime comes back.
	unsigned sum = 0;
	for (size_t i = 0; i < size; i += 4096)
		sum += (unsigned char)memory[i];
	say("allocated_mib=%.2f elapsed_s=%.3f checksum=%u", (double)size / (double)MEBIBYTE, now_seconds() - start,
	    sum);
	return 0;
}

static atomic_ullong operations;

static void *work(void *unused)
{
	(void)unused;
	uint64_t state = 88172645463325252ULL;
	for (;;) {
		// An operation: a thousand steps of a generator, each of which needs the one before.
		for (int i = 0; i < 1000; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
		}
		// Used, so that the compiler keeps it.
		atomic_fetch_add_explicit(&operations, 1 | (state == 0), memory_order_relaxed);
	}
	return NULL;
}

int spin(const struct option_value *options)
{
	int threads = (int)option(options, "threads");
	double seconds = option(options, "seconds");
	double start = now_seconds(), last = start;
	for (int i = 0; i < threads; i++) {
		pthread_t thread;
		int error = pthread_create(&thread, NULL, work, NULL);
		if (error) {
			fprintf(stderr, "workload: pthread_create: %s\n", strerror(error));
			return 1;
		}
	}
	unsigned long long before = 0;
	while (seconds == 0 || now_seconds() < start + seconds) {
		double left = seconds == 0 ? 1 : start + seconds - now_seconds();
		sleep_seconds(left < 1 ? (left > 0 ? left : 0) : 1);
		double now = now_seconds();
		unsigned long long done = atomic_load(&operations);
		if (now - last > 0.5)
			say("operations_per_s=%.1f", (double)(done - before) / (now - last));
		before = done;
		last = now;
	}
	say("operations_per_s=%.1f operations=%llu", (double)atomic_load(&operations) / (now_seconds() - start),
	    atomic_load(&operations));
	return 0;
}

int write_file(const char *path, double mebibytes)
{
	static char block[MEBIBYTE];
	memset(block, 'w', sizeof block);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file < 0) {
		perror("workload: open");
		return 1;
	}
	double start = now_seconds(), last = start;
	double done = 0, before = 0;
	while (done < mebibytes) {
		size_t size = mebibytes - done < 1 ? (size_t)((mebibytes - done) * (double)MEBIBYTE) : sizeof block;
		ssize_t written = write(file, block, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			perror("workload: write");
			return 1;
		}
		done += (double)written / (double)MEBIBYTE;
		double now = now_seconds();
		if (now - last >= 1) {
			say("write_mib_per_s=%.2f", (done - before) / (now - last));
			before = done;
			last = now;
		}
	}
	if (fsync(file) < 0) {
		perror("workload: fsync");
		return 1;
	}
	double elapsed = now_seconds() - start;
	say("write_mib_per_s=%.2f elapsed_s=%.3f", done / (elapsed > 0 ? elapsed : 1e-9), elapsed);
	return 0;
}

// The workload of examples/experiments: small, static, and told by its arguments what to do. What it measures it prints
// as key=value, one line at a time.
//
//   workload allocate MIB [--hold SECONDS] [--pause MILLISECONDS]
//       touches so many MiB, one after the other with a pause between them, holds them for a while, and ends with 0;
//       prints allocated_mib
//   workload spin [--seconds S] [--threads N]
//       computes in N threads (0: sleeps); prints operations_per_s every second and, for the whole time, at the end
//   workload write FILE MIB
//       writes so many MiB and waits for the disk; prints write_mib_per_s
//   workload serve [--port P] [--work MICROSECONDS]
//       an HTTP server that uses so much CPU time for each request
//   workload load ADDRESS [--port P] [--connections N] [--seconds S] [--warmup S]
//       sends requests to a server, each connection one after the other; prints throughput_rps, latency_p50_ms,
//       latency_p99_ms and latency_max_ms every second and, for the whole time after the warm-up, at the end
//
// Without --seconds, spin goes on until SIGTERM.

#include "workload.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: workload allocate MIB | spin | write FILE MIB | serve | load ADDRESS   [--option VALUE]...\n";

double now_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void use_cpu(double microseconds)
{
	struct timespec start, t;
	volatile uint64_t sum = 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do {
		// Some microseconds of work between two looks at the clock, which is a system call.
		for (int i = 0; i < 2000; i++)
			sum += (uint64_t)i * 2654435761U;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while ((double)(t.tv_sec - start.tv_sec) * 1e6 + (double)(t.tv_nsec - start.tv_nsec) / 1e3 < microseconds);
}

void say(const char *format, ...)
{
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length > sizeof line - 2)
		length = (int)sizeof line - 2;
	line[length] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)length + 1) < 0)
		_exit(3);
}

static void complain(const char *text)
{
	fprintf(stderr, "workload: %s\n%s", text, usage);
	exit(64);
}

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end != 0 || !(value >= 0))
		complain("a number is expected");
	return value;
}

void read_options(int argc, char **argv, struct option_value *options)
{
	for (int i = 0; i < argc; i += 2) {
		struct option_value *found = NULL;
		for (struct option_value *o = options; o->name; o++)
			if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, o->name) == 0)
				found = o;
		if (!found)
			complain("there is no such option");
		if (i + 1 == argc)
			complain("an option has no value");
		found->value = number(argv[i + 1]);
	}
}

double option(const struct option_value *options, const char *name)
{
	for (; options->name; options++)
		if (strcmp(options->name, name) == 0)
			return options->value;
	abort();
}

static void on_terminate(int signal)
{
	(void)signal;
	_exit(0);
}

int main(int argc, char **argv)
{
	// As PID 1 of a container the default action would be none at all.
	struct sigaction action = {.sa_handler = on_terminate};
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);

	const char *mode = argc > 1 ? argv[1] : "";
	if (strcmp(mode, "allocate") == 0 && argc > 2) {
		struct option_value options[] = {{"hold", 1}, {"pause", 5}, {NULL, 0}};
		read_options(argc - 3, argv + 3, options);
		return allocate(number(argv[2]), options);
	}
	if (strcmp(mode, "spin") == 0) {
		struct option_value options[] = {{"seconds", 0}, {"threads", 1}, {NULL, 0}};
		read_options(argc - 2, argv + 2, options);
		return spin(options);
	}
	if (strcmp(mode, "write") == 0 && argc == 4)
		return write_file(argv[2], number(argv[3]));
	if (strcmp(mode, "serve") == 0) {
		struct option_value options[] = {{"port", 8080}, {"work", 5000}, {NULL, 0}};
		read_options(argc - 2, argv + 2, options);
		return serve(options);
	}
	if (strcmp(mode, "load") == 0 && argc > 2) {
		struct option_value options[] = {
		    {"port", 8080}, {"connections", 2}, {"seconds", 10}, {"warmup", 1}, {NULL, 0}};
		read_options(argc - 3, argv + 3, options);
		return generate_load(argv[2], options);
	}
	complain("name a mode");
}

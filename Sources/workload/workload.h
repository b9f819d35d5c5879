// What the parts of the workload share.

#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>

// Options of one mode, as `--name value`; what is not known is an error. Every number has a default.
struct option_value {
	const char *name;
	double value;
};

// Reads `--name value` pairs into `options` (ended by a null name). Prints what is wrong and exits with 64.
void read_options(int argc, char **argv, struct option_value *options);

// The value of an option that is in the list.
double option(const struct option_value *options, const char *name);

// Seconds of CLOCK_MONOTONIC.
double now_seconds(void);

// Uses so many microseconds of CPU time of this thread, however long that takes where a quota holds it up.
void use_cpu(double microseconds);

// One line, in one write.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The modes. Each returns an exit code.
int allocate(double mebibytes, const struct option_value *options);
int spin(const struct option_value *options);
int write_file(const char *path, double mebibytes);
int serve(const struct option_value *options);
int generate_load(const char *address, const struct option_value *options);

#endif

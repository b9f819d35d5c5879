// The container's program in tests and benchmarks: small, static, and exact about time.
//
//   payload run            prints "started <ns>" at once; on SIGTERM prints "stopping <ns>" and exits 0
//   payload exit CODE      exits with CODE
//   payload signal NUMBER  kills itself with a signal
//   payload touch MIB      touches so many MiB of memory, prints "touched", then sleeps
//   payload stages A B     touches A MiB and prints "touched"; on SIGUSR1 B MiB in all, then sleeps
//   payload child MIB      forks a child that touches so many MiB, prints "child <signal>" when it ends, then sleeps
//   payload cache FILE MIB writes so many MiB through the page cache and on to the disk, prints "cached", then sleeps
//   payload write FILE MIB writes so many MiB past the page cache, and prints "wrote"
//   payload bomb           forks without end, and so does each child
//   payload fork COUNT     forks children that sleep until one fork fails; prints "forked <n> errno <e>", then sleeps
//   payload spin SECONDS   burns CPU for so long
//   payload ignore         ignores SIGTERM and sleeps
//   payload signals        prints SigIgn and SigBlk of /proc/self/status
//   payload listen PORT    listens on TCP, prints "listening <port>", accepts nothing; on SIGUSR1 accepts and closes
//   all that
//                          waits, prints "accepted <n>", then sleeps
//   payload print LINES    prints so many numbered lines on stdout and stderr in turn
//
// Times are CLOCK_REALTIME nanoseconds: a benchmark compares them with its own clock on the same machine.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void say(const char *word, long long value)
{
	char line[64];
	int length = snprintf(line, sizeof line, "%s %lld\n", word, value);
	if (write(STDOUT_FILENO, line, (size_t)length) < 0)
		_exit(3);
}

static void on_terminate(int number)
{
	(void)number;
	say("stopping", now());
	_exit(0);
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

// The memory is never freed: it is what the program is for.
static int touch_more(long mebibytes)
{
	for (long i = 0; i < mebibytes; i++) {
		char *block = malloc(1 << 20);
		if (!block)
			return 5;
		memset(block, (int)i + 1, 1 << 20);
	}
	return 0;
}

static int touch(long mebibytes)
{
	int failed = touch_more(mebibytes);
	if (failed)
		return failed;
	say("touched", mebibytes);
	sleep_for_ever();
	return 0;
}

static int touch_in_stages(long first, long second)
{
	sigset_t stage;
	sigemptyset(&stage);
	sigaddset(&stage, SIGUSR1);
	sigprocmask(SIG_BLOCK, &stage, NULL);
	int failed = touch_more(first);
	if (failed)
		return failed;
	say("touched", first);
	int number;
	sigwait(&stage, &number);
	failed = touch_more(second - first);
	if (failed)
		return failed;
	say("touched", second);
	sleep_for_ever();
	return 0;
}

static int write_directly(const char *path, long mebibytes)
{
	static char block[1 << 16] __attribute__((aligned(4096)));
	int fd = open(path, O_WRONLY | O_CREAT | O_DIRECT, 0600);
	if (fd < 0)
		return 6;
	for (long i = 0; i < mebibytes * 16; i++)
		if (write(fd, block, sizeof block) != sizeof block)
			return 7;
	if (fsync(fd) != 0)
		return 8;
	say("wrote", mebibytes);
	return 0;
}

static int touch_in_child(long mebibytes)
{
	pid_t child = fork();
	if (child < 0)
		return 9;
	if (child == 0)
		_exit(touch(mebibytes));
	int status = 0;
	waitpid(child, &status, 0);
	say("child", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	sleep_for_ever();
	return 0;
}

static int write_through_cache(const char *path, long mebibytes)
{
	static char block[1 << 20];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return 6;
	for (long i = 0; i < mebibytes; i++)
		if (write(fd, block, sizeof block) != sizeof block)
			return 7;
	if (fsync(fd) != 0)
		return 8;
	say("cached", mebibytes);
	sleep_for_ever();
	return 0;
}

static int listen_late(long port)
{
	sigset_t go;
	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	sigprocmask(SIG_BLOCK, &go, NULL);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0)
		return 10;
	say("listening", port);
	int number;
	sigwait(&go, &number);
	long accepted = 0;
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; accepted++)
		close(fd);
	say("accepted", accepted);
	sleep_for_ever();
	return 0;
}

static void print_signals(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	while (status && fgets(line, sizeof line, status))
		if (strncmp(line, "SigIgn", 6) == 0 || strncmp(line, "SigBlk", 6) == 0)
			fputs(line, stdout);
	if (status)
		fclose(status);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	const char *verb = argv[1];
	long number = argc > 2 ? atol(argv[2]) : 0;
	if (strcmp(verb, "run") == 0) {
		say("started", now());
		struct sigaction action = {.sa_handler = on_terminate};
		sigaction(SIGTERM, &action, NULL);
		sleep_for_ever();
	} else if (strcmp(verb, "exit") == 0) {
		return (int)number;
	} else if (strcmp(verb, "signal") == 0) {
		// PID 1 of a namespace is spared by signals that it has no handler for, except those from outside and
		// faults.
		signal((int)number, SIG_DFL);
		raise((int)number);
		return 4;
	} else if (strcmp(verb, "touch") == 0) {
		return touch(number);
	} else if (strcmp(verb, "stages") == 0) {
		return argc == 4 ? touch_in_stages(number, atol(argv[3])) : 2;
	} else if (strcmp(verb, "child") == 0) {
		return touch_in_child(number);
	} else if (strcmp(verb, "cache") == 0) {
		return argc == 4 ? write_through_cache(argv[2], atol(argv[3])) : 2;
	} else if (strcmp(verb, "write") == 0) {
		return argc == 4 ? write_directly(argv[2], atol(argv[3])) : 2;
	} else if (strcmp(verb, "bomb") == 0) {
		say("started", now());
		for (;;)
			if (fork() < 0)
				sched_yield();
	} else if (strcmp(verb, "fork") == 0) {
		long made = 0;
		int failure = 0;
		for (; made < number; made++) {
			pid_t child = fork();
			if (child < 0) {
				failure = errno;
				break;
			}
			if (child == 0)
				sleep_for_ever();
		}
		printf("forked %ld errno %d\n", made, failure);
		fflush(stdout);
		struct sigaction action = {.sa_handler = on_terminate};
		sigaction(SIGTERM, &action, NULL);
		sleep_for_ever();
	} else if (strcmp(verb, "spin") == 0) {
		long long end = now() + number * 1000000000LL;
		while (now() < end) {
		}
	} else if (strcmp(verb, "ignore") == 0) {
		signal(SIGTERM, SIG_IGN);
		say("started", now());
		sleep_for_ever();
	} else if (strcmp(verb, "signals") == 0) {
		print_signals();
	} else if (strcmp(verb, "listen") == 0) {
		return listen_late(number);
	} else if (strcmp(verb, "print") == 0) {
		for (long i = 0; i < number; i++) {
			fprintf(i % 2 ? stderr : stdout, "line %ld\n", i);
			fflush(stdout);
		}
	} else {
		return 2;
	}
	return 0;
}

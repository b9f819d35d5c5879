/* The client of tests and benchmarks that no failed request escapes.
 *
 *   load-client [-t THREADS] [-k] [-p PAUSE_US] [-d SECONDS] [-n REQUESTS] [-u PATH] ADDRESS PORT
 *
 * Each thread sends one GET after the other: with a new connection for each, or with -k on a kept-alive one. It ends
 * after SECONDS, after REQUESTS in all, or at SIGTERM or SIGINT; the request under way is finished first. A request
 * counts as answered where the whole of a 200 answer has come within 5 seconds. A request on a kept connection that had
 * served before and is closed without one byte of an answer is sent once more on a new one (RFC 9112 section 9.3.1);
 * how often that was is told. Every other end of a request is a failure and a line of its own on standard output:
 *
 *   failed at=1.234 after=0.002 port=43210 step=connect error="Connection refused"
 *
 * The last line has the sums, latencies in microseconds, and how many answers came from which "Server" header:
 *
 *   requests=20000 failed=0 resent=0 seconds=9.8 rate=2040 p50=310 p99=900 max=5100
 *   server name="myapp/1.4.2" answers=10000
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024, SERVERS_MAX = 64, NAME_MAX_BYTES = 64, LATENCIES_MAX = 1 << 20, FAILURES_SHOWN = 50 };

static struct sockaddr_storage target;
static socklen_t target_size;
static char request[1024];
static size_t request_size;
static bool keep;
static long pause_us;
static long limit_requests;
static double limit_seconds;
static double began;

static atomic_bool stopping;
static atomic_long started, requests, failed, resent;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char name[NAME_MAX_BYTES];
	long answers;
} servers[SERVERS_MAX];
static int server_count;
static float *latencies;
static long latency_count;

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void on_signal(int number)
{
	(void)number;
	stopping = true;
}

static void count_answer(const char *name, double seconds)
{
	pthread_mutex_lock(&lock);
	int index = 0;
	while (index < server_count && strcmp(servers[index].name, name) != 0)
		index++;
	if (index == server_count && server_count < SERVERS_MAX) {
		snprintf(servers[index].name, NAME_MAX_BYTES, "%s", name);
		server_count++;
	}
	if (index < server_count)
		servers[index].answers++;
	if (latency_count < LATENCIES_MAX)
		latencies[latency_count++] = (float)(seconds * 1e6);
	pthread_mutex_unlock(&lock);
}

static void count_failure(const char *step, const char *error, double start, unsigned port)
{
	if (atomic_fetch_add(&failed, 1) >= FAILURES_SHOWN)
		return;
	pthread_mutex_lock(&lock);
	printf("failed at=%.3f after=%.3f port=%u step=%s error=\"%s\"\n", now() - began, now() - start, port, step,
	       error);
	fflush(stdout);
	pthread_mutex_unlock(&lock);
}

static unsigned port_of(int descriptor)
{
	struct sockaddr_in6 own = {0};
	socklen_t size = sizeof own;
	/* Both families have it in the same place. */
	return getsockname(descriptor, (struct sockaddr *)&own, &size) == 0 ? ntohs(own.sin6_port) : 0;
}

/* - port: set to the own one, also where there is no connection. */
static int open_connection(unsigned *port)
{
	int descriptor = socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return -1;
	struct timeval patience = {.tv_sec = 5};
	int yes = 1;
	setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	int outcome = connect(descriptor, (struct sockaddr *)&target, target_size), error = errno;
	*port = port_of(descriptor);
	if (outcome != 0) {
		close(descriptor);
		errno = error;
		return -1;
	}
	return descriptor;
}

/* The value of a header in an answer's head, which ends with a zero byte. */
static const char *header(const char *head, const char *name, char *value, size_t size)
{
	size_t length = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) != 0 || line[length] != ':')
			continue;
		const char *start = line + length + 1;
		while (*start == ' ')
			start++;
		size_t count = strcspn(start, "\r\n");
		if (count >= size)
			count = size - 1;
		memcpy(value, start, count);
		value[count] = 0;
		return value;
	}
	return NULL;
}

enum outcome { ANSWERED, CLOSED_AT_ONCE, LOST };

/* Sends the request and reads the whole answer. */
static enum outcome exchange(int descriptor, char *answer, bool *kept, const char **step, char *error, size_t size)
{
	*step = "send";
	if (send(descriptor, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) {
		snprintf(error, size, "%s", strerror(errno));
		return errno == EPIPE || errno == ECONNRESET ? CLOSED_AT_ONCE : LOST;
	}
	*step = "answer";
	size_t have = 0, want = 0;
	char value[64];
	for (;;) {
		ssize_t count = recv(descriptor, answer + have, ANSWER_MAX - 1 - have, 0);
		if (count <= 0) {
			snprintf(error, size, "%s", count == 0 ? "closed before the answer's end" : strerror(errno));
			return have == 0 && (count == 0 || errno == ECONNRESET || errno == EPIPE) ? CLOSED_AT_ONCE
												  : LOST;
		}
		have += (size_t)count;
		answer[have] = 0;
		if (want == 0) {
			char *end = strstr(answer, "\r\n\r\n");
			if (end != NULL) {
				const char *length = header(answer, "content-length", value, sizeof value);
				if (length == NULL) {
					snprintf(error, size, "an answer without a length");
					return LOST;
				}
				want = (size_t)(end - answer) + 4 + strtoul(length, NULL, 10);
			}
		}
		if (want != 0 && have >= want)
			break;
		if (have >= ANSWER_MAX - 1) {
			snprintf(error, size, "an answer of more than %d bytes", ANSWER_MAX);
			return LOST;
		}
	}
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
		snprintf(error, size, "%.*s", (int)strcspn(answer, "\r\n"), answer);
		return LOST;
	}
	const char *connection = header(answer, "connection", value, sizeof value);
	*kept = connection == NULL || strcasecmp(connection, "close") != 0;
	return ANSWERED;
}

static void *work(void *argument)
{
	(void)argument;
	char *answer = malloc(ANSWER_MAX);
	int descriptor = -1;
	unsigned port = 0;
	bool served = false;
	while (answer != NULL && !stopping) {
		if (limit_requests > 0 && atomic_fetch_add(&started, 1) >= limit_requests)
			break;
		if (limit_seconds > 0 && now() - began >= limit_seconds)
			break;
		double start = now();
		bool kept = false, again = false;
		const char *step = "connect";
		char error[128] = "";
		enum outcome outcome = LOST;
		do {
			bool fresh = descriptor < 0;
			if (fresh) {
				served = false;
				step = "connect";
				descriptor = open_connection(&port);
				if (descriptor < 0) {
					snprintf(error, sizeof error, "%s", strerror(errno));
					outcome = LOST;
					break;
				}
			}
			outcome = exchange(descriptor, answer, &kept, &step, error, sizeof error);
			again = outcome == CLOSED_AT_ONCE && !fresh && served;
			if (again) {
				resent++;
				close(descriptor);
				descriptor = -1;
			}
		} while (again);
		requests++;
		if (outcome == ANSWERED) {
			char name[NAME_MAX_BYTES] = "";
			header(answer, "server", name, sizeof name);
			count_answer(name, now() - start);
			served = true;
		} else {
			count_failure(step, error, start, port);
		}
		if (descriptor >= 0 && (!keep || !kept || outcome != ANSWERED)) {
			close(descriptor);
			descriptor = -1;
		}
		if (pause_us > 0)
			usleep((useconds_t)pause_us);
	}
	if (descriptor >= 0)
		close(descriptor);
	free(answer);
	return NULL;
}

static int by_size(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;
	return a < b ? -1 : a > b;
}

static double quantile(double part)
{
	return latency_count == 0 ? 0 : (double)latencies[(long)((double)(latency_count - 1) * part)];
}

int main(int count, char **arguments)
{
	long threads = 4;
	const char *path = "/";
	for (int option; (option = getopt(count, arguments, "t:kp:d:n:u:")) != -1;) {
		switch (option) {
		case 't':
			threads = atol(optarg);
			break;
		case 'k':
			keep = true;
			break;
		case 'p':
			pause_us = atol(optarg);
			break;
		case 'd':
			limit_seconds = atof(optarg);
			break;
		case 'n':
			limit_requests = atol(optarg);
			break;
		case 'u':
			path = optarg;
			break;
		default:
			return 64;
		}
	}
	if (count - optind != 2 || threads < 1 || threads > 256) {
		fprintf(stderr,
			"usage: load-client [-t THREADS] [-k] [-p PAUSE_US] [-d SECONDS] [-n REQUESTS] [-u PATH] "
			"ADDRESS PORT\n");
		return 64;
	}
	/* Addresses only: names are the business of whoever tests names. */
	struct sockaddr_in *v4 = (struct sockaddr_in *)&target;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&target;
	unsigned short port = htons((unsigned short)atoi(arguments[optind + 1]));
	if (inet_pton(AF_INET, arguments[optind], &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		target_size = sizeof *v4;
	} else if (inet_pton(AF_INET6, arguments[optind], &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		target_size = sizeof *v6;
	} else {
		fprintf(stderr, "load-client: \"%s\" is no address\n", arguments[optind]);
		return 64;
	}
	request_size =
	    (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: %s\r\n\r\n", path,
			     keep ? "keep-alive" : "close");
	latencies = malloc(sizeof *latencies * LATENCIES_MAX);
	pthread_t *workers = calloc((size_t)threads, sizeof *workers);
	if (latencies == NULL || workers == NULL || request_size >= sizeof request)
		return 70;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	sigset_t none;
	sigemptyset(&none);
	/* Whoever started us may have had them blocked. */
	sigprocmask(SIG_SETMASK, &none, NULL);
	began = now();
	for (long index = 0; index < threads; index++) {
		if (pthread_create(&workers[index], NULL, work, NULL) != 0)
			return 70;
	}
	for (long index = 0; index < threads; index++)
		pthread_join(workers[index], NULL);
	double seconds = now() - began;
	qsort(latencies, (size_t)latency_count, sizeof *latencies, by_size);
	printf("requests=%ld failed=%ld resent=%ld seconds=%.2f rate=%.0f p50=%.0f p99=%.0f max=%.0f\n", (long)requests,
	       (long)failed, (long)resent, seconds, (double)requests / seconds, quantile(0.5), quantile(0.99),
	       quantile(1));
	for (int index = 0; index < server_count; index++) {
		printf("server name=\"%s\" answers=%ld\n", servers[index].name, servers[index].answers);
	}
	return failed > 0;
}

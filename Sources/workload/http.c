// An HTTP server that costs CPU time, and the load for one. Both know as much of HTTP/1.1 as they need of each other:
// one request at a time on a connection that stays open, no bodies in requests.

#include "workload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 1024
#define HEAD_SIZE 4096

// One connection, of either side: what was read of the message that is coming in.
struct connection {
	char head[HEAD_SIZE];
	size_t length;
	double sent_at;
};

static struct connection connections[MOST_CONNECTIONS];
static struct pollfd entries[MOST_CONNECTIONS + 1];

// Reads what is there. 1: a whole head and body is in, 0: not yet, -1: the other side is gone or talks nonsense.
static int receive(int socket, struct connection *connection, size_t body)
{
	ssize_t got = read(socket, connection->head + connection->length, HEAD_SIZE - 1 - connection->length);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1;
	connection->length += (size_t)got;
	connection->head[connection->length] = 0;
	const char *end = strstr(connection->head, "\r\n\r\n");
	if (!end)
		return connection->length == HEAD_SIZE - 1 ? -1 : 0;
	return connection->length >= (size_t)(end - connection->head) + 4 + body;
}

static int send_all(int socket, const char *text)
{
	size_t length = strlen(text);
	// It fits into the socket's buffer: there is one message at a time.
	return send(socket, text, length, MSG_NOSIGNAL) == (ssize_t)length ? 0 : -1;
}

static void set_no_delay(int socket)
{
	int yes = 1;
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

int serve(const struct option_value *options)
{
	double work = option(options, "work");
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option(options, "port"))};
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0) {
		perror("workload: listen");
		return 1;
	}
	say("listening");
	entries[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	nfds_t count = 1;
	for (;;) {
		if (poll(entries, count, -1) < 0) {
			if (errno == EINTR)
				continue;
			perror("workload: poll");
			return 1;
		}
		for (nfds_t i = count; i-- > 1;) {
			if (!entries[i].revents)
				continue;
			struct connection *connection = &connections[i - 1];
			int state = receive(entries[i].fd, connection, 0);
			if (state > 0) {
				use_cpu(work);
				connection->length = 0;
				state = send_all(entries[i].fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
			}
			if (state < 0) {
				close(entries[i].fd);
				count--;
				entries[i] = entries[count];
				connections[i - 1] = connections[count - 1];
			}
		}
		if (entries[0].revents && count <= MOST_CONNECTIONS) {
			int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (client < 0)
				continue;
			set_no_delay(client);
			connections[count - 1].length = 0;
			entries[count++] = (struct pollfd){.fd = client, .events = POLLIN};
		}
	}
}

// Latencies in milliseconds, of the last second and of the whole time.
struct latencies {
	float *values;
	size_t count;
	size_t capacity;
};

static void add(struct latencies *all, double milliseconds)
{
	if (all->count == all->capacity) {
		all->capacity = all->capacity ? all->capacity * 2 : 4096;
		all->values = realloc(all->values, all->capacity * sizeof *all->values);
		if (!all->values) {
			perror("workload: realloc");
			exit(1);
		}
	}
	all->values[all->count++] = (float)milliseconds;
}

static int compare(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;
	return (a > b) - (a < b);
}

static void report(struct latencies *all, double seconds)
{
	if (all->count == 0) {
		say("throughput_rps=0 requests=0");
		return;
	}
	qsort(all->values, all->count, sizeof *all->values, compare);
	size_t last = all->count - 1;
	say("throughput_rps=%.2f latency_p50_ms=%.3f latency_p99_ms=%.3f latency_max_ms=%.3f requests=%zu",
	    (double)all->count / seconds, (double)all->values[last / 2], (double)all->values[last * 99 / 100],
	    (double)all->values[last], all->count);
}

// Tries again until the server is there, for at most 30 seconds.
static int connect_to(const char *text, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
		fprintf(stderr, "workload: \"%s\" is no IPv4 address\n", text);
		exit(64);
	}
	double end = now_seconds() + 30;
	for (;;) {
		int connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(connected, (struct sockaddr *)&address, sizeof address) == 0) {
			set_no_delay(connected);
			return connected;
		}
		int error = errno;
		close(connected);
		if (now_seconds() > end) {
			fprintf(stderr, "workload: connect %s:%d: %s\n", text, port, strerror(error));
			exit(1);
		}
		struct timespec pause = {.tv_nsec = 20 * 1000000};
		nanosleep(&pause, NULL);
	}
}

int generate_load(const char *address, const struct option_value *options)
{
	int count = (int)option(options, "connections");
	if (count < 1 || count > MOST_CONNECTIONS) {
		fprintf(stderr, "workload: --connections has to be between 1 and %d\n", MOST_CONNECTIONS);
		return 64;
	}
	char request[128];
	snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", address);
	for (int i = 0; i < count; i++) {
		int connected = connect_to(address, (int)option(options, "port"));
		entries[i] = (struct pollfd){.fd = connected, .events = POLLIN};
		connections[i].sent_at = now_seconds();
		if (send_all(connected, request) < 0)
			goto lost;
	}
	struct latencies second = {0}, all = {0};
	double start = now_seconds(), last = start;
	double from = start + option(options, "warmup"), end = from + option(options, "seconds");
	for (;;) {
		double now = now_seconds();
		if (now >= end)
			break;
		if (now - last >= 1) {
			report(&second, now - last);
			second.count = 0;
			last = now;
		}
		double next = last + 1 < end ? last + 1 : end;
		if (poll(entries, (nfds_t)count, (int)((next - now) * 1000) + 1) < 0 && errno != EINTR) {
			perror("workload: poll");
			return 1;
		}
		for (int i = 0; i < count; i++) {
			if (!entries[i].revents)
				continue;
			// The server's body is "ok\n".
			int state = receive(entries[i].fd, &connections[i], 3);
			if (state < 0)
				goto lost;
			if (state == 0)
				continue;
			now = now_seconds();
			double milliseconds = (now - connections[i].sent_at) * 1000;
			add(&second, milliseconds);
			if (now >= from && now < end)
				add(&all, milliseconds);
			connections[i].length = 0;
			connections[i].sent_at = now;
			if (send_all(entries[i].fd, request) < 0)
				goto lost;
		}
	}
	report(&all, option(options, "seconds"));
	return 0;
lost:
	fprintf(stderr, "workload: the server has closed the connection\n");
	return 1;
}

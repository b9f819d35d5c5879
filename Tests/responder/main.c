/* A peer for tests of the network, small enough for any image.
 *
 *   responder udp PORT             answers each datagram with the machine's host name and the sender's address
 *   responder dns PORT             a name server of the outside: names have the address 203.0.113.7 (TTL 60), but those
 *                                  of one label and those that begin with "missing." do not exist; each question is a
 *                                  line of output
 *   responder ask ADDRESS PORT     sends one datagram and prints the answer; code 2 where none comes within 2 seconds
 *   responder resolve NAME PORT    what getaddrinfo says, one address a line, or the error: only where this is linked
 *                                  with another C library than glibc, whose resolver is what is tested then
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int bound(int port)
{
	int descriptor = socket(AF_INET6, SOCK_DGRAM, 0);
	int no = 0;
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
	if (descriptor < 0)
		return -1;
	setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	return bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 ? descriptor : -1;
}

static _Noreturn void serve_datagrams(int descriptor)
{
	char host[256] = "", text[INET6_ADDRSTRLEN], answer[512], question[512];
	gethostname(host, sizeof host - 1);
	for (;;) {
		struct sockaddr_in6 peer;
		socklen_t size = sizeof peer;
		if (recvfrom(descriptor, question, sizeof question, 0, (struct sockaddr *)&peer, &size) < 0)
			continue;
		inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text);
		const char *plain = strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text;
		int count = snprintf(answer, sizeof answer, "%s %s\n", host, plain);
		sendto(descriptor, answer, (size_t)count, 0, (struct sockaddr *)&peer, size);
	}
}

static _Noreturn void serve_names(int descriptor)
{
	unsigned char packet[1500];
	for (;;) {
		struct sockaddr_in6 peer;
		socklen_t size = sizeof peer;
		ssize_t count = recvfrom(descriptor, packet, 512, 0, (struct sockaddr *)&peer, &size);
		if (count < 17)
			continue;
		/* The one question: labels to the zero byte, then type and class. */
		char name[256] = "";
		size_t at = 12, length = 0;
		while (at < (size_t)count && packet[at] != 0 && length + packet[at] + 1 < sizeof name) {
			memcpy(name + length, packet + at + 1, packet[at]);
			length += packet[at];
			name[length++] = '.';
			at += packet[at] + 1u;
		}
		size_t end = at + 5;
		if (end > (size_t)count)
			continue;
		int type = packet[at + 1] << 8 | packet[at + 2];
		printf("question %s %d\n", name, type);
		fflush(stdout);
		int missing = strncmp(name, "missing.", 8) == 0 || strchr(name, '.') == name + length - 1;
		int answers = !missing && type == 1;
		packet[2] = 0x84;
		packet[3] = missing ? 3 : 0;
		memset(packet + 6, 0, 6);
		packet[7] = (unsigned char)answers;
		if (answers) {
			static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7};
			memcpy(packet + end, record, sizeof record);
			end += sizeof record;
		}
		sendto(descriptor, packet, end, 0, (struct sockaddr *)&peer, size);
	}
}

static int ask(const char *address, int port)
{
	struct sockaddr_storage peer = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer;
	struct timeval patience = {.tv_sec = 2};
	char answer[512];
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((unsigned short)port);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((unsigned short)port);
	} else {
		return 64;
	}
	int descriptor = socket(peer.ss_family, SOCK_DGRAM, 0);
	setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	socklen_t size = peer.ss_family == AF_INET ? sizeof *v4 : sizeof *v6;
	if (connect(descriptor, (struct sockaddr *)&peer, size) != 0 || send(descriptor, "?", 1, 0) != 1) {
		perror("ask");
		return 2;
	}
	ssize_t count = recv(descriptor, answer, sizeof answer, 0);
	if (count < 0) {
		perror("ask");
		return 2;
	}
	fwrite(answer, 1, (size_t)count, stdout);
	return 0;
}

#ifndef __GLIBC__
static int resolve(const char *name, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *first = NULL;
	int code = getaddrinfo(name, port, &hints, &first);
	if (code != 0) {
		fprintf(stderr, "%s\n", gai_strerror(code));
		return 2;
	}
	for (struct addrinfo *each = first; each != NULL; each = each->ai_next) {
		char text[INET6_ADDRSTRLEN];
		if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
			puts(text);
	}
	return 0;
}
#endif

int main(int count, char **arguments)
{
#ifndef __GLIBC__
	if (count == 4 && strcmp(arguments[1], "resolve") == 0)
		return resolve(arguments[2], arguments[3]);
#endif
	if (count == 4 && strcmp(arguments[1], "ask") == 0)
		return ask(arguments[2], atoi(arguments[3]));
	/* Whoever started us may have had them blocked. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int descriptor = count == 3 ? bound(atoi(arguments[2])) : -1;
	if (descriptor >= 0 && strcmp(arguments[1], "udp") == 0)
		serve_datagrams(descriptor);
	if (descriptor >= 0 && strcmp(arguments[1], "dns") == 0)
		serve_names(descriptor);
	perror("responder udp PORT | dns PORT | ask ADDRESS PORT | resolve NAME PORT");
	return 64;
}

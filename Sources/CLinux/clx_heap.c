#include "clx_heap.h"

#include <malloc.h>

struct clx_heap_usage clx_heap_usage(void)
{
	struct mallinfo2 info = mallinfo2();
	return (struct clx_heap_usage){.in_use = info.uordblks + info.hblkhd, .free = info.fordblks};
}

void clx_heap_limit_arenas(int count)
{
	mallopt(M_ARENA_MAX, count);
}

void clx_heap_trim(void)
{
	malloc_trim(0);
}

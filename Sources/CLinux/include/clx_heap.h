// The C library's heap (malloc.h is missing from Swift's Glibc module).
#pragma once

#include <stddef.h>

struct clx_heap_usage {
	size_t in_use;
	size_t free;
};

// mallinfo2(3), of all arenas.
struct clx_heap_usage clx_heap_usage(void);
// M_ARENA_MAX.
void clx_heap_limit_arenas(int count);
// malloc_trim(3) of all that is free.
void clx_heap_trim(void);

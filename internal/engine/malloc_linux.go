//go:build linux && cgo

package engine

/*
#include <stdlib.h>
#include <malloc.h>

// Runs when the binary is loaded, before Go's threads exist: settings made
// later do not reach the allocations that are already under way. Values: never
// use mmap for single blocks, never give memory back, grow by 256 MiB at a
// time, one arena for all threads.
#ifdef __GLIBC__
__attribute__((constructor)) static void keep_freed_memory(void) {
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, 2147483647);
	mallopt(M_TOP_PAD, 268435456);
	mallopt(M_ARENA_MAX, 1);
}
#endif
*/
import "C"

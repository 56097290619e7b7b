#ifndef PATCH_NATIVE_H
#define PATCH_NATIVE_H

#define H5_USE_110_API
#include <hdf5.h>

long long patch_reserve(const char *path, const char *key, int bytes, int rank, const hsize_t *dims, const char *encoding);
long long patch_offset(const char *path, const char *key, int bytes);

#endif

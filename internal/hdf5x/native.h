#ifndef HDF5X_NATIVE_H
#define HDF5X_NATIVE_H

/* The functions of libhdf5 1.10, which later versions keep under this name. */
#define H5_USE_110_API
#include <hdf5.h>
#include <stddef.h>

/* Element types in memory, in the order of the Go constants mem*. */
enum { H5X_BOOL, H5X_I8, H5X_U8, H5X_I16, H5X_U16, H5X_I32, H5X_U32, H5X_I64, H5X_U64, H5X_F32, H5X_F64 };

/* How a dataset is to be created. */
typedef struct {
	int rank;
	hsize_t dims[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
	int chunked, gzip, shuffle;
} h5x_plan;

void h5x_begin(void);
const char *h5x_message(void);
int h5x_exists(hid_t loc, const char *path);
int h5x_object_type(hid_t loc, const char *path);
long long h5x_open_objects(hid_t file);

hid_t h5x_create(hid_t loc, const char *path, int kind, const h5x_plan *p);
int h5x_write_chunk(hid_t dset, const hsize_t *at, const void *buf, size_t n);
int h5x_write(hid_t loc, const char *path, int kind, const h5x_plan *p, const void *buf);
int h5x_write_strings(hid_t loc, const char *path, const h5x_plan *p, const char *blob, const size_t *offsets, size_t fixed);

hid_t h5x_compound_create(hid_t loc, const char *path, int n, const char *names, const int *kinds, hsize_t rows);
int h5x_compound_write(hid_t dset, const char *member, int kind, const void *buf);
int h5x_compound_write_strings(hid_t dset, const char *member, hsize_t n, const char *blob, const size_t *offsets);

int h5x_attr_write(hid_t obj, const char *name, int kind, int scalar, hsize_t n, const void *buf);
int h5x_attr_write_strings(hid_t obj, const char *name, int scalar, hsize_t n, const char *blob, const size_t *offsets);
int h5x_attr_write_fixed(hid_t obj, const char *name, hsize_t n, size_t size, const char *blob);

#endif

#ifndef HDF5X_NATIVE_H
#define HDF5X_NATIVE_H

/* The functions of libhdf5 1.10, which later versions keep under this name. */
#define H5_USE_110_API
#include <hdf5.h>
#include <stddef.h>

/* Element types in memory, in the order of the Go constants mem*. */
enum { H5X_BOOL, H5X_I8, H5X_U8, H5X_I16, H5X_U16, H5X_I32, H5X_U32, H5X_I64, H5X_U64, H5X_F32, H5X_F64 };

/* What a link is, in the order of the Go constants link*. */
enum { H5X_ABSENT, H5X_HARD, H5X_SOFT, H5X_FOREIGN };

/* A type and a space, of a dataset, an attribute or a member of a compound. */
typedef struct {
	int null, rank;
	hsize_t dims[H5S_MAX_RANK];
	int class, sign, vlen, boolean, pad, members;
	size_t size;
} h5x_shape;

/* How a dataset is stored. */
typedef struct {
	int layout, external, filters;
	hsize_t storage, chunk_bytes;
} h5x_storage;

/* A block of the leading dimension; count < 0 = all of the dataset. */
typedef struct {
	long long start, count;
} h5x_rows;

/* How a dataset is to be created. */
typedef struct {
	int rank;
	hsize_t dims[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
	int chunked, gzip, shuffle;
} h5x_plan;

void h5x_begin(void);
const char *h5x_message(void);
int h5x_register_lzf(void);
int h5x_register_references(void);
int h5x_link(hid_t loc, const char *path, char *target, size_t n);
long long h5x_address(hid_t loc, const char *path);
int h5x_object_type(hid_t loc, const char *path);
long long h5x_file_size(hid_t file);
long long h5x_open_objects(hid_t file);

int h5x_dataset_shape(hid_t dset, h5x_shape *s);
int h5x_member_shape(hid_t dset, const char *member, h5x_shape *s);
int h5x_member_name(hid_t dset, int i, char *buf, size_t n);
int h5x_dataset_storage(hid_t dset, h5x_storage *s);
int h5x_filter(hid_t dset, int i, char *name, size_t n, int *available);
int h5x_read(hid_t dset, const char *member, int kind, h5x_rows rows, void *buf, int *overflow);
int h5x_read_fixed(hid_t dset, const char *member, h5x_rows rows, void *buf);
int h5x_read_references(hid_t dset, const char *member, h5x_rows rows, void *buf);

int h5x_write(hid_t loc, const char *path, int kind, const h5x_plan *p, const void *buf);
int h5x_write_strings(hid_t loc, const char *path, const h5x_plan *p, const char *blob, const size_t *offsets, size_t fixed);

hid_t h5x_compound_create(hid_t loc, const char *path, int n, const char *names, const int *kinds, hsize_t rows);
int h5x_compound_write(hid_t dset, const char *member, int kind, const void *buf);
int h5x_compound_write_strings(hid_t dset, const char *member, hsize_t n, const char *blob, const size_t *offsets);

int h5x_attr_count(hid_t obj);
int h5x_attr_name(hid_t obj, int i, char *buf, size_t n);
int h5x_attr_exists(hid_t obj, const char *name);
hid_t h5x_attr_open(hid_t obj, const char *name, h5x_shape *s);
int h5x_attr_read(hid_t attr, int kind, void *buf);
int h5x_attr_read_fixed(hid_t attr, void *buf);
int h5x_attr_read_references(hid_t attr, void *buf);
int h5x_attr_write(hid_t obj, const char *name, int kind, int scalar, hsize_t n, const void *buf);
int h5x_attr_write_strings(hid_t obj, const char *name, int scalar, hsize_t n, const char *blob, const size_t *offsets);
int h5x_attr_write_fixed(hid_t obj, const char *name, hsize_t n, size_t size, const char *blob);
int h5x_attr_close(hid_t attr);

#endif

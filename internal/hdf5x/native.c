/* What gonum.org/v1/hdf5 lacks, on the same handles. Every function returns a
 * negative number where libhdf5 reports an error, which h5x_message then tells.
 * Every handle opened here is closed here. */
#include "native.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- errors ------------------------------------------------------------- */

/* The innermost message of the last libhdf5 call that failed. libhdf5 empties
 * its error stack on entry of the next call, which may be the closing of a
 * handle, so the message is taken at the moment of the failure. The package
 * lock guards it. */
static char last_message[512];

static herr_t innermost(unsigned i, const H5E_error2_t *e, void *data) {
	(void)data;
	if (i == 0 && e->desc != NULL) strncpy(last_message, e->desc, sizeof last_message - 1);
	return 0;
}

static herr_t on_failure(hid_t stack, void *data) {
	(void)data;
	return H5Ewalk2(stack, H5E_WALK_UPWARD, innermost, NULL);
}

/* In a thread-safe libhdf5 each thread has its own error stack and its own
 * printing switch, so this is called at the start of every operation. */
void h5x_begin(void) {
	last_message[0] = 0;
	H5Eset_auto2(H5E_DEFAULT, on_failure, NULL);
}

const char *h5x_message(void) { return last_message; }

/* Every file is closed by its own Close. libhdf5's handler at the exit of the
 * process would try again what failed before, a write to a full disk say, and
 * may crash in it. It has to be told before the library starts. */
__attribute__((constructor)) static void no_exit_handler(void) { H5dont_atexit(); }

/* --- objects ------------------------------------------------------------ */

int h5x_exists(hid_t loc, const char *path) { return H5Lexists(loc, path, H5P_DEFAULT); }

int h5x_object_type(hid_t loc, const char *path) {
	H5O_info_t info;
	if (H5Oget_info_by_name2(loc, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
	return info.type;
}

/* Objects of this file that are open besides the file itself. */
long long h5x_open_objects(hid_t file) {
	return (long long)H5Fget_obj_count(file, H5F_OBJ_LOCAL | H5F_OBJ_DATASET | H5F_OBJ_GROUP | H5F_OBJ_DATATYPE | H5F_OBJ_ATTR);
}

/* --- types and spaces --------------------------------------------------- */

static hid_t bool_type(void) {
	int8_t no = 0, yes = 1;
	hid_t t = H5Tenum_create(H5T_NATIVE_INT8);
	if (t < 0) return t;
	if (H5Tenum_insert(t, "FALSE", &no) < 0 || H5Tenum_insert(t, "TRUE", &yes) < 0) {
		H5Tclose(t);
		return -1;
	}
	return t;
}

/* A new handle of the native type of that kind. */
static hid_t native_type(int kind) {
	switch (kind) {
	case H5X_BOOL: return bool_type();
	case H5X_I8: return H5Tcopy(H5T_NATIVE_INT8);
	case H5X_U8: return H5Tcopy(H5T_NATIVE_UINT8);
	case H5X_I16: return H5Tcopy(H5T_NATIVE_INT16);
	case H5X_U16: return H5Tcopy(H5T_NATIVE_UINT16);
	case H5X_I32: return H5Tcopy(H5T_NATIVE_INT32);
	case H5X_U32: return H5Tcopy(H5T_NATIVE_UINT32);
	case H5X_I64: return H5Tcopy(H5T_NATIVE_INT64);
	case H5X_U64: return H5Tcopy(H5T_NATIVE_UINT64);
	case H5X_F32: return H5Tcopy(H5T_NATIVE_FLOAT);
	case H5X_F64: return H5Tcopy(H5T_NATIVE_DOUBLE);
	}
	return -1;
}

/* A new string type; size 0 = variable length. */
static hid_t string_type(size_t size, H5T_cset_t cset) {
	hid_t t = H5Tcopy(H5T_C_S1);
	if (t < 0) return t;
	if (H5Tset_size(t, size ? size : H5T_VARIABLE) < 0 || H5Tset_cset(t, cset) < 0 ||
	    H5Tset_strpad(t, size ? H5T_STR_NULLPAD : H5T_STR_NULLTERM) < 0) {
		H5Tclose(t);
		return -1;
	}
	return t;
}

/* --- datasets: writing -------------------------------------------------- */

static hid_t make_space(const h5x_plan *p) {
	return p->rank ? H5Screate_simple(p->rank, p->dims, NULL) : H5Screate(H5S_SCALAR);
}

static int apply_plan(hid_t dcpl, const h5x_plan *p) {
	/* No times in the file: the same content gives the same bytes. */
	if (H5Pset_obj_track_times(dcpl, 0) < 0 || H5Pset_fill_time(dcpl, H5D_FILL_TIME_IFSET) < 0) return -1;
	if (!p->chunked) return 0;
	if (H5Pset_chunk(dcpl, p->rank, p->chunk) < 0) return -1;
	if (p->shuffle && H5Pset_shuffle(dcpl) < 0) return -1;
	if (p->gzip && H5Pset_deflate(dcpl, (unsigned)p->gzip) < 0) return -1;
	return 0;
}

/* Creates a dataset, and the groups above it. */
static hid_t create(hid_t loc, const char *path, hid_t type, const h5x_plan *p) {
	hid_t dset = -1, space = make_space(p), dcpl = H5Pcreate(H5P_DATASET_CREATE), lcpl = H5Pcreate(H5P_LINK_CREATE);
	if (type >= 0 && space >= 0 && dcpl >= 0 && lcpl >= 0 && apply_plan(dcpl, p) >= 0 &&
	    H5Pset_create_intermediate_group(lcpl, 1) >= 0)
		dset = H5Dcreate2(loc, path, type, space, lcpl, dcpl, H5P_DEFAULT);
	if (space >= 0) H5Sclose(space);
	if (dcpl >= 0) H5Pclose(dcpl);
	if (lcpl >= 0) H5Pclose(lcpl);
	return dset;
}

/* Creates and fills a dataset; takes the type over. */
static int create_and_fill(hid_t loc, const char *path, hid_t type, const h5x_plan *p, const void *buf) {
	if (type < 0) return -1;
	hid_t dset = create(loc, path, type, p);
	int rc = dset < 0 ? -1 : 0;
	if (rc == 0 && buf != NULL) rc = H5Dwrite(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buf);
	/* Chunks in the cache are compressed and written by the close. */
	if (dset >= 0 && rc >= 0) rc = H5Dclose(dset);
	else if (dset >= 0) H5Dclose(dset);
	H5Tclose(type);
	return rc;
}

/* A new dataset without values, whose chunks h5x_write_chunk writes. */
hid_t h5x_create(hid_t loc, const char *path, int kind, const h5x_plan *p) {
	hid_t type = native_type(kind), dset = type < 0 ? -1 : create(loc, path, type, p);
	if (type >= 0) H5Tclose(type);
	return dset;
}

/* Writes n bytes as the chunk whose first element is at that place, all of the
 * dataset's filters applied. */
int h5x_write_chunk(hid_t dset, const hsize_t *at, const void *buf, size_t n) {
	return H5Dwrite_chunk(dset, H5P_DEFAULT, 0, at, n, buf);
}

int h5x_write(hid_t loc, const char *path, int kind, const h5x_plan *p, const void *buf) {
	return create_and_fill(loc, path, native_type(kind), p, buf);
}

/* Pointers to the n strings that lie NUL-terminated in blob. */
static const char **point(const char *blob, const size_t *offsets, hsize_t n) {
	const char **s = malloc((n ? n : 1) * sizeof(char *));
	for (hsize_t i = 0; s != NULL && i < n; i++) s[i] = blob + offsets[i];
	return s;
}

static hsize_t points(const h5x_plan *p) {
	hsize_t n = 1;
	for (int i = 0; i < p->rank; i++) n *= p->dims[i];
	return n;
}

int h5x_write_strings(hid_t loc, const char *path, const h5x_plan *p, const char *blob, const size_t *offsets, size_t fixed) {
	if (fixed) return create_and_fill(loc, path, string_type(fixed, H5T_CSET_UTF8), p, blob);
	hsize_t n = points(p);
	const char **s = point(blob, offsets, n);
	if (s == NULL) return -1;
	int rc = create_and_fill(loc, path, string_type(0, H5T_CSET_UTF8), p, n ? s : NULL);
	free(s);
	return rc;
}

/* Wraps a type in a compound of that one member; takes the type over. */
static hid_t as_member(hid_t type, const char *member) {
	if (type < 0 || member == NULL) return type;
	hid_t wrap = H5Tcreate(H5T_COMPOUND, H5Tget_size(type));
	if (wrap >= 0 && H5Tinsert(wrap, member, 0, type) < 0) {
		H5Tclose(wrap);
		wrap = -1;
	}
	H5Tclose(type);
	return wrap;
}

/* --- compound datasets -------------------------------------------------- */

/* A new type for a member; kind < 0 = variable-length string. */
static hid_t member_type(int kind) { return kind < 0 ? string_type(0, H5T_CSET_UTF8) : native_type(kind); }

/* Creates a one-dimensional dataset of n packed members; names lie one after
 * another, each closed by a NUL. */
hid_t h5x_compound_create(hid_t loc, const char *path, int n, const char *names, const int *kinds, hsize_t rows) {
	h5x_plan p = {.rank = 1, .dims = {rows}};
	size_t size = 0;
	hid_t type = -1, dset = -1;
	for (int i = 0; i < n; i++) {
		hid_t t = member_type(kinds[i]);
		if (t < 0) return -1;
		size += H5Tget_size(t);
		H5Tclose(t);
	}
	type = H5Tcreate(H5T_COMPOUND, size);
	size = 0;
	int rc = type < 0 ? -1 : 0;
	for (int i = 0; i < n && rc >= 0; i++, names += strlen(names) + 1) {
		hid_t t = member_type(kinds[i]);
		rc = t < 0 ? -1 : H5Tinsert(type, names, size, t);
		if (t >= 0) {
			size += H5Tget_size(t);
			H5Tclose(t);
		}
	}
	if (rc >= 0) dset = create(loc, path, type, &p);
	if (type >= 0) H5Tclose(type);
	return dset;
}

int h5x_compound_write(hid_t dset, const char *member, int kind, const void *buf) {
	hid_t mem = as_member(native_type(kind), member);
	if (mem < 0) return -1;
	int rc = H5Dwrite(dset, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, buf);
	H5Tclose(mem);
	return rc;
}

int h5x_compound_write_strings(hid_t dset, const char *member, hsize_t n, const char *blob, const size_t *offsets) {
	const char **s = point(blob, offsets, n);
	hid_t mem = s == NULL ? -1 : as_member(string_type(0, H5T_CSET_UTF8), member);
	int rc = mem < 0 ? -1 : H5Dwrite(dset, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, s);
	if (mem >= 0) H5Tclose(mem);
	free(s);
	return rc;
}

/* --- attributes --------------------------------------------------------- */

/* Creates and fills an attribute, in place of one of that name; takes the
 * type over. */
static int put_attr(hid_t obj, const char *name, hid_t type, int scalar, hsize_t n, const void *buf) {
	if (type < 0) return -1;
	int rc = -1;
	hid_t attr = -1, space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL);
	htri_t there = H5Aexists(obj, name);
	if (there > 0) there = H5Adelete(obj, name) < 0 ? -1 : 0;
	if (space >= 0 && there >= 0) attr = H5Acreate2(obj, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	if (attr >= 0) rc = n || scalar ? H5Awrite(attr, type, buf) : 0;
	if (attr >= 0) H5Aclose(attr);
	if (space >= 0) H5Sclose(space);
	H5Tclose(type);
	return rc;
}

int h5x_attr_write(hid_t obj, const char *name, int kind, int scalar, hsize_t n, const void *buf) {
	return put_attr(obj, name, native_type(kind), scalar, n, buf);
}

int h5x_attr_write_fixed(hid_t obj, const char *name, hsize_t n, size_t size, const char *blob) {
	return put_attr(obj, name, string_type(size, H5T_CSET_UTF8), 0, n, blob);
}

int h5x_attr_write_strings(hid_t obj, const char *name, int scalar, hsize_t n, const char *blob, const size_t *offsets) {
	const char **s = point(blob, offsets, n);
	if (s == NULL) return -1;
	int rc = put_attr(obj, name, string_type(0, H5T_CSET_UTF8), scalar, n, s);
	free(s);
	return rc;
}

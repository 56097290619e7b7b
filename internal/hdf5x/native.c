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

/* --- the lzf filter of h5py, decoding only ------------------------------ */

#define LZF_ID 32000

/* lzf_decode expands n bytes of in. With out == NULL it only returns the
 * length of the result. It returns SIZE_MAX where the stream is damaged. A
 * control byte c below 32 is followed by c+1 literal bytes; otherwise its
 * upper three bits (and, if these are all set, one more byte) hold a length
 * less 2 and its lower five bits with the next byte a distance less 1. */
static size_t lzf_decode(const uint8_t *in, size_t n, uint8_t *out) {
	size_t i = 0, o = 0;
	while (i < n) {
		size_t c = in[i++];
		if (c < 32) {
			if (++c > n - i) return SIZE_MAX;
			if (out) memcpy(out + o, in + i, c);
			i += c;
			o += c;
			continue;
		}
		size_t len = c >> 5;
		if (len == 7) {
			if (i == n) return SIZE_MAX;
			len += in[i++];
		}
		len += 2;
		if (i == n) return SIZE_MAX;
		size_t dist = ((c & 31) << 8 | in[i++]) + 1;
		if (dist > o) return SIZE_MAX;
		for (size_t k = 0; out && k < len; k++) out[o + k] = out[o + k - dist]; /* may overlap */
		o += len;
	}
	return o;
}

static size_t lzf_filter(unsigned flags, size_t cd_nelmts, const unsigned cd[], size_t nbytes, size_t *size, void **buf) {
	(void)cd_nelmts;
	(void)cd;
	if (!(flags & H5Z_FLAG_REVERSE)) return 0;
	size_t n = lzf_decode(*buf, nbytes, NULL);
	if (n == SIZE_MAX || n == 0) return 0;
	uint8_t *out = malloc(n);
	if (out == NULL) return 0;
	lzf_decode(*buf, nbytes, out);
	free(*buf);
	*buf = out;
	*size = n;
	return n;
}

int h5x_register_lzf(void) {
	static const H5Z_class2_t lzf = {H5Z_CLASS_T_VERS, LZF_ID, 0, 1, "lzf", NULL, NULL, lzf_filter};
	if (H5Zfilter_avail(LZF_ID) > 0) return 0;
	return H5Zregister(&lzf);
}

/* --- objects ------------------------------------------------------------ */

int h5x_link(hid_t loc, const char *path, char *target, size_t n) {
	H5L_info_t info;
	htri_t there = H5Lexists(loc, path, H5P_DEFAULT);
	if (there <= 0) return there < 0 ? -1 : H5X_ABSENT;
	if (H5Lget_info(loc, path, &info, H5P_DEFAULT) < 0) return -1;
	if (info.type == H5L_TYPE_HARD) return H5X_HARD;
	if (info.type != H5L_TYPE_SOFT) return H5X_FOREIGN;
	memset(target, 0, n);
	if (info.u.val_size >= n || H5Lget_val(loc, path, target, n, H5P_DEFAULT) < 0) return -1;
	return H5X_SOFT;
}

long long h5x_address(hid_t loc, const char *path) {
	H5O_info_t info;
	if (H5Oget_info_by_name2(loc, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
	return (long long)info.addr;
}

int h5x_object_type(hid_t loc, const char *path) {
	H5O_info_t info;
	if (H5Oget_info_by_name2(loc, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
	return info.type;
}

long long h5x_file_size(hid_t file) {
	hsize_t size;
	return H5Fget_filesize(file, &size) < 0 ? -1 : (long long)size;
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

/* Is it h5py's boolean: one byte, two members, FALSE = 0 and TRUE = 1? */
static int is_bool(hid_t type) {
	if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return 0;
	for (unsigned i = 0; i < 2; i++) {
		int8_t v = -1;
		char *name = H5Tget_member_name(type, i);
		if (name == NULL) return 0;
		int ok = H5Tget_member_value(type, i, &v) >= 0 && strcmp(name, v ? "TRUE" : "FALSE") == 0 && (v == 0 || v == 1);
		H5free_memory(name);
		if (!ok) return 0;
	}
	return 1;
}

static int describe_type(hid_t type, h5x_shape *s) {
	s->class = H5Tget_class(type);
	s->size = H5Tget_size(type);
	if (s->class < 0 || s->size == 0) return -1;
	if (s->class == H5T_INTEGER) s->sign = H5Tget_sign(type) == H5T_SGN_2;
	if (s->class == H5T_STRING) {
		s->vlen = H5Tis_variable_str(type) > 0;
		s->pad = H5Tget_strpad(type);
	}
	if (s->class == H5T_ENUM) s->boolean = is_bool(type);
	if (s->class == H5T_COMPOUND) s->members = H5Tget_nmembers(type);
	return 0;
}

static int describe_space(hid_t space, h5x_shape *s) {
	H5S_class_t class = H5Sget_simple_extent_type(space);
	if (class == H5S_NO_CLASS) return -1;
	s->null = class == H5S_NULL;
	s->rank = class == H5S_SIMPLE ? H5Sget_simple_extent_ndims(space) : 0;
	if (s->rank < 0 || s->rank > H5S_MAX_RANK) return -1;
	return s->rank ? H5Sget_simple_extent_dims(space, s->dims, NULL) : 0;
}

/* Describes and closes both handles. */
static int describe(hid_t type, hid_t space, h5x_shape *s) {
	memset(s, 0, sizeof *s);
	int rc = type < 0 || space < 0 ? -1 : 0;
	if (rc == 0 && (describe_type(type, s) < 0 || describe_space(space, s) < 0)) rc = -1;
	if (type >= 0) H5Tclose(type);
	if (space >= 0) H5Sclose(space);
	return rc;
}

int h5x_dataset_shape(hid_t dset, h5x_shape *s) { return describe(H5Dget_type(dset), H5Dget_space(dset), s); }

/* The type of a dataset, or of one member of it; a new handle. */
static hid_t element_type(hid_t dset, const char *member) {
	hid_t type = H5Dget_type(dset);
	if (type < 0 || member == NULL) return type;
	hid_t inner = -1;
	int i = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_member_index(type, member) : -1;
	if (i >= 0) inner = H5Tget_member_type(type, (unsigned)i);
	H5Tclose(type);
	return inner;
}

int h5x_member_shape(hid_t dset, const char *member, h5x_shape *s) {
	return describe(element_type(dset, member), H5Dget_space(dset), s);
}

int h5x_member_name(hid_t dset, int i, char *buf, size_t n) {
	hid_t type = H5Dget_type(dset);
	if (type < 0) return -1;
	char *name = H5Tget_member_name(type, (unsigned)i);
	H5Tclose(type);
	if (name == NULL) return -1;
	int rc = strlen(name) < n ? 0 : -1;
	if (rc == 0) strcpy(buf, name);
	H5free_memory(name);
	return rc;
}

/* --- datasets: storage -------------------------------------------------- */

int h5x_dataset_storage(hid_t dset, h5x_storage *s) {
	memset(s, 0, sizeof *s);
	hid_t plist = H5Dget_create_plist(dset), type = H5Dget_type(dset);
	int rc = plist < 0 || type < 0 ? -1 : 0;
	if (rc == 0) {
		hsize_t chunk[H5S_MAX_RANK];
		s->layout = H5Pget_layout(plist);
		s->external = H5Pget_external_count(plist);
		s->filters = H5Pget_nfilters(plist);
		s->storage = s->layout == H5D_VIRTUAL ? 0 : H5Dget_storage_size(dset);
		if (s->layout < 0 || s->external < 0 || s->filters < 0) rc = -1;
		if (rc == 0 && s->layout == H5D_CHUNKED) {
			int rank = H5Pget_chunk(plist, H5S_MAX_RANK, chunk);
			if (rank < 0) rc = -1;
			s->chunk_bytes = H5Tget_size(type);
			for (int i = 0; i < rank; i++) s->chunk_bytes *= chunk[i]; /* libhdf5 holds it below 4 GiB */
		}
	}
	if (plist >= 0) H5Pclose(plist);
	if (type >= 0) H5Tclose(type);
	return rc;
}

/* Returns the id of filter i, and whether it can be undone here. */
int h5x_filter(hid_t dset, int i, char *name, size_t n, int *available) {
	hid_t plist = H5Dget_create_plist(dset);
	if (plist < 0) return -1;
	unsigned flags, config = 0;
	size_t cd = 0;
	name[0] = 0;
	int id = H5Pget_filter2(plist, (unsigned)i, &flags, &cd, NULL, n, name, NULL);
	H5Pclose(plist);
	if (id < 0) return -1;
	name[n - 1] = 0;
	*available = H5Zfilter_avail(id) > 0 && H5Zget_filter_info(id, &config) >= 0 && (config & H5Z_FILTER_CONFIG_DECODE_ENABLED);
	return id;
}

/* --- datasets: reading -------------------------------------------------- */

/* Stops a conversion to integers that would change a value. */
static H5T_conv_ret_t on_exception(H5T_conv_except_t e, hid_t src, hid_t dst, void *from, void *to, void *overflow) {
	(void)e;
	(void)src;
	(void)dst;
	(void)from;
	(void)to;
	*(int *)overflow = 1;
	return H5T_CONV_ABORT;
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

/* Reads the rows (or everything) of a dataset; takes the memory type over. */
static int read_rows(hid_t dset, hid_t mem, h5x_rows rows, hid_t dxpl, void *buf) {
	if (mem < 0) return -1;
	int rc = -1;
	if (rows.count < 0) {
		rc = H5Dread(dset, mem, H5S_ALL, H5S_ALL, dxpl, buf);
		H5Tclose(mem);
		return rc;
	}
	hsize_t start[H5S_MAX_RANK] = {0}, count[H5S_MAX_RANK];
	hid_t mspace = -1, fspace = H5Dget_space(dset);
	int rank = fspace < 0 ? -1 : H5Sget_simple_extent_dims(fspace, count, NULL);
	if (rank > 0) {
		start[0] = (hsize_t)rows.start;
		count[0] = (hsize_t)rows.count;
		mspace = H5Screate_simple(rank, count, NULL);
		if (mspace >= 0 && H5Sselect_hyperslab(fspace, H5S_SELECT_SET, start, NULL, count, NULL) >= 0)
			rc = H5Dread(dset, mem, mspace, fspace, dxpl, buf);
	}
	if (mspace >= 0) H5Sclose(mspace);
	if (fspace >= 0) H5Sclose(fspace);
	H5Tclose(mem);
	return rc;
}

/* The memory type for reading a file type as that kind; booleans arrive as
 * bytes whose every non-zero value means true. */
static hid_t reading_type(hid_t file_type, int kind) {
	if (kind != H5X_BOOL) return native_type(kind);
	return H5Tget_class(file_type) == H5T_ENUM ? H5Tcopy(file_type) : H5Tcopy(H5T_NATIVE_INT8);
}

int h5x_read(hid_t dset, const char *member, int kind, h5x_rows rows, void *buf, int *overflow) {
	hid_t file_type = element_type(dset, member);
	if (file_type < 0) return -1;
	hid_t mem = as_member(reading_type(file_type, kind), member);
	H5Tclose(file_type);
	hid_t dxpl = H5P_DEFAULT;
	*overflow = 0;
	if (kind >= H5X_I8 && kind <= H5X_U64) {
		dxpl = H5Pcreate(H5P_DATASET_XFER);
		if (dxpl < 0 || H5Pset_type_conv_cb(dxpl, on_exception, overflow) < 0) {
			if (dxpl >= 0) H5Pclose(dxpl);
			if (mem >= 0) H5Tclose(mem);
			return -1;
		}
	}
	int rc = read_rows(dset, mem, rows, dxpl, buf);
	if (dxpl != H5P_DEFAULT) H5Pclose(dxpl);
	return rc;
}

/* Fixed-length strings as they lie in the file, size bytes each. */
int h5x_read_fixed(hid_t dset, const char *member, h5x_rows rows, void *buf) {
	return read_rows(dset, as_member(element_type(dset, member), member), rows, H5P_DEFAULT, buf);
}

/* Variable-length strings lie in the file's global heap; a dataset or attribute
 * holds references of REF_SIZE bytes to it: length (4), address of a heap
 * collection (8), number of the object in it (4). libhdf5 1.10.8 crashes
 * or hangs where a damaged reference does not fit its object, so references
 * are read as they are, through a conversion that does nothing, and followed
 * in Go (heap.go). */
#define REF_SIZE 16

static herr_t keep_reference(hid_t src, hid_t dst, H5T_cdata_t *cdata, size_t n, size_t stride, size_t bkg_stride, void *buf,
                             void *bkg, hid_t dxpl) {
	(void)n;
	(void)stride;
	(void)bkg_stride;
	(void)buf;
	(void)bkg;
	(void)dxpl;
	if (cdata->command != H5T_CONV_INIT) return 0;
	cdata->need_bkg = H5T_BKG_NO;
	return H5Tget_size(src) == H5Tget_size(dst) ? 0 : -1;
}

int h5x_register_references(void) {
	hid_t text = string_type(0, H5T_CSET_UTF8), raw = H5Tcreate(H5T_OPAQUE, REF_SIZE);
	int rc = text < 0 || raw < 0 ? -1 : H5Tregister(H5T_PERS_SOFT, "hdf5x_reference", text, raw, keep_reference);
	if (text >= 0) H5Tclose(text);
	if (raw >= 0) H5Tclose(raw);
	return rc;
}

int h5x_read_references(hid_t dset, const char *member, h5x_rows rows, void *buf) {
	return read_rows(dset, as_member(H5Tcreate(H5T_OPAQUE, REF_SIZE), member), rows, H5P_DEFAULT, buf);
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

int h5x_attr_count(hid_t obj) {
	H5O_info_t info;
	if (H5Oget_info2(obj, &info, H5O_INFO_NUM_ATTRS) < 0) return -1;
	return info.num_attrs > 65535 ? -1 : (int)info.num_attrs;
}

int h5x_attr_name(hid_t obj, int i, char *buf, size_t n) {
	ssize_t len = H5Aget_name_by_idx(obj, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, buf, n, H5P_DEFAULT);
	return len < 0 || (size_t)len >= n ? -1 : 0;
}

int h5x_attr_exists(hid_t obj, const char *name) { return H5Aexists(obj, name); }

hid_t h5x_attr_open(hid_t obj, const char *name, h5x_shape *s) {
	hid_t attr = H5Aopen(obj, name, H5P_DEFAULT);
	if (attr >= 0 && describe(H5Aget_type(attr), H5Aget_space(attr), s) < 0) {
		H5Aclose(attr);
		return -1;
	}
	return attr;
}

int h5x_attr_close(hid_t attr) { return H5Aclose(attr); }

int h5x_attr_read(hid_t attr, int kind, void *buf) {
	hid_t file_type = H5Aget_type(attr);
	if (file_type < 0) return -1;
	hid_t mem = reading_type(file_type, kind);
	int rc = mem < 0 ? -1 : H5Aread(attr, mem, buf);
	if (mem >= 0) H5Tclose(mem);
	H5Tclose(file_type);
	return rc;
}

int h5x_attr_read_fixed(hid_t attr, void *buf) {
	hid_t type = H5Aget_type(attr);
	if (type < 0) return -1;
	int rc = H5Aread(attr, type, buf);
	H5Tclose(type);
	return rc;
}

int h5x_attr_read_references(hid_t attr, void *buf) {
	hid_t mem = H5Tcreate(H5T_OPAQUE, REF_SIZE);
	if (mem < 0) return -1;
	int rc = H5Aread(attr, mem, buf);
	H5Tclose(mem);
	return rc;
}

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

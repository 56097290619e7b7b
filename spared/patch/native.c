/* Room in an HDF5 file that is filled later, by plain writes: a dataset of one
 * contiguous block, allocated and not filled. The functions return the place of
 * the block in the file, or a negative number. */
#include "native.h"

#include <string.h>

/* anndata's marks of what an element is. */
static int mark(hid_t dset, const char *name, const char *value) {
	hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attr = -1;
	int rc = -1;
	if (type >= 0 && space >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
		attr = H5Acreate2(dset, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	if (attr >= 0) rc = H5Awrite(attr, type, &value);
	if (attr >= 0) H5Aclose(attr);
	if (space >= 0) H5Sclose(space);
	if (type >= 0) H5Tclose(type);
	return rc;
}

static long long offset_of(hid_t dset) {
	hid_t plist = H5Dget_create_plist(dset);
	long long at = -1;
	if (plist >= 0 && H5Pget_layout(plist) == H5D_CONTIGUOUS && H5Pget_external_count(plist) == 0) {
		haddr_t a = H5Dget_offset(dset);
		if (a != HADDR_UNDEF) at = (long long)a;
	}
	if (plist >= 0) H5Pclose(plist);
	return at;
}

static hid_t type_of(int bytes) { return bytes == 8 ? H5T_STD_I64LE : H5T_STD_U8LE; }

static long long reserve(hid_t file, const char *key, int bytes, int rank, const hsize_t *dims, const char *encoding) {
	long long at = -1;
	hid_t dset = -1, plist = H5Pcreate(H5P_DATASET_CREATE), space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
	if (plist >= 0 && space >= 0 && H5Pset_layout(plist, H5D_CONTIGUOUS) >= 0 && H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY) >= 0 &&
	    H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_obj_track_times(plist, 0) >= 0)
		dset = H5Dcreate2(file, key, type_of(bytes), space, H5P_DEFAULT, plist, H5P_DEFAULT);
	if (dset >= 0 && mark(dset, "encoding-type", encoding) >= 0 && mark(dset, "encoding-version", "0.2.0") >= 0) at = offset_of(dset);
	if (dset >= 0) H5Dclose(dset);
	if (space >= 0) H5Sclose(space);
	if (plist >= 0) H5Pclose(plist);
	return at;
}

/* Adds a dataset of elements of 1 byte (unsigned) or 8 (signed). */
long long patch_reserve(const char *path, const char *key, int bytes, int rank, const hsize_t *dims, const char *encoding) {
	long long at = -1;
	H5E_BEGIN_TRY {
		hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
		if (file >= 0) {
			at = reserve(file, key, bytes, rank, dims, encoding);
			if (H5Fclose(file) < 0) at = -1;
		}
	} H5E_END_TRY;
	return at;
}

/* The place of a dataset that patch_reserve added. */
long long patch_offset(const char *path, const char *key, int bytes) {
	long long at = -1;
	H5E_BEGIN_TRY {
		hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
		hid_t dset = file >= 0 ? H5Dopen2(file, key, H5P_DEFAULT) : -1;
		hid_t type = dset >= 0 ? H5Dget_type(dset) : -1;
		if (type >= 0 && H5Tequal(type, type_of(bytes)) > 0) at = offset_of(dset);
		if (type >= 0) H5Tclose(type);
		if (dset >= 0) H5Dclose(dset);
		if (file >= 0) H5Fclose(file);
	} H5E_END_TRY;
	return at;
}

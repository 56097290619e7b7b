/* The little of libvips that package picture needs. Only the loaders of TIFF,
 * JPEG and PNG are ever called, by name: what a file claims to be cannot bring
 * in another of libvips's many. */
#include "vips.h"

#include <string.h>

static void discard(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data) {
	(void)domain;
	(void)level;
	(void)message;
	(void)data;
}

/* Starts libvips. Its warnings, of unknown TIFF tags for instance, would go to
 * stderr; a cache of finished operations would hold files open and serve old
 * pixels of a file that has changed. */
int picture_start(void) {
	g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG, discard, NULL);
	if (VIPS_INIT("spatialgo")) return -1;
	vips_cache_set_max(0);
	return 0;
}

/* The messages of what failed, to be freed with g_free. libvips keeps one list
 * for the whole process. */
char *picture_error(void) { return vips_error_buffer_copy(); }

/* Samples as sRGB or grey, 8 or 16 bits, with alpha where there is one.
 * Takes in over. */
static VipsImage *to_rgb(VipsImage *in) {
	VipsImage *out = NULL;
	switch (vips_image_guess_interpretation(in)) {
	case VIPS_INTERPRETATION_CMYK:
	case VIPS_INTERPRETATION_LAB:
	case VIPS_INTERPRETATION_LABQ:
	case VIPS_INTERPRETATION_LABS:
		if (vips_colourspace(in, &out, VIPS_INTERPRETATION_sRGB, NULL)) out = NULL;
		g_object_unref(in);
		return out;
	default:
		return in;
	}
}

VipsImage *picture_open(const char *path, picture_place at, int sequential) {
	VipsImage *out = NULL;
	VipsAccess access = sequential ? VIPS_ACCESS_SEQUENTIAL : VIPS_ACCESS_RANDOM;
	int rc = -1;
	switch (at.format) {
	case PICTURE_TIFF:
		rc = vips_tiffload(path, &out, "page", at.page, "subifd", at.subifd, "access", access, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
		break;
	case PICTURE_JPEG:
		rc = vips_jpegload(path, &out, "shrink", at.shrink, "access", access, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
		break;
	case PICTURE_PNG:
		rc = vips_pngload(path, &out, "access", access, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
		break;
	}
	out = rc == 0 ? to_rgb(out) : NULL;
	vips_thread_shutdown();
	return out;
}

/* One picture of n of one band each. */
VipsImage *picture_join(VipsImage **planes, int n) {
	VipsImage *out = NULL;
	if (vips_bandjoin(planes, &out, n, NULL)) out = NULL;
	vips_thread_shutdown();
	return out;
}

/* Reads a rectangle inside the picture, rows without gaps. The region is made
 * and given up here, for libvips binds it to the thread. */
int picture_read(VipsImage *image, int x, int y, int w, int h, void *out) {
	VipsRect rect = {x, y, w, h}, all = {0, 0, image->Xsize, image->Ysize};
	if (!vips_rect_includesrect(&all, &rect)) {
		vips_error("picture", "%d x %d pixels at %d, %d are not in %d x %d", w, h, x, y, all.width, all.height);
		return -1;
	}
	VipsRegion *region = vips_region_new(image);
	int rc = region == NULL ? -1 : vips_region_prepare(region, &rect);
	if (rc == 0) {
		size_t row = (size_t)w * VIPS_IMAGE_SIZEOF_PEL(image);
		for (int i = 0; i < h; i++) memcpy((char *)out + i * row, VIPS_REGION_ADDR(region, x, y + i), row);
	}
	if (region != NULL) g_object_unref(region);
	vips_thread_shutdown(); /* buffers that libvips keeps for this thread */
	return rc;
}

void picture_close(VipsImage *image) {
	g_object_unref(image);
	vips_thread_shutdown();
}

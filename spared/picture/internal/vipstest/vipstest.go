// Package vipstest writes pictures for tests through libvips, whose own
// options say how: "p.tif[tile,pyramid,compression=jpeg,Q=90]".
package vipstest

// #cgo pkg-config: vips
// #include <vips/vips.h>
//
// static int save(const void *pix, size_t n, int w, int h, int bands, int wide, int interpretation, const char *name) {
// 	if (VIPS_INIT("vipstest")) return -1;
// 	VipsImage *in = vips_image_new_from_memory(pix, n, w, h, bands, wide ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
// 	VipsImage *out = NULL;
// 	if (in == NULL) return -1;
// 	int rc = vips_copy(in, &out, "interpretation", interpretation, NULL);
// 	if (rc == 0) rc = vips_image_write_to_file(out, name, NULL);
// 	if (out != NULL) g_object_unref(out);
// 	g_object_unref(in);
// 	return rc;
// }
//
// // A large picture that nobody holds in memory: a ramp in each channel.
// static int save_ramp(int w, int h, const char *name) {
// 	if (VIPS_INIT("vipstest")) return -1;
// 	VipsImage *t[5] = {NULL};
// 	double a[3] = {0.25, 0.125, 1.0 / 64}, b[3] = {0, 30, 60};
// 	int rc = vips_xyz(&t[0], w, h, NULL) || vips_extract_band(t[0], &t[1], 0, NULL) || vips_linear(t[1], &t[2], a, b, 3, NULL);
// 	double m[3] = {256, 256, 256};
// 	rc = rc || vips_remainder_const(t[2], &t[3], m, 3, NULL) || vips_cast(t[3], &t[4], VIPS_FORMAT_UCHAR, NULL);
// 	rc = rc || vips_image_write_to_file(t[4], name, "tile", TRUE, "tile_width", 512, "tile_height", 512, "bigtiff", TRUE, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, NULL);
// 	for (int i = 0; i < 5; i++) if (t[i] != NULL) g_object_unref(t[i]);
// 	return rc;
// }
import "C"

import (
	"testing"
	"unsafe"
)

// Interpretations of pixels, as libvips numbers them.
const (
	Grey   = 1
	CMYK   = 15
	SRGB   = 22
	RGB16  = 25
	Grey16 = 26
)

// Save writes samples of 8 or 16 bits, [height][width][bands], to the file and
// with the options that name says.
func Save[T uint8 | uint16](tb testing.TB, name string, pix []T, width, height, bands, interpretation int) {
	tb.Helper()
	var t T
	size := C.size_t(len(pix)) * C.size_t(unsafe.Sizeof(t))
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	if C.save(unsafe.Pointer(&pix[0]), size, C.int(width), C.int(height), C.int(bands), C.int(unsafe.Sizeof(t)-1), C.int(interpretation), c) != 0 {
		tb.Fatalf("libvips cannot write %s: %s", name, C.GoString(C.vips_error_buffer()))
	}
}

// SaveRamp writes a tiled RGB BigTIFF of that size, whose pixel x, y is
// (x/4, x/8+30, x/64+60), rounded down, modulo 256.
func SaveRamp(tb testing.TB, name string, width, height int) {
	tb.Helper()
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	if C.save_ramp(C.int(width), C.int(height), c) != 0 {
		tb.Fatalf("libvips cannot write %s: %s", name, C.GoString(C.vips_error_buffer()))
	}
}

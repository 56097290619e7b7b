#ifndef PICTURE_VIPS_H
#define PICTURE_VIPS_H

#include <vips/vips.h>

/* File formats, in the order of the Go constants. */
enum { PICTURE_TIFF, PICTURE_JPEG, PICTURE_PNG };

/* Where in a file a picture lies. */
typedef struct {
	int format;
	int page;   /* TIFF: directory, from 0 */
	int subifd; /* TIFF: directory below that one, from 0; -1 = none */
	int shrink; /* JPEG: 1, 2, 4 or 8, by which the decoder divides both sides */
} picture_place;

int picture_start(void);
char *picture_error(void);
VipsImage *picture_open(const char *path, picture_place at, int sequential);
VipsImage *picture_join(VipsImage **planes, int n);
int picture_read(VipsImage *image, int x, int y, int w, int h, void *out);
void picture_close(VipsImage *image);

#endif

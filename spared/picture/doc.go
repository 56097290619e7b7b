// Package picture reads the full-resolution pictures of tissue slides, as
// people have them, part by part: no picture is ever in memory as a whole.
//
//	p, err := picture.Open("image.tif", picture.Options{})
//	pix, err := p.Region(ctx, x, y, 178, 178, picture.Mirror) // [178][178][3]
//	for band, err := range p.Rows(ctx, rectangle) { ... }      // all of it, from top to bottom
//	img, err := p.Shrink(ctx, 2000)                            // a slide.Image, the hires picture
//
// # What it reads
//
// TIFF and BigTIFF: in strips, tiles or one block; uncompressed, PackBits, LZW,
// Deflate, JPEG, and whatever else the installed libtiff knows; pixel by pixel
// or one plane a channel; grey, RGB, palette, CMYK and Lab; with pyramids in the
// chain of directories (libvips, Aperio .svs) or below the first one (OME-TIFF);
// and "channel first" arrays, which are three or four grey pictures of one size.
// JPEG, baseline and progressive. PNG. What a file is, is told by its content.
//
// The answer is always 8-bit RGB, [rows][columns][3]. Samples of 16 bits become
// trunc(v/65535*255), as in SpaRED. Grey becomes R = G = B. CMYK and Lab go
// through colour profiles; an RGB picture's own profile is not applied, as
// OpenCV, Pillow and tifffile do not. Nor is an orientation tag, so that the
// spots' coordinates hold. Transparency is laid over white paper; SpaRED drops
// it (Options.Alpha).
//
// The first picture of a file counts; labels, overviews and further series are
// passed over. Refused, with what to do about it: stacks of two, five or more
// grey pictures, more than four channels, samples of 32 bits or with sign.
//
// # How
//
// Pixels come from libvips through the two C files of this package, not
// through govips: that reads a file into memory first, keeps one log handler
// and one cache for the process, and links all of libvips's operations. Here
// three of its loaders (TIFF, JPEG, PNG) are called by name, nothing is logged,
// and nothing is cached beyond two rows of tiles a picture.
//
// Tiles are decoded as they are asked for. Strips, JPEG and PNG can only be
// decoded from the top: Rows and Shrink do just that, each row once; the first
// Region unpacks the picture into a temporary file without a name, from which
// this and all later ones are read.
//
// # Files from anywhere
//
// A small reader of headers comes first. What a file asks for (pixels, memory
// for tiles, for the coefficients of a progressive JPEG or the passes of an
// interlaced PNG, room on the disk) is held against the limits in Options
// before libvips sees it. Damaged and truncated files are errors, not grey
// pixels: every error about a file is a *format.Error that names it. Errors
// of pictures that are read at the same time may hold each other's reasons,
// for libvips keeps one list of messages.
//
// A Picture may be used from many goroutines; the pixels are the same on any
// number of cores.
package picture

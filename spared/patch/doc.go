// Package patch cuts the tissue under each spot out of a slide's
// full-resolution picture: what models that predict expression from the image
// learn from.
//
// # What a patch shows
//
// As SpaRED's readers define it (get_patches), with d = spot_diameter_fullres:
//
//	window = int(int(d) * scale), and one more where that is odd
//	crop   = picture[y-window/2 : y+window/2, x-window/2 : x+window/2]
//	patch  = cv2.resize(crop, (size, size))        // bilinear; size = 224
//
// in rows, columns, R G B, 8 bits. Resize gives cv2's bits exactly.
//
// # At the border
//
// SpaRED continues the picture by its mirror image ("symmetric" padding), but
// only (window-d)/2 pixels far, which at scale 1 is not at all. A window that
// reaches further is cut off there and stretched to the patch's size, or, at the
// left and upper border, where numpy counts negative indices from the end, is
// empty and stops the run. Here the mirror image goes on without end, so that
// each patch shows its window in true proportion; patches inside the picture
// and within SpaRED's padding are the same as SpaRED's, bit for bit. Options
// can set white instead.
//
// A window that shows nothing at all of the picture means that picture and
// spots do not belong together (another slide's, the hires one in place of the
// full one, a turned one): that is ErrNoFit, never a patch.
//
// Coordinates with a fraction (registration makes such) are rounded to whole
// pixels; SpaRED fails on them.
//
// # Reading
//
// A Reader cuts out of a picture. Reader.All goes over the picture once, from
// top to bottom, whatever the spots: each tile, strip or JPEG row is decoded
// once, and memory is that of a band of rows. Reader.Batch takes any spots.
//
// Write stores the patches of a data set, File reads them, batch by batch, as
// image models do while they train:
//
//	err := patch.Write(ctx, "muscle_patches.h5ad", slides, patch.WriteOptions{}, nil)
//	f, err := patch.Open("muscle_patches.h5ad")
//	pix, err := f.Batch(ctx, []int{17, 3, 256}) // [3][224][224][3]
//
// # The file
//
// An .h5ad of its own beside the data set's, for patches are larger than all
// else by far (150 kB a spot) and of another life. obs_names are those of the
// data set; obsm["patches_scale_1.0"] is uint8 [spots][size*size*3] as SpaRED
// stores it, so SpaRED's own files open here and these open in anndata and
// h5py. The array is one block without compression: deflate saves a sixth of
// H&E patches (her2st, level 4) and takes 2 ms each to undo, and a row of one
// block is a single read. Being of fixed size and place, it is filled by plain
// writes: a kill at any moment leaves HDF5's structure whole, and the next Write
// goes on where the last one was forced to disk.
package patch

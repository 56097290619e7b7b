// Package morphology describes in numbers what an H&E picture shows under each
// spot: colour, stain and texture.
//
// # What for
//
// Methods that look at the tissue (stLearn's SME, the visual variant of SpaCKLE,
// image features beside a count model) need a row of numbers for each spot.
// Networks trained on pictures give better ones than these; these need no
// network, no download and no GPU, and each has a name that a pathologist can
// read. Whoever has an embedding of their own puts it in obsm in their place:
// whatever is called embeddings_something is taken.
//
// # What is measured
//
// A patch has five channels of 8 bits: red, green, blue, and how much
// haematoxylin and eosin lies in each pixel, by colour deconvolution (Ruifrok and
// Johnston 2001) with their stain vectors. Of each channel come
//
//	mean, standard deviation, quantiles 0.1, 0.5, 0.9      what squidpy calls "summary"
//	contrast, dissimilarity, homogeneity, correlation, ASM  what it calls "texture"
//
// where texture is of the grey-level co-occurrence matrix (Haralick et al.
// 1973) of 256 levels at a distance of one pixel, each property averaged over the
// angles 0, 45, 90 and 135 degrees, so that it does not matter how the slide lay
// under the camera. [Names] lists all fifty.
//
// # What differs from squidpy
//
// squidpy's calculate_image_features keeps the four angles apart, looks at red,
// green and blue only, and at crops in the picture's own resolution. Here all
// patches are resized to the same number of pixels first (package patch), so
// that slides scanned at different magnification can be compared. The
// properties are those of scikit-image's graycoprops, whose numbers the tests
// hold.
package morphology

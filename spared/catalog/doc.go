// Package catalog knows the 26 published data sets of the SpaRED benchmark
// (Mejia et al., MICCAI 2024; Ruiz et al., Medical Image Analysis 2025) and
// downloads them.
//
// # The catalogue
//
// [All] lists the data sets and [Find] looks one up, by name or abbreviation:
// organism, slides with their splits and patients, the published numbers of
// spots and of missing values, the paper, the licence, and where the files
// lie. These are tables in the folder data, with the source of each column at
// their head; hosts and addresses are rows there, not code. [Recipe] is the
// published recipe of a data set.
//
// A catalogue name works wherever a folder of slides does by way of one
// function:
//
//	r, err := catalog.Resolve(ctx, []string{"VMB"}, spared.Recipe{}, catalog.ResolveOptions{})
//	ds, err := spared.Build(ctx, r, "vmb.h5ad", nil)
//
// # Downloads
//
// [Fetch] downloads a data set and makes a Space Ranger folder of each slide:
//
//	DIR/vicari_mouse_brain/V11L12-038_A1/filtered_feature_bc_matrix.h5
//	                                     spatial/...
//	                                     source_image.jpg
//	                                     source.json     where each file is from, size, sha256, licence
//	DIR/.downloads/downloads.json        size and sha256 of each download
//	DIR/.downloads/AUTHOR/...            archives, and what has arrived of them
//
// DIR is the one that is asked for, else $SPATIALGO_DATA, else ./data; nothing
// goes to the home folder unasked. [MakePlan] tells what would be downloaded,
// and where to put files that came another way.
//
// A download that breaks off goes on where it stopped: in the same call, after
// Ctrl-C, after a kill. The server says by ETag or date whether its file is
// still the same (If-Range); if not, or if it cannot tell, the download begins
// anew, unless a published sha256 settles it afterwards. What lies on the disk
// is hashed as a whole at the end. The 10x files have published sums
// (squidpy's registry); for the others the sum of the first download is
// recorded, and later ones are held to it. A slide's folder appears by one
// rename.
//
// # What is refused
//
// Downloads: anything but https unless a mirror says http, redirects to
// another scheme, more bytes than [Options].MaxBytes. Archives: names that are
// absolute or lead out, links, devices, members that come twice, more members
// or bytes than any of the records has, and more than 256 bytes out of one. A
// member's name only chooses: the name that is written comes from the layout,
// and is written through os.Root. Inner archives are read as they stream by,
// and nothing that no slide needs is written.
//
// # Libraries
//
// Requests are repeated by hashicorp/go-retryablehttp (back-off, Retry-After).
// Archives are read by archive/zip, archive/tar and compress/gzip. The
// alternatives were looked at: cavaliergopher/grab and hashicorp/go-extract
// are not to be had from the module proxy that this was built with,
// hashicorp/go-getter follows whatever an address says (git, S3, file) and
// resumes without If-Range, and mholt/archives wraps the same three standard
// packages, has some thirty dependencies for formats that none of the sources
// uses, and leaves names, links and bombs to its caller.
//
// # What differs from the published readers
//
// The layouts are those that the readers of the SpaRED library take apart
// (spared/readers, at commit 3ca900f). No record was downloaded for this
// package: the machine it was written on reaches no data host. Tests serve
// made-up records in these layouts; sizes of the real ones are therefore not
// in the tables, and nor are licences that the readers and papers do not name
// ("unknown"). Where a record has changed since, the error names the file
// that is missing and the page to look at.
//
//   - The readers unpack whole archives with extractall, unfiltered; here
//     only the files of the data set's slides are written.
//   - Where a pattern fits several files, the readers take the first that the
//     file system lists; here it is the first in the alphabet, and source.json
//     says so.
//   - The readers make a missing lowres picture by resizing the hires one (and
//     swap its sides); here it stays missing, which package visium takes.
//   - GEO is asked for the file in the series' folder first, since that can
//     resume, then in the readers' way.
//   - parigi publishes normalised values, which the readers use as counts. They
//     become a Matrix Market file with the very same digits, and symbols stand
//     in for ids; source.json and [Dataset].Notes say that they are no counts,
//     and so do the inputs (spared.Input.Normalised). Its hires and lowres
//     pictures, which the reader makes of the 16-bit full-resolution one, are
//     made by package visium when it reads the slide.
//   - erickson's and mirzazadeh's full-resolution pictures are kept as they
//     came. Their readers resize them by (hires height / own height) /
//     tissue_hires_scalef before they cut patches, so whoever cuts patches
//     has to (facts in [Dataset].Notes).
//   - Data sets that share slides (MMBR with MMBP1 and MMBP2) share downloads,
//     but each has folders of its own.
package catalog

package visium

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/picture"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// fullRes records the full-resolution picture, and makes the smaller ones from
// it where there are none.
func (r *reader) fullRes(ctx context.Context, s *slide.Slide, lay *layout) error {
	if err := rawfile.SetFullRes(s, lay.fullRes, r.opts.FullRes != ""); err != nil || lay.preview == "" {
		return err
	}
	if err := r.digest(lay.preview); err != nil {
		return err
	}
	return picture.Preview(ctx, s)
}

// findFullRes looks for the picture in the folder, then in its parent. The
// parent of a folder "outs" is the slide's own; any other may hold several
// slides, so there the picture's name must begin with the folder's.
func findFullRes(dir string) string {
	abs := absolute(dir)
	prefix := filepath.Base(abs)
	if prefix == "outs" {
		prefix = ""
	}
	for _, place := range []struct{ dir, prefix string }{{dir, ""}, {filepath.Dir(abs), prefix}} {
		l, err := list(place.dir)
		if err != nil {
			continue
		}
		var found []string
		for _, n := range l.names {
			if strings.HasPrefix(n, place.prefix) && isFullResName(n) && !l.isDir(n) {
				found = append(found, n)
			}
		}
		if len(found) == 1 {
			return filepath.Join(place.dir, found[0])
		}
	}
	return ""
}

// isFullResName knows the names that full-resolution pictures go by: image.tif,
// source_image.jpg, <sample>_image.tif, and any that say full-res.
func isFullResName(name string) bool {
	name = strings.ToLower(name)
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	switch ext {
	case ".tif", ".tiff", ".btf", ".jpg", ".jpeg", ".png":
	default:
		return false
	}
	if containsAny(stem, "hires", "lowres", "aligned", "detected", "cytassist", "fiducial") {
		return false
	}
	return stem == "image" || strings.HasSuffix(stem, "_image") || containsAny(stem, "fullres", "full_res", "full-res")
}

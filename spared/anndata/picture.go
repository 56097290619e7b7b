package anndata

import (
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// pictures reads a slide's entry of uns/spatial: the one of its name, or the
// only one of a file of one slide.
func (f *file) pictures(s *slide.Slide, d *division, name string, none bool) error {
	keys := f.groups("uns/spatial")
	key := name
	if len(d.names) == 1 {
		key = d.names[0]
	}
	if !slices.Contains(keys, key) {
		if len(keys) != 1 || len(d.names) > 1 {
			return nil
		}
		key = keys[0]
	}
	at := "uns/spatial/" + key
	for _, c := range []struct {
		name string
		to   *float64
	}{
		{"tissue_hires_scalef", &s.Scale.Hires}, {"tissue_lowres_scalef", &s.Scale.Lowres},
		{"spot_diameter_fullres", &s.Scale.SpotDiameter}, {"fiducial_diameter_fullres", &s.Scale.FiducialDiameter},
		{"microns_per_pixel", &s.Scale.MicronsPerPixel},
	} {
		v, err := f.factor(at + "/scalefactors/" + c.name)
		if err != nil {
			return err
		}
		*c.to = v
	}
	if v, err := h5ad.ReadElem(f.Path(), at+"/metadata/chemistry_description"); err == nil {
		s.Chemistry, _ = v.(string)
	}
	if none {
		return nil
	}
	var err error
	if s.Hires, err = f.picture(at + "/images/hires"); err != nil {
		return err
	}
	s.Lowres, err = f.picture(at + "/images/lowres")
	return err
}

// factor reads a scale factor; 0 where the file lacks it.
func (f *file) factor(key string) (float64, error) {
	if !f.Exists(key) {
		return 0, nil
	}
	v, _, err := hdf5x.Read[float64](f.File, key)
	if err != nil {
		return 0, err
	}
	if len(v) != 1 || !finite(v[0]) || v[0] < 0 {
		return 0, f.errorf(key, "is %v, want one number of 0 or more", v)
	}
	return v[0], nil
}

// picture reads [height][width] or [height][width][channels] of 0 to 255, of 0
// to 65535 or, as scanpy stores what matplotlib read, of 0 to 1; nil where it
// is not there.
func (f *file) picture(key string) (*slide.Image, error) {
	if !f.Exists(key) {
		return nil, nil
	}
	data, shape, err := hdf5x.Read[float32](f.File, key)
	if err != nil {
		return nil, err
	}
	channels := 1
	switch {
	case len(shape) == 3 && shape[2] >= 1 && shape[2] <= 4:
		channels = shape[2]
	case len(shape) != 2:
		return nil, f.errorf(key, "has the shape %v, want [height][width][channels] with at most 4 channels", shape)
	}
	img := &slide.Image{Height: shape[0], Width: shape[1], Pix: make([]uint8, 3*shape[0]*shape[1])}
	if len(data) == 0 {
		return nil, nil
	}
	scale := f.brightness(key, data)
	for p := range shape[0] * shape[1] {
		px, alpha := data[p*channels:(p+1)*channels], float32(255)
		if channels == 2 || channels == 4 {
			alpha = scale * px[channels-1]
		}
		for c := range 3 {
			v := scale * px[min(c, (channels-1)/2*2)]
			v = v*alpha/255 + 255 - alpha // over white
			img.Pix[3*p+c] = uint8(math.Round(float64(min(max(v, 0), 255))))
		}
	}
	return img, nil
}

// brightness is what brings a picture's values to 0..255.
func (f *file) brightness(key string, data []float32) float32 {
	info, err := f.Info(key)
	if err == nil && info.Kind == hdf5x.Uint && info.Bits == 8 {
		return 1
	}
	top := float32(0)
	for _, v := range data {
		top = max(top, v)
	}
	switch {
	case top <= 1:
		return 255
	case top <= 255:
		return 1
	}
	return 255.0 / 65535
}

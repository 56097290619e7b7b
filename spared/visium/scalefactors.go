package visium

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// The keys of scalefactors_json.json that are read or written.
const (
	keySpot     = "spot_diameter_fullres"
	keyFiducial = "fiducial_diameter_fullres"
	keyHires    = "tissue_hires_scalef"
	keyLowres   = "tissue_lowres_scalef"
	keyMicrons  = "microns_per_pixel"
	keyBin      = "bin_size_um"
)

// factor returns where a key is kept, or nil for keys that are ignored.
func factor(s *slide.ScaleFactors, key string) *float64 {
	switch key {
	case keySpot:
		return &s.SpotDiameter
	case keyFiducial:
		return &s.FiducialDiameter
	case keyHires:
		return &s.Hires
	case keyLowres:
		return &s.Lowres
	case keyMicrons:
		return &s.MicronsPerPixel
	}
	return nil
}

// parseScaleFactors reads scalefactors_json.json. Unknown keys are ignored;
// a key that comes twice is an error, since readers differ in which wins.
func parseScaleFactors(path string, data []byte) (slide.ScaleFactors, error) {
	var s slide.ScaleFactors
	data, err := rawfile.UTF8(path, data)
	if err != nil {
		return s, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return s, jsonError(path, "", data, d.InputOffset(), err)
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return s, jsonError(path, "", data, d.InputOffset(), err)
		}
		if seen[key] {
			return s, format.Errorf(path, key, "the key comes twice; remove one")
		}
		seen[key] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return s, jsonError(path, key, data, d.InputOffset(), err)
		}
		if f := factor(&s, key); f != nil {
			if *f, ok = parseFinite(string(raw)); !ok || *f < 0 {
				return s, format.Errorf(path, key, "%.40q is not a number of 0 or more", raw)
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return s, jsonError(path, "", data, d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return s, jsonError(path, "", data, d.InputOffset(), errors.New("text after the closing brace"))
	}
	return s, nil
}

// jsonError names the line of a syntax error.
func jsonError(path, key string, data []byte, offset int64, err error) error {
	var se *json.SyntaxError
	if errors.As(err, &se) {
		offset = se.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the text ends too early")
	}
	offset = min(offset, int64(len(data)))
	return &format.Error{Path: path, Key: key, Line: 1 + bytes.Count(data[:offset], []byte("\n")),
		Msg: "is not a JSON object of finite numbers", Err: err}
}

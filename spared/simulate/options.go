package simulate

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"strings"
)

// Limits of Options. The upper ones keep a slide's picture below 120
// megapixels.
const (
	MaxGenes = 2000 // genes in the embedded list
	minGenes = 20
	minRows  = 6
	maxRows  = 128
	minCols  = 6
	maxCols  = 96
)

// Geometry of every slide. One full-resolution pixel is one micrometre.
const (
	Pitch        = 100.0 // distance of neighbouring spots, px = µm
	SpotDiameter = 55.0  // px = µm
	border       = 75.0  // from the outermost spots to the picture's edge, px
	rowPitch     = Pitch * 0.8660254037844386
)

// Options says what to simulate. Equal options give equal bytes.
type Options struct {
	Seed   uint64      `json:"seed"`   // 0 = 42
	Genes  int         `json:"genes"`  // 20 to MaxGenes; 0 = MaxGenes. Fewer genes are a thinned panel with the same mix of kinds
	Depth  float64     `json:"depth"`  // expected UMI count of the median spot over all MaxGenes genes, before dropout; 0 = 5500
	Slides []SlideSpec `json:"slides"` // nil = DefaultSlides()
}

// SlideSpec describes one slide.
type SlideSpec struct {
	Name    string `json:"name"`    // folder name: letters, digits, "_", "-" and "."
	Subject string `json:"subject"` // slides of one subject share its expression and stain differences; "" = Name
	Split   string `json:"split"`   // "train", "val", "test" or ""; only recorded
	Rows    int    `json:"rows"`    // rows of the spot array; 0 = 35
	Cols    int    `json:"cols"`    // spots in a row; 0 = 33
}

// DefaultSlides returns the three slides of the demo: two of subject A, to
// learn from and to validate on, and one of subject B to test on. Their sizes
// are such that package spared gives them these splits by itself.
func DefaultSlides() []SlideSpec {
	return []SlideSpec{
		{Name: "sim_A1", Subject: "A", Split: "train", Rows: 37},
		{Name: "sim_A2", Subject: "A", Split: "val", Rows: 36},
		{Name: "sim_B1", Subject: "B", Split: "test", Rows: 33},
	}
}

var slideName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// filled returns the options with every default in place, or what is wrong
// with them.
func (o Options) filled() (Options, error) {
	if o.Seed == 0 {
		o.Seed = 42
	}
	if o.Genes == 0 {
		o.Genes = MaxGenes
	}
	if o.Depth == 0 {
		o.Depth = 5500
	}
	if o.Genes < minGenes || o.Genes > MaxGenes {
		return o, fmt.Errorf("simulate: %d genes: want %d to %d", o.Genes, minGenes, MaxGenes)
	}
	if !(o.Depth >= 20 && o.Depth <= 200000) {
		return o, fmt.Errorf("simulate: a depth of %g UMI: want 20 to 200000", o.Depth)
	}
	if o.Slides == nil {
		o.Slides = DefaultSlides()
	}
	if len(o.Slides) == 0 {
		return o, fmt.Errorf("simulate: no slides")
	}
	slides := make([]SlideSpec, len(o.Slides))
	seen := map[string]bool{}
	for i, s := range o.Slides {
		s, err := s.filled()
		if err != nil {
			return o, err
		}
		if seen[s.Name] {
			return o, fmt.Errorf("simulate: two slides are called %q", s.Name)
		}
		seen[s.Name], slides[i] = true, s
	}
	o.Slides = slides
	return o, nil
}

func (s SlideSpec) filled() (SlideSpec, error) {
	if !slideName.MatchString(s.Name) || strings.EqualFold(s.Name, readmeFile) {
		return s, fmt.Errorf("simulate: slide name %q: want 1 to 64 letters, digits, '_', '-' or '.', a letter or digit first", s.Name)
	}
	if s.Subject == "" {
		s.Subject = s.Name
	}
	if s.Rows == 0 {
		s.Rows = 35
	}
	if s.Cols == 0 {
		s.Cols = 33
	}
	switch s.Split {
	case "", "train", "val", "test":
	default:
		return s, fmt.Errorf("simulate: slide %s: split %q: want train, val, test or none", s.Name, s.Split)
	}
	if s.Rows < minRows || s.Rows > maxRows || s.Cols < minCols || s.Cols > maxCols {
		return s, fmt.Errorf("simulate: slide %s: %d rows of %d spots: want %d to %d rows of %d to %d",
			s.Name, s.Rows, s.Cols, minRows, maxRows, minCols, maxCols)
	}
	return s, nil
}

// size returns the width and height of the slide's picture in pixels.
func (s SlideSpec) size() (w, h int) {
	return int(2*border + (float64(s.Cols)-0.5)*Pitch), int(2*border + float64(s.Rows-1)*rowPitch)
}

// source returns the random source of one purpose. Each purpose has its own,
// so that nothing depends on the order in which slides and steps run.
func source(seed uint64, purpose ...string) *rand.Rand {
	h := fnv.New64a()
	for _, p := range purpose {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

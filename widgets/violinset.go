package widgets

import "math"

// violins collects violins of one colour: outlines, and the boxes inside.
type violins struct {
	name           string
	violins, boxes mark
	log            bool // the axis is logarithmic: drawn are logarithms, tooltips hold the values
}

func newViolins(name, color string) *violins {
	return &violins{name: name,
		violins: mark{kind: polyKind, name: name, color: color, opacity: 0.6},
		boxes:   mark{kind: boxKind, name: name, color: hexInk, silent: true}}
}

// add draws the violin of values at x of an axis with room for slot, and
// returns what it is made of. On a logarithmic axis values that are not
// positive are left out. Nothing is drawn of no values.
func (g *violins) add(place string, x, slot float64, v []float64) sample {
	if g.log {
		v = only(v, positive(v))
	}
	s := describe(v)
	if s.n == 0 {
		return s
	}
	drawn := s
	if g.log {
		drawn = describe(logs(v))
	}
	g.violins.items = append(g.violins.items, violinOutline(&drawn, x, 0.46*slot))
	g.violins.tips = append(g.violins.tips, violinTip(place, g.name, &s))
	g.boxes.items = append(g.boxes.items, []float64{x, drawn.least, drawn.q1, drawn.median, drawn.q3, drawn.greatest, 0.06 * slot})
	return s
}

// span widens lo to hi by what is drawn.
func (g *violins) span(lo, hi float64) (float64, float64) {
	for _, b := range g.boxes.items {
		lo, hi = math.Min(lo, b[1]), math.Max(hi, b[5])
	}
	return lo, hi
}

// positive reports which values a logarithmic axis has a place for.
func positive(v []float64) []bool {
	out := make([]bool, len(v))
	for i := range v {
		out[i] = v[i] > 0 && finite(v[i])
	}
	return out
}

// logs returns the decimal logarithms.
func logs(v []float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = math.Log10(v[i])
	}
	return out
}

// words sums a sample up in one line.
func (s *sample) words() string {
	d := decimalsFor(s.greatest - s.least)
	return plural(s.n, "value") + ", median " + format(s.median, d) + ", quartiles " + format(s.q1, d) + " to " + format(s.q3, d)
}

const violinCaption = "Width: kernel density (Gaussian, Silverman’s bandwidth), each violin scaled to the same width. Inside: quartiles (bar), median (dot), range (line)."

// violinAxis has the places of violins; their names read upwards where they
// would not fit beside each other.
func violinAxis(names []string) scale {
	x := categories("", names)
	room := 640 / float64(len(names))
	for _, name := range names {
		x.turned = x.turned || len(names) > 1 && letter*float64(len([]rune(name))) > room
	}
	return x
}

// violinOutline mirrors the density around x.
func violinOutline(s *sample, x, half float64) []float64 {
	at, height := s.density()
	if at == nil { // no spread: a flat line
		return []float64{x - half, s.least, x + half, s.greatest, x, s.greatest}
	}
	var out []float64
	for i := range at {
		out = append(out, x+half*height[i], at[i])
	}
	for i := len(at) - 1; i >= 0; i-- {
		out = append(out, x-half*height[i], at[i])
	}
	return out
}

func violinTip(place, part string, s *sample) []string {
	d := decimalsFor(s.greatest - s.least)
	head := part
	if place != "" && place != part {
		head = isolate(place) + ", " + part
	}
	return []string{head, "values\t" + count(s.n), "median\t" + format(s.median, d),
		"quartiles\t" + format(s.q1, d) + " to " + format(s.q3, d),
		"range\t" + format(s.least, d) + " to " + format(s.greatest, d), "mean ± sd\t" + format(s.mean, d) + " ± " + format(s.sd, d)}
}

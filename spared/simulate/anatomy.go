package simulate

import (
	"math"
	"math/rand/v2"
)

// The regions of the tissue.
const (
	regionInvasive = iota
	regionInSitu
	regionStroma
	regionAdipose
	regionLymphoid
	regionLobule
	numRegions
)

// RegionNames returns the names of the regions, in the order of the numbers
// in Truth.Region.
func RegionNames() []string {
	return []string{"invasive carcinoma", "carcinoma in situ", "fibrous stroma", "adipose tissue",
		"lymphoid aggregate", "normal lobule"}
}

// A blob is a roundish outline: the distance from its centre to its rim is
// radius times a few harmonics of the angle, stretched along an axis.
type blob struct {
	x, y, radius  float64
	stretch, axis float64 // ratio of the long to the short axis, angle of the long one
	amp, phase    [4]float64
}

func newBlob(r *rand.Rand, x, y, radius, wobble float64) blob {
	b := blob{x: x, y: y, radius: radius, stretch: 1 + 0.35*r.Float64(), axis: math.Pi * r.Float64()}
	for k := range b.amp {
		b.amp[k] = wobble * (0.4 + 0.6*r.Float64()) / float64(k+1)
		b.phase[k] = 2 * math.Pi * r.Float64()
	}
	return b
}

// depth returns how far inside the rim the point lies, in px (negative
// outside), and the angle at which the centre sees it.
func (b *blob) depth(x, y float64) (d, angle float64) {
	c, s := math.Cos(b.axis), math.Sin(b.axis)
	q := math.Sqrt(b.stretch)
	p, v := (c*(x-b.x)+s*(y-b.y))/q, (c*(y-b.y)-s*(x-b.x))*q
	angle = math.Atan2(v, p)
	rim := 1.0
	for k, a := range b.amp {
		rim += a * math.Cos(float64(k+2)*angle+b.phase[k])
	}
	return b.radius*rim - math.Hypot(p, v), angle
}

// rim returns the point at that angle and depth, and the direction of the
// rim there.
func (b *blob) rim(angle, depth float64) (x, y, tangent float64) {
	at := func(a float64) (float64, float64) {
		r := 1.0
		for k, m := range b.amp {
			r += m * math.Cos(float64(k+2)*a+b.phase[k])
		}
		r = b.radius*r - depth
		q := math.Sqrt(b.stretch)
		p, v := r*math.Cos(a)*q, r*math.Sin(a)/q
		c, s := math.Cos(b.axis), math.Sin(b.axis)
		return b.x + c*p - s*v, b.y + s*p + c*v
	}
	x, y = at(angle)
	x2, y2 := at(angle + 0.02)
	return x, y, math.Atan2(y2-y, x2-x)
}

// reach is a radius that holds the whole blob.
func (b *blob) reach() float64 {
	r := 1.0
	for _, a := range b.amp {
		r += a
	}
	return b.radius * r * math.Sqrt(b.stretch)
}

// duct is a milk duct filled with carcinoma in situ.
type duct struct {
	blob
	necrosis   float64 // depth from which on its middle is dead; 0 = nowhere
	cribriform bool    // with punched-out spaces
}

// lobule is a normal terminal duct lobular unit: acini in loose stroma.
type lobule struct {
	blob
	acini []acinus
}

// acinus is a small gland: two rows of cells around a lumen.
type acinus struct {
	blob
	lumen float64 // depth from which on it is hollow
}

// vessel is a blood vessel cut across.
type vessel struct {
	blob
	wall   float64 // thickness, px
	filled float64 // share of the lumen that red cells take
}

// anatomy is the plan of one section. All lengths are pixels.
type anatomy struct {
	w, h  int
	seed  uint64 // of the experiment
	grain uint64 // of everything fine in this section

	edge   raster // depth inside the tissue's outline
	tumour raster // depth inside the invasive front
	fat    raster // positive within adipose tissue
	fields [numPrograms]raster
	depth  raster // smooth part of the capture efficiency, standard normal
	warpX  raster // displacement that makes collagen wavy
	warpY  raster
	lie    float64 // main direction of collagen, rad

	ducts     []duct
	lobules   []lobule
	follicles []blob
	vessels   []vessel
	tears     []blob
	fold      fold
}

// fold is a crease: an arc where the section lies double.
type fold struct {
	x, y, radius, width, from, to float64
	wave                          grf
}

// strength returns 0 to 1, how much of the second layer lies on the point.
func (f *fold) strength(x, y float64) float64 {
	d := math.Hypot(x-f.x, y-f.y) - f.radius
	a := math.Atan2(y-f.y, x-f.x)
	t := (a - f.from) / (f.to - f.from)
	if t < 0 || t > 1 || math.Abs(d) > 3*f.width {
		return 0
	}
	d = math.Abs(d + 0.45*f.width*f.wave.at(x, y))
	half := f.width * math.Sqrt(4*t*(1-t))
	return 1 - ramp(d, half-2, half+2)
}

// newAnatomy plans the section of that slide.
func newAnatomy(seed uint64, s SlideSpec) *anatomy {
	a := &anatomy{seed: seed}
	a.w, a.h = s.size()
	r := source(seed, "anatomy", s.Name)
	a.grain = r.Uint64()
	a.planOutline(r)
	a.planFields(r)
	a.planMass(r)
	a.planFold(r)
	a.planObjects(r)
	return a
}

// texture returns the k-th noise of the section.
func (a *anatomy) texture(k uint64) noise { return noise(a.grain + k*0x9E3779B97F4A7C15) }

// planOutline draws the tissue's outline, a rounded box with harmonics and
// noise, the tears and the fold.
func (a *anatomy) planOutline(r *rand.Rand) {
	w, h := float64(a.w), float64(a.h)
	half := min(w, h) / 2
	b := newBlob(r, w/2, h/2, 1, 0.075)
	b.stretch = 1
	wob, jag := a.newField(r, half/3), a.newField(r, half/11)
	a.edge = newRaster(a.w, a.h, func(i int, x, y float64) float64 {
		px, py := math.Abs(x-w/2)/(w/2-border*0.8), math.Abs(y-h/2)/(h/2-border*0.8)
		box := math.Pow(math.Pow(px, 3)+math.Pow(py, 3), 1.0/3)
		_, angle := b.depth(x, y)
		rim := 0.965
		for k, m := range b.amp {
			rim += m * math.Cos(float64(k+2)*angle+b.phase[k])
		}
		d := half*(rim-box) + half*float64(0.030*wob.v[i]+0.016*jag.v[i])
		return min(d, min(x, w-x, y, h-y)-32)
	})
	for range max(1, int(w*h/4.5e6)) {
		t := newBlob(r, w*(0.2+0.6*r.Float64()), h*(0.2+0.6*r.Float64()), 0.035*half*(0.7+0.6*r.Float64()), 0.22)
		t.stretch = 3 + 4*r.Float64()
		a.tears = append(a.tears, t)
	}
}

// newField draws a smooth random field over the picture.
func (a *anatomy) newField(r *rand.Rand, length float64) raster {
	return newGRF(r, length).raster(a.w, a.h)
}

func (a *anatomy) planFields(r *rand.Rand) {
	for k := range a.fields {
		a.fields[k] = a.newField(r, programs[k].scale)
	}
	a.depth = a.newField(r, 420)
	for _, warp := range []*raster{&a.warpX, &a.warpY} {
		wide, fine := a.newField(r, 270), a.newField(r, 60)
		*warp = newRaster(a.w, a.h, func(i int, _, _ float64) float64 { return float64(120*wide.v[i] + 6*fine.v[i]) })
	}
	a.lie = math.Pi * r.Float64()
}

// planMass places the invasive tumour off the centre and the adipose tissue
// on the far side.
func (a *anatomy) planMass(r *rand.Rand) {
	w, h := float64(a.w), float64(a.h)
	half := min(w, h) / 2
	dir := 2 * math.Pi * r.Float64()
	cx, cy := w/2+0.33*half*math.Cos(dir), h/2+0.33*half*math.Sin(dir)
	front, hollow := a.newField(r, 0.22*half), a.newField(r, 0.5*half)
	a.tumour = newRaster(a.w, a.h, func(i int, x, y float64) float64 {
		return 0.62*half - math.Hypot(x-cx, y-cy) + half*float64(0.10*front.v[i]+0.06*hollow.v[i])
	})
	away := dir + math.Pi + 0.7*(r.Float64()-0.5)
	ux, uy := math.Cos(away), math.Sin(away)
	lobes, islands := a.newField(r, 0.20*half), a.newField(r, 0.085*half)
	a.fat = newRaster(a.w, a.h, func(i int, x, y float64) float64 {
		side := ux*(x-w/2) + uy*(y-h/2) - 0.50*half + 0.13*half*float64(lobes.v[i])
		isle := 0.10 * half * float64(islands.v[i]-1.75)
		return min(max(side, isle), -float64(a.tumour.v[i])-0.12*half)
	})
}

// planFold lays the crease where the tissue is no fat, if a few trials find
// such a place.
func (a *anatomy) planFold(r *rand.Rand) {
	w, h := float64(a.w), float64(a.h)
	half := min(w, h) / 2
	for range 60 {
		x, y := w*(0.2+0.6*r.Float64()), h*(0.2+0.6*r.Float64())
		dir := 2 * math.Pi * (r.Float64() - 0.5)
		a.fold = fold{x: x - 0.8*half*math.Cos(dir), y: y - 0.8*half*math.Sin(dir), radius: 0.8 * half, width: 12,
			from: dir - 0.22, to: dir + 0.22, wave: newGRF(r, 45)}
		if a.fat.at(x, y) < -150 && a.edge.at(x, y) > 0.3*half && math.Abs(dir) < 2.8 {
			return
		}
	}
}

// planObjects scatters ducts, lobules, follicles and vessels where they
// belong: ducts about the front, lobules beyond it, follicles on it.
func (a *anatomy) planObjects(r *rand.Rand) {
	var taken []blob
	taken = a.scatter(r, taken, objects{9, 85, 195, 0.09, 18}, func(x, y, radius float64) bool {
		t := a.tumour.at(x, y)
		return t < radius*0.3 && t > -520 && a.fat.at(x, y) < -0.3*radius
	}, func(b blob) {
		d := duct{blob: b, cribriform: r.Float64() < 0.4}
		if !d.cribriform && b.radius > 105 {
			d.necrosis = 62 + 25*r.Float64()
		}
		a.ducts = append(a.ducts, d)
	})
	taken = a.scatter(r, taken, objects{5, 150, 270, 0.10, 20}, func(x, y, radius float64) bool {
		return a.tumour.at(x, y) < -radius*1.05 && a.fat.at(x, y) < 0.25*radius
	}, func(b blob) {
		a.lobules = append(a.lobules, lobule{blob: b, acini: newAcini(r, b)})
	})
	taken = a.scatter(r, taken, objects{8, 75, 170, 0.16, 5}, func(x, y, _ float64) bool {
		t := a.tumour.at(x, y)
		return t < 40 && t > -230 && a.fat.at(x, y) < 0
	}, func(b blob) {
		a.follicles = append(a.follicles, b)
	})
	vessels := func(b blob) {
		a.vessels = append(a.vessels, vessel{blob: b, wall: 3 + 0.22*b.radius*r.Float64(), filled: r.Float64()})
	}
	anywhere := func(x, y, _ float64) bool { return a.tumour.at(x, y) < 250 }
	taken = a.scatter(r, taken, objects{30, 9, 20, 0.07, 8}, anywhere, vessels)
	a.scatter(r, taken, objects{4, 20, 47, 0.07, 8}, anywhere, vessels)
}

// objects says how many of a kind there are and what size they have.
type objects struct {
	density     float64 // in 10 mm²
	least, most float64 // radius, px
	wobble, gap float64 // of the outline, as in newBlob; to what is there already, px
}

// scatter places objects at random where they fit and nothing else is, hands
// each to add, and returns taken with them.
func (a *anatomy) scatter(r *rand.Rand, taken []blob, o objects, fits func(x, y, radius float64) bool, add func(blob)) []blob {
	left := int(math.Ceil(o.density * float64(a.w) * float64(a.h) / 1e7))
	for trial := 0; trial < 4000 && left > 0; trial++ {
		radius := o.least + (o.most-o.least)*r.Float64()
		b := newBlob(r, float64(a.w)*r.Float64(), float64(a.h)*r.Float64(), radius, o.wobble)
		if a.edge.at(b.x, b.y) < radius*0.9 || !fits(b.x, b.y, radius) || touches(taken, b, o.gap) {
			continue
		}
		taken = append(taken, b)
		add(b)
		left--
	}
	return taken
}

func touches(taken []blob, b blob, gap float64) bool {
	for i := range taken {
		t := &taken[i]
		if math.Hypot(t.x-b.x, t.y-b.y) < 0.93*(t.radius*math.Sqrt(t.stretch)+b.radius*math.Sqrt(b.stretch))+gap {
			return true
		}
	}
	return false
}

// newAcini packs glands into a lobule.
func newAcini(r *rand.Rand, b blob) []acinus {
	var acini []acinus
	for range 900 {
		rad := 19 + 19*r.Float64()
		x, y := b.x+1.3*b.radius*(2*r.Float64()-1), b.y+1.3*b.radius*(2*r.Float64()-1)
		if d, _ := b.depth(x, y); d < rad+6 {
			continue
		}
		g := acinus{blob: newBlob(r, x, y, rad, 0.06), lumen: 15 + 3*r.Float64()}
		free := true
		for i := range acini {
			o := &acini[i]
			free = free && math.Hypot(o.x-x, o.y-y) > 1.08*(o.radius+rad)+7
		}
		if free {
			acini = append(acini, g)
		}
	}
	return acini
}

// inside says whether the point lies within the picture.
func (a *anatomy) inside(x, y float64) bool {
	return x >= 0 && y >= 0 && x < float64(a.w) && y < float64(a.h)
}

// region returns the region of a point within the tissue.
func (a *anatomy) region(x, y float64) int {
	for i := range a.ducts {
		if d, _ := a.ducts[i].depth(x, y); d > 0 {
			return regionInSitu
		}
	}
	for i := range a.lobules {
		if d, _ := a.lobules[i].depth(x, y); d > 0 {
			return regionLobule
		}
	}
	for i := range a.follicles {
		if d, _ := a.follicles[i].depth(x, y); d > 0 {
			return regionLymphoid
		}
	}
	switch {
	case a.fat.at(x, y) > 0:
		return regionAdipose
	case a.tumour.at(x, y) > 0:
		return regionInvasive
	}
	return regionStroma
}

// fibre returns coordinates along and across the collagen fibres.
func (a *anatomy) fibre(x, y float64) (along, across float64) {
	x2, y2 := x+a.warpX.at(x, y), y+a.warpY.at(x, y)
	c, s := math.Cos(a.lie), math.Sin(a.lie)
	return c*x2 + s*y2, c*y2 - s*x2
}

// fibreAngle returns the direction of the fibres at a point.
func (a *anatomy) fibreAngle(x, y float64) float64 {
	x, y = min(max(x, 4), float64(a.w)-5), min(max(y, 4), float64(a.h)-5)
	_, r := a.fibre(x+4, y)
	_, l := a.fibre(x-4, y)
	_, d := a.fibre(x, y+4)
	_, u := a.fibre(x, y-4)
	return math.Atan2(d-u, r-l) + math.Pi/2
}

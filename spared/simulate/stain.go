package simulate

import (
	"math"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// Stains are optical densities per unit of dye in red, green and blue. An
// unstained pixel lets all light through; stain c darkens channel k to
//
//	I_k = I0_k exp(-Σ_stain c_stain V_stain,k)
//
// (Beer-Lambert, as Ruifrok and Johnston 2001, Anal Quant Cytol Histol
// 23:291, take it; natural logarithms). The unit vector of haematoxylin is
// theirs. Their eosin, (0.07, 0.99, 0.11), is the pure dye; the vector here is
// of eosin as whole-slide scanners show it in tissue, estimated by the method
// of Macenko et al. 2009, ISBI 1107, which is pink rather than magenta. Red
// cells lie near eosin, with more blue taken out.
var (
	haematoxylin = [3]float64{0.6500, 0.7040, 0.2860}
	eosin        = [3]float64{0.2159, 0.8012, 0.5581}
	blood        = [3]float64{0.1700, 0.7300, 0.6600}
)

// stainLot is how one staining run differs from another.
type stainLot struct {
	v        [3][3]float64 // haematoxylin, eosin, blood
	strength [3]float64
	light    [3]float64 // what the glass lets through, 0 to 255
}

// newStainLot draws the lot of a slide: most of the difference lies between
// subjects, whose blocks were stained at different times.
func newStainLot(seed uint64, s SlideSpec) stainLot {
	var lot stainLot
	subject, own := source(seed, "stain", "subject", s.Subject), source(seed, "stain", "slide", s.Name)
	draw := func(sd float64) float64 { return sd * (subject.NormFloat64() + 0.35*own.NormFloat64()) }
	for k, v := range [][3]float64{haematoxylin, eosin, blood} {
		norm := 0.0
		for c := range v {
			v[c] *= math.Exp(draw(0.07))
			norm += v[c] * v[c]
		}
		for c := range v {
			lot.v[k][c] = v[c] / math.Sqrt(norm)
		}
		lot.strength[k] = math.Exp(draw(0.10))
	}
	lot.light = [3]float64{243 + draw(1.5), 238 + draw(1.5), 242 + draw(1.5)}
	return lot
}

// stains holds the dye of each pixel.
type stains struct{ h, e, red []float32 }

// picture renders the section at full resolution.
func (l *layout) picture(s SlideSpec) *slide.Image {
	n := l.w * l.h
	p := &stains{make([]float32, n), make([]float32, n), make([]float32, n)}
	l.stainGround(p)
	l.stainNuclei(p)
	l.foldOver(p)
	for _, plane := range [][]float32{p.h, p.e, p.red} {
		soften(plane, l.w, l.h)
	}
	return l.expose(p, s)
}

// stainGround dyes everything but nuclei.
func (l *layout) stainGround(p *stains) {
	tex := textures{fibres: l.texture(11), bundles: l.texture(12), grainy: l.texture(13)}
	clouds := l.texture(14)
	for y := range l.h {
		if l.stopped() {
			return
		}
		for x := range l.w {
			i := y*l.w + x
			if l.comp[i] == glass {
				continue
			}
			fx, fy := float64(x)+0.5, float64(y)+0.5
			h, e, red := l.dye(l.comp[i], fx, fy, tex)
			cloud := 1 + 0.13*clouds.fractal(fx/130, fy/130)
			p.h[i], p.e[i], p.red[i] = float32(max(h*cloud, 0)), float32(max(e*cloud, 0)), float32(red)
		}
	}
}

// textures are the patterns that make matter look like itself.
type textures struct{ fibres, bundles, grainy noise }

// dye returns how much of each stain a point takes up that shows c.
func (l *layout) dye(c uint8, x, y float64, tex textures) (h, e, red float64) {
	switch c {
	case collagen, cleft, vesselWall:
		h, e = l.fibrous(c, x, y, tex)
	case loose:
		f := tex.fibres.fractal(x/9, y/9)
		h, e = 0.085+0.03*f, 0.25+0.10*f
	case nest, solid, glandWall, lymphoid:
		h, e = l.cytoplasm(c, x, y, tex.grainy)
	case necrosis:
		h = 0.12 + 0.16*max(0, tex.grainy.at(x/2.3, y/2.3+40))
		e = 0.66 + 0.22*tex.grainy.fractal(x/5, y/5)
	case nestLumen, cribriform, glandLumen: // a little secretion
		h, e = 0.01, 0.03+0.10*max(0, tex.grainy.fractal(x/14, y/14)-0.15)
	case vacuole:
		e = 0.012
	case membrane:
		h, e = 0.03, 0.36+0.12*tex.grainy.at(x/6, y/6)
	case vesselLumen:
		e = 0.05
	case redCells: // plasma between them
		e, red = 0.06, 0.12
	}
	return h, e, red
}

// fibrous dyes what consists of fibres. Collagen is denser near the tumour
// and with the matrix program.
func (l *layout) fibrous(c uint8, x, y float64, tex textures) (h, e float64) {
	along, across := l.fibre(x, y)
	f := tex.fibres.at(along/46, across/3.3)
	switch c {
	case cleft:
		return 0.01, 0.07 + 0.05*f
	case vesselWall:
		return 0.10, 0.62 + 0.10*f
	}
	dense := 0.09*clampTo(l.fields[matrix].at(x, y), 2) + 0.10*ramp(l.tumour.at(x, y), -350, 50)
	return 0.045 + 0.1*dense, 0.40 + dense + 0.12*f + 0.13*tex.bundles.at(along/150, across/13)
}

// cytoplasm dyes an epithelial cell or lymphocyte around its nucleus: a
// granular body and a border half-way to the next cell.
func (l *layout) cytoplasm(c uint8, x, y float64, grainy noise) (h, e float64) {
	g := grainy.fractal(x/3.1, y/3.1)
	h, e = 0.21+0.05*g, 0.44+0.10*g
	switch c {
	case solid:
		h, e = 0.15+0.05*g, 0.46+0.10*g
	case glandWall:
		h, e = 0.13+0.04*g, 0.40+0.08*g
	case lymphoid:
		h, e = 0.20+0.06*g, 0.22+0.07*g
	}
	h += 0.03 * clampTo(l.fields[proliferation].at(x, y), 2)
	d1, d2 := l.nearest(x, y)
	if d2 > 400 {
		return h, e
	}
	gap := math.Sqrt(d2) - math.Sqrt(d1)
	line := 1 - ramp(gap, 0.5, 1.9)
	return h + 0.03*line, e + 0.13*line - 0.06*ramp(gap, 2, 6)
}

// stainNuclei dyes the nuclei, and red cells.
func (l *layout) stainNuclei(p *stains) {
	chromatin := l.texture(15)
	for k := range l.cells {
		if k%1000 == 0 && l.stopped() {
			return
		}
		c := &l.cells[k]
		switch {
		case c.kind == erythrocyte:
			l.stainDisc(p, c)
		case c.mitosis:
			m := *c
			m.a, m.b, m.dark = m.a*0.95, m.b*0.42, 1.55
			l.stainNucleus(p, &m, chromatin)
		default:
			l.stainNucleus(p, c, chromatin)
		}
	}
}

// ellipse calls f for the pixels of a cell with their distance from its
// centre (1 = rim, in direction-dependent units) and how much of the pixel
// the cell covers.
func (l *layout) ellipse(c *cell, f func(i int, x, y float64, r, cover float32)) {
	sin, cos := math.Sincos(float64(c.angle))
	reach := float64(c.a)*1.25 + 1.5
	bend := float64(c.bend)
	for y := max(0, int(float64(c.y)-reach)); y <= min(l.h-1, int(float64(c.y)+reach)); y++ {
		for x := max(0, int(float64(c.x)-reach)); x <= min(l.w-1, int(float64(c.x)+reach)); x++ {
			fx, fy := float64(x)+0.5, float64(y)+0.5
			dx, dy := fx-float64(c.x), fy-float64(c.y)
			u, v := (cos*dx+sin*dy)/float64(c.a), (cos*dy-sin*dx)/float64(c.b)
			v += 2.2 * bend * (u*u - 0.4) // a slight banana
			r := math.Sqrt(u*u+v*v) * (1 + bend*u)
			if cover := (1-r)*float64(c.b) + 0.5; cover > 0 {
				i := y*l.w + x
				if l.comp[i] != glass {
					f(i, fx, fy, float32(min(r, 1)), float32(min(cover, 1)))
				}
			}
		}
	}
}

func (l *layout) stainNucleus(p *stains, c *cell, chromatin noise) {
	coarse, rim := 0.20, float32(0.30)
	switch c.kind {
	case tumour, inSitu:
		coarse, rim = 0.40, 0.46
	case plasmaCell:
		coarse = 0.45
	case tCell, bCell:
		coarse, rim = 0.22, 0.12
	}
	if c.mitosis {
		coarse, rim = 0.1, 0
	}
	shift := float64(c.lot & 0xfff)
	// A nucleolus or two, off the centre.
	lx, ly := float64(c.x)+(float64(c.lot>>12&0xff)/255-0.5)*float64(c.a), float64(c.y)+(float64(c.lot>>20&0xff)/255-0.5)*float64(c.b)
	l.ellipse(c, func(i int, x, y float64, r, cover float32) {
		v := 1 - rim + rim*1.25*r*r*r + float32(coarse*chromatin.at(x/2.4+shift, y/2.4))
		if rim > 0.4 {
			d := (x-lx)*(x-lx) + (y-ly)*(y-ly)
			v += 0.75 * float32(math.Exp(-d/1.9))
		}
		h := 1.12 * c.dark * max(v, 0.2)
		p.h[i] += cover * (h - 0.85*p.h[i])
		p.e[i] += cover * (0.08 - 0.68*p.e[i])
	})
}

// stainDisc dyes a red cell, paler in the middle.
func (l *layout) stainDisc(p *stains, c *cell) {
	l.ellipse(c, func(i int, _, _ float64, r, cover float32) {
		p.red[i] = max(p.red[i], cover*(0.62+0.28*r*r))
	})
}

// foldOver adds what lies on top where the section is folded: the tissue a
// little further, as if mirrored.
func (l *layout) foldOver(p *stains) {
	f := &l.fold
	r := f.radius + 4*f.width
	h, e := append([]float32(nil), p.h...), append([]float32(nil), p.e...)
	for y := max(0, int(f.y-r)); y < min(l.h, int(f.y+r)); y++ {
		for x := max(0, int(f.x-r)); x < min(l.w, int(f.x+r)); x++ {
			i := y*l.w + x
			if l.comp[i] == glass {
				continue
			}
			s := f.strength(float64(x), float64(y))
			if s == 0 {
				continue
			}
			j := min(max(y+17, 0), l.h-1)*l.w + min(max(x-23, 0), l.w-1)
			p.h[i] += float32(s) * (0.05 + 0.55*h[j])
			p.e[i] += float32(s) * (0.14 + 0.5*e[j])
		}
	}
}

// soften blurs a plane by the binomial kernel 1 4 1 (sd 0.58 px) in both
// directions, in place: the microscope's optics.
func soften(v []float32, w, h int) {
	const side, mid = 1.0 / 6, 4.0 / 6
	for y := range h {
		row := v[y*w : y*w+w]
		last := row[0]
		for x := range row {
			here := row[x]
			row[x] = side*(last+row[min(x+1, w-1)]) + mid*here
			last = here
		}
	}
	above := append([]float32(nil), v[:w]...)
	for y := range h {
		row := v[y*w : y*w+w]
		below := v[min(y+1, h-1)*w:]
		for x := range row {
			here := row[x]
			row[x] = side*(above[x]+below[x]) + mid*here
			above[x] = here
		}
	}
}

// transmit tabulates exp(-od) at steps of 1/512.
var transmit = func() [4096]float32 {
	var t [4096]float32
	for i := range t {
		t[i] = float32(math.Exp(-float64(i) / 512))
	}
	return t
}()

// expose turns dye into light as the camera sees it: slightly uneven, with
// noise of about one grey level.
func (l *layout) expose(p *stains, s SlideSpec) *slide.Image {
	lot := newStainLot(l.seed, s)
	var v [3][3]float32
	for k := range v {
		for c := range v[k] {
			v[k][c] = float32(lot.v[k][c] * lot.strength[k])
		}
	}
	r := source(l.seed, "camera", s.Name)
	haze := l.newField(r, 0.4*float64(min(l.w, l.h)))
	uneven := newRaster(l.w, l.h, func(i int, x, y float64) float64 {
		dx, dy := x/float64(l.w)-0.53, y/float64(l.h)-0.48
		return 0.022*(1+0.5*float64(haze.v[i])) + 0.05*(dx*dx+dy*dy)
	})
	img := &slide.Image{Width: l.w, Height: l.h, Pix: make([]uint8, 3*l.w*l.h)}
	grain := noise(r.Uint64())
	for y := range l.h {
		if l.stopped() {
			return img
		}
		for x := range l.w {
			i := y*l.w + x
			veil := float32(uneven.at(float64(x), float64(y)))
			dice := grain.hash(x, y)
			for c := range 3 {
				od := p.h[i]*v[0][c] + p.e[i]*v[1][c] + p.red[i]*v[2][c] + veil
				light := float32(lot.light[c]) * transmit[min(int(od*512), len(transmit)-1)]
				jitter := float32(dice>>(20*c)&0x3ff+dice>>(20*c+10)&0x3ff)/1023 - 1
				img.Pix[3*i+c] = uint8(min(max(light+1.8*jitter+0.5, 0), 255))
			}
		}
	}
	return img
}

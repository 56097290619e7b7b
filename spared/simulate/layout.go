package simulate

import (
	"context"
	"math"
	"math/rand/v2"
)

// What a pixel shows.
const (
	glass uint8 = iota
	collagen
	cleft       // gap between collagen bundles
	nest        // invasive tumour cells
	nestLumen   // gland formed by them
	solid       // carcinoma in situ
	cribriform  // punched-out space in it
	necrosis    // dead centre of it
	loose       // stroma of a lobule
	glandWall   // epithelium of an acinus
	glandLumen  // hollow of an acinus
	vacuole     // fat of an adipocyte
	membrane    // its rim
	lymphoid    // lymphocytes in a follicle
	vesselWall  // of a blood vessel
	vesselLumen // its hollow, where empty
	redCells    // its hollow, where blood is
)

// layout is the section at the level of cells: what each pixel shows, and the
// cells whose nuclei lie on it.
type layout struct {
	*anatomy
	comp  []uint8 // [h][w]
	cells []cell
	head  []int32 // first cell of each bucket, -1 = none
	next  []int32 // next cell of the same bucket
	nx    int     // buckets in a row

	// ctx ends the long loops over pixels and cells early. What they leave is
	// of no use; newSection and render return ctx's error then.
	ctx context.Context
}

// stopped tells whether the work is to end.
func (l *layout) stopped() bool { return l.ctx.Err() != nil }

// cell is one cell of the section, shown by its nucleus: an ellipse.
type cell struct {
	x, y    float32
	a, b    float32 // half axes, px
	angle   float32 // of the long axis, rad
	dark    float32 // haematoxylin of the nucleus
	kind    cellType
	mitosis bool
	lot     uint32  // random bits for its texture
	bend    float32 // how far its outline is from an ellipse
}

const bucket = 12 // px

func newLayout(ctx context.Context, a *anatomy, name string) *layout {
	l := &layout{ctx: ctx, anatomy: a, comp: make([]uint8, a.w*a.h), nx: a.w/bucket + 1}
	l.head = make([]int32, l.nx*(a.h/bucket+1))
	for i := range l.head {
		l.head[i] = -1
	}
	l.fillGround()
	l.fillObjects()
	l.tear()
	r := source(a.seed, "cells", name)
	l.ringCells(r)
	l.scatterCells(r)
	return l
}

// at returns what the pixel that holds the point shows.
func (l *layout) at(x, y float64) uint8 {
	if !l.inside(x, y) {
		return glass
	}
	return l.comp[int(y)*l.w+int(x)]
}

// fillGround lays out everything that is no object: glass, collagen, nests of
// tumour cells and fat.
func (l *layout) fillGround() {
	ragged, nests, lumens, gaps := l.texture(1), l.texture(2), l.texture(3), l.texture(4)
	for y := range l.h {
		if l.stopped() {
			return
		}
		for x := range l.w {
			fx, fy := float64(x)+0.5, float64(y)+0.5
			e := l.edge.at(fx, fy)
			if e < 30 {
				e += 9*ragged.fractal(fx/38, fy/38) + 3*ragged.at(fx/7, fy/7)
			}
			if e < 0 {
				continue
			}
			l.comp[y*l.w+x] = l.ground(fx, fy, nests, lumens, gaps)
		}
	}
}

// ground returns what lies at a point of the tissue away from any object.
func (l *layout) ground(x, y float64, nests, lumens, gaps noise) uint8 {
	if l.fat.at(x, y) > -90 {
		if c := l.fatAt(x, y); c != collagen {
			return c
		}
	}
	t := l.tumour.at(x, y)
	along, across := l.fibre(x, y)
	if t > -90 {
		n := nests.fractal(along/88, across/47)
		solidity := 0.34*ramp(t, -60, 300) - 0.08 + 0.06*l.fields[proliferation].at(x, y) + min(t, 0)/150
		switch {
		case n < solidity-0.42 && lumens.at(x/26, y/26) > 0.42:
			return nestLumen
		case n < solidity:
			return nest
		case n < solidity+0.035 && lumens.at(x/9, y/9) > 0.15:
			return cleft // tumour nests shrink away from the stroma around them
		}
	}
	dense := 0.10*l.fields[matrix].at(x, y) + 0.12*ramp(t, -350, 50)
	if gaps.at(along/75, across/7.5)+0.35*gaps.at(along/30, across/3.1) > 0.62+dense {
		return cleft
	}
	return collagen
}

// fatAt returns vacuole or membrane where the point belongs to an adipocyte,
// glass where that adipocyte would lie beyond the tissue's edge, and collagen
// elsewhere. Adipocytes are the cells of a Voronoi diagram with rounded
// corners; one is there, as a whole, if its centre lies within the fat.
func (l *layout) fatAt(x, y float64) uint8 {
	n := l.adipocytes(x, y)
	rim := n[1].d-n[0].d < 3.4 || n[1].d+n[2].d-2*n[0].d < 14
	switch {
	case n[0].fat && n[0].in && !rim:
		return vacuole
	case n[0].fat && n[0].in, rim && n[1].fat && n[1].in:
		return membrane
	case n[0].fat:
		return glass
	}
	return collagen
}

// seat is a place for an adipocyte.
type seat struct {
	d       float64 // distance from the point, px
	fat, in bool    // within the adipose region, within the tissue
}

// adipocytes returns the three nearest seats, which lie on a jittered
// lattice.
func (l *layout) adipocytes(x, y float64) (n [3]seat) {
	const size = 64.0
	gx, gy := int(math.Floor(x/size)), int(math.Floor(y/size))
	for k := range n {
		n[k].d = math.Inf(1)
	}
	h := l.texture(5)
	var px, py [3]float64
	for j := gy - 1; j <= gy+1; j++ {
		for i := gx - 1; i <= gx+1; i++ {
			lot := h.hash(i, j)
			sx := size * (float64(i) + 0.5 + 0.78*(float64(lot&0xffff)/65536-0.5))
			sy := size * (float64(j) + 0.5 + 0.78*(float64(lot>>16&0xffff)/65536-0.5))
			d := math.Hypot(x-sx, y-sy) + 16*float64(lot>>32&0xff)/256
			for k := range n {
				if d < n[k].d {
					copy(n[k+1:], n[k:2])
					copy(px[k+1:], px[k:2])
					copy(py[k+1:], py[k:2])
					n[k].d, px[k], py[k] = d, sx, sy
					break
				}
			}
		}
	}
	for k := range n[:2] {
		if l.inside(px[k], py[k]) {
			n[k].fat, n[k].in = l.fat.at(px[k], py[k]) > 0, l.edge.at(px[k], py[k]) > 12
		}
	}
	return n
}

// paint calls f for every pixel of tissue inside the blob and at most `out`
// px outside it.
func (l *layout) paint(b *blob, out float64, f func(i int, x, y, depth, angle float64)) {
	reach := b.reach() + out
	for y := max(0, int(b.y-reach)); y < min(l.h, int(b.y+reach)+1); y++ {
		for x := max(0, int(b.x-reach)); x < min(l.w, int(b.x+reach)+1); x++ {
			if l.comp[y*l.w+x] == glass {
				continue
			}
			fx, fy := float64(x)+0.5, float64(y)+0.5
			if d, angle := b.depth(fx, fy); d > -out {
				f(y*l.w+x, fx, fy, d, angle)
			}
		}
	}
}

// fillObjects lays objects over the ground, later ones over earlier ones.
func (l *layout) fillObjects() {
	rough := l.texture(8)
	l.fillFollicles(rough)
	l.fillDucts(rough, l.texture(7))
	l.fillLobules(rough)
	l.fillVessels(rough)
}

func (l *layout) fillFollicles(rough noise) {
	for i := range l.follicles {
		l.paint(&l.follicles[i], 0, func(i int, x, y, d, _ float64) {
			if d+14*rough.fractal(x/24, y/24) > 10 {
				l.comp[i] = lymphoid
			}
		})
	}
}

func (l *layout) fillDucts(rough, holes noise) {
	for i := range l.ducts {
		u := &l.ducts[i]
		l.paint(&u.blob, 9, func(i int, x, y, d, _ float64) {
			switch {
			case d < 0:
				l.comp[i] = collagen // a cuff of collagen
			case u.necrosis > 0 && d+16*rough.fractal(x/30, y/30) > u.necrosis:
				l.comp[i] = necrosis
			case u.cribriform && d > 20 && holes.at(x/36, y/36) > 0.36:
				l.comp[i] = cribriform
			default:
				l.comp[i] = solid
			}
		})
	}
}

func (l *layout) fillLobules(rough noise) {
	for i := range l.lobules {
		o := &l.lobules[i]
		l.paint(&o.blob, 40, func(i int, x, y, d, _ float64) {
			d += 22 * rough.fractal(x/45, y/45)
			if c := &l.comp[i]; d > 0 {
				*c = loose
			} else if d > -20 && (*c == vacuole || *c == membrane) {
				*c = collagen // the septum between lobule and fat
			}
		})
		for k := range o.acini {
			g := &o.acini[k]
			l.paint(&g.blob, 0, func(i int, x, y, d, _ float64) {
				l.comp[i] = glandWall
				if d+3*rough.at(x/8, y/8) > g.lumen {
					l.comp[i] = glandLumen
				}
			})
		}
	}
}

func (l *layout) fillVessels(rough noise) {
	for i := range l.vessels {
		v := &l.vessels[i]
		l.paint(&v.blob, 0, func(i int, x, y, d, _ float64) {
			switch {
			case d < v.wall:
				l.comp[i] = vesselWall
			case rough.at(x/19, y/19) < 2*v.filled-1:
				l.comp[i] = redCells
			default:
				l.comp[i] = vesselLumen
			}
		})
	}
}

// tear takes away the tissue where the section is torn.
func (l *layout) tear() {
	rough := l.texture(9)
	for i := range l.tears {
		l.paint(&l.tears[i], 10, func(i int, x, y, d, _ float64) {
			if d+5*rough.fractal(x/14, y/14) > 0 {
				l.comp[i] = glass
			}
		})
	}
}

// nearest returns the squared distances from the point to the two nearest
// cells, or something large where there is none within a bucket.
func (l *layout) nearest(x, y float64) (d1, d2 float64) {
	d1, d2 = 1e9, 1e9
	bx, by := int(x)/bucket, int(y)/bucket
	for j := max(0, by-1); j <= min(by+1, len(l.head)/l.nx-1); j++ {
		for i := max(0, bx-1); i <= min(bx+1, l.nx-1); i++ {
			for c := l.head[j*l.nx+i]; c >= 0; c = l.next[c] {
				dx, dy := float64(l.cells[c].x)-x, float64(l.cells[c].y)-y
				if d := dx*dx + dy*dy; d < d1 {
					d1, d2 = d, d1
				} else if d < d2 {
					d2 = d
				}
			}
		}
	}
	return d1, d2
}

// add appends a cell.
func (l *layout) add(c cell) {
	k := int(c.y)/bucket*l.nx + int(c.x)/bucket
	l.next = append(l.next, l.head[k])
	l.head[k] = int32(len(l.cells))
	l.cells = append(l.cells, c)
}

// nucleus holds the usual shape of a cell type's nucleus: half axes in px and
// their relative spread, darkness, and its spread.
type nucleus struct{ a, b, spread, dark float64 }

var nuclei = [numCellTypes]nucleus{
	tumour:        {5.4, 4.4, 0.20, 0.92},
	inSitu:        {5.0, 4.2, 0.17, 0.86},
	luminal:       {4.5, 3.3, 0.10, 0.92},
	myoepithelial: {5.2, 1.9, 0.15, 1.00},
	desmoplastic:  {7.6, 2.5, 0.22, 0.92},
	fibroblast:    {7.4, 1.7, 0.22, 1.05},
	adipocyte:     {5.0, 1.7, 0.15, 1.00},
	tCell:         {3.2, 2.9, 0.08, 1.30},
	bCell:         {3.4, 3.1, 0.09, 1.20},
	plasmaCell:    {3.6, 3.0, 0.08, 1.15},
	macrophage:    {4.8, 3.4, 0.18, 0.80},
	endothelial:   {6.4, 1.6, 0.18, 1.05},
	pericyte:      {5.6, 1.8, 0.15, 1.00},
	erythrocyte:   {3.3, 3.1, 0.06, 0},
}

// newCell draws a cell of a type. Size scales its nucleus.
func newCell(r *rand.Rand, kind cellType, x, y, angle, size float64) cell {
	n := &nuclei[kind]
	vary := func() float64 { return math.Exp(n.spread * r.NormFloat64()) }
	return cell{
		x: float32(x), y: float32(y), kind: kind, lot: r.Uint32(), angle: float32(angle + 0.18*r.NormFloat64()),
		a: float32(n.a * size * vary()), b: float32(n.b * size * vary()),
		dark: float32(n.dark * math.Exp(0.13*r.NormFloat64())), bend: float32(0.09 * r.NormFloat64()),
	}
}

// ringCells places the cells that line something: myoepithelium around ducts
// and acini, luminal epithelium, vessel walls.
func (l *layout) ringCells(r *rand.Rand) {
	for i := range l.ducts {
		l.ring(r, &l.ducts[i].blob, 3.5, 17, myoepithelial, false, solid)
	}
	for i := range l.lobules {
		for k := range l.lobules[i].acini {
			g := &l.lobules[i].acini[k]
			l.ring(r, &g.blob, 2.5, 13, myoepithelial, false, glandWall)
			l.ring(r, &g.blob, 9.2, 7.6, luminal, true, glandWall)
		}
	}
	for i := range l.vessels {
		v := &l.vessels[i]
		l.ring(r, &v.blob, v.wall-1, 15, endothelial, false, vesselWall)
		if v.wall > 6 {
			l.ring(r, &v.blob, v.wall*0.45, 13, pericyte, false, vesselWall)
		}
	}
}

// ring places cells about step px apart along the rim of a blob, depth px
// inside it, with the long axis along the rim, or across it for a columnar
// epithelium.
func (l *layout) ring(r *rand.Rand, b *blob, depth, step float64, kind cellType, columnar bool, on uint8) {
	n := int(2 * math.Pi * max(b.radius-depth, 1) / step)
	turn := r.Float64()
	for k := range n {
		angle := 2 * math.Pi * (float64(k) + turn + 0.3*(r.Float64()-0.5)) / float64(n)
		x, y, along := b.rim(angle, depth+0.8*r.NormFloat64())
		if columnar {
			along += math.Pi / 2
		}
		c := newCell(r, kind, x, y, along, 1)
		if l.at(x, y) == on {
			l.add(c)
		}
	}
}

// scatterCells fills the rest by random sequential adsorption: points in
// random order, each kept unless another cell is too near.
func (l *layout) scatterCells(r *rand.Rand) {
	const grid = 5
	cols, rows := l.w/grid, l.h/grid
	for k, p := range r.Perm(cols * rows) {
		if k%cols == 0 && l.stopped() {
			return
		}
		x := (float64(p%cols) + r.Float64()) * grid
		y := (float64(p/cols) + r.Float64()) * grid
		c := l.at(x, y)
		lot := r.Float64()
		if (c == collagen || c == cleft) && l.nearEpithelium(x, y) {
			continue
		}
		gap, keep := l.crowding(c, x, y)
		if lot > keep {
			continue
		}
		if d, _ := l.nearest(x, y); d < gap*gap {
			continue
		}
		kind := l.kindAt(r, c, x, y)
		l.add(l.shape(r, kind, c, x, y))
	}
}

// nearEpithelium says whether tumour cells lie within reach of a spindle cell
// at that point, so that none is squeezed into a slit between them.
func (l *layout) nearEpithelium(x, y float64) bool {
	for _, d := range [4][2]float64{{4, 0}, {-4, 0}, {0, 4}, {0, -4}} {
		if c := l.at(x+d[0], y+d[1]); c == nest || c == solid {
			return true
		}
	}
	return false
}

// crowding returns how far apart cells lie where the pixel shows c, and the
// chance that a trial point there is used.
func (l *layout) crowding(c uint8, x, y float64) (gap, keep float64) {
	switch c {
	case nest:
		return 10.9 - 1.25*clampTo(l.fields[proliferation].at(x, y), 1.8), 1
	case solid:
		return 9.9 - 0.9*clampTo(l.fields[proliferation].at(x, y), 1.8), 1
	case lymphoid:
		return 5.7 + 3.5*math.Exp(-l.follicleDepth(x, y)/14), 1
	case glandWall:
		return 8, 0.25
	case loose:
		return 9, 0.085
	case membrane:
		return 16, 0.035
	case necrosis:
		return 11, 0.045
	case redCells:
		return 6.2, 1
	case collagen:
		return 8.5, 0.036 + 0.05*l.reactive(x, y) + 0.25*l.inflamed(x, y)
	case cleft:
		return 8.5, 0.01
	case vesselWall:
		return 9, 0.03
	}
	return 0, -1
}

// reactive returns 0 to 1: how much the stroma answers to the tumour.
func (l *layout) reactive(x, y float64) float64 {
	return ramp(l.tumour.at(x, y), -420, 0) * clamp01(0.65+0.25*l.fields[matrix].at(x, y))
}

// inflamed returns 0 to 1: how many lymphocytes wander in the stroma.
func (l *layout) inflamed(x, y float64) float64 {
	near := 0.0
	for i := range l.follicles {
		f := &l.follicles[i]
		if math.Abs(x-f.x)+math.Abs(y-f.y) > 2*f.reach()+200 {
			continue
		}
		d, _ := f.depth(x, y)
		near = max(near, math.Exp(min(d, 0)/55))
	}
	return clamp01(0.8*near + 0.22*ramp(l.fields[interferon].at(x, y), 0, 2)*ramp(l.tumour.at(x, y), -300, 0))
}

// kindAt draws the type of a cell where the pixel shows c.
func (l *layout) kindAt(r *rand.Rand, c uint8, x, y float64) cellType {
	switch c {
	case nest:
		til := 0.02 + 0.06*ramp(l.fields[interferon].at(x, y), 0, 2)
		return pick(r, share{tCell, til}, share{macrophage, 0.015}, share{tumour, 1})
	case solid:
		return pick(r, share{tCell, 0.01}, share{inSitu, 1})
	case necrosis:
		return pick(r, share{inSitu, 0.6}, share{macrophage, 1})
	case glandWall:
		return pick(r, share{luminal, 0.85}, share{tCell, 1})
	case redCells:
		return erythrocyte
	case membrane:
		return pick(r, share{macrophage, 0.08}, share{endothelial, 0.15}, share{adipocyte, 1})
	case vesselWall:
		return pericyte
	case lymphoid:
		return l.lymphocyte(r, x, y)
	case loose:
		return pick(r, share{fibroblast, 0.55}, share{plasmaCell, 0.20}, share{tCell, 0.12}, share{macrophage, 0.06}, share{endothelial, 1})
	}
	in := l.inflamed(x, y)
	if r.Float64() < 0.25*in/(0.036+0.05*l.reactive(x, y)+0.25*in) {
		return pick(r, share{tCell, 0.5}, share{plasmaCell, 0.25}, share{bCell, 0.12}, share{macrophage, 1})
	}
	if r.Float64() < l.reactive(x, y) {
		return pick(r, share{desmoplastic, 0.74}, share{macrophage, 0.10}, share{endothelial, 0.08}, share{pericyte, 0.04}, share{tCell, 1})
	}
	return pick(r, share{fibroblast, 0.82}, share{endothelial, 0.08}, share{pericyte, 0.03}, share{macrophage, 0.04}, share{tCell, 1})
}

// lymphocyte draws from a follicle: B cells in the middle, T cells around
// them, plasma cells at the rim.
func (l *layout) lymphocyte(r *rand.Rand, x, y float64) cellType {
	b := ramp(l.follicleDepth(x, y), 12, 55)
	return pick(r, share{bCell, 0.10 + 0.78*b}, share{plasmaCell, 0.16 * (1 - b)}, share{macrophage, 0.05}, share{tCell, 1})
}

// follicleDepth returns how deep in a lymphoid follicle the point lies, in
// px; 0 outside.
func (l *layout) follicleDepth(x, y float64) float64 {
	deepest := 0.0
	for i := range l.follicles {
		f := &l.follicles[i]
		if math.Abs(x-f.x)+math.Abs(y-f.y) < 2*f.reach() {
			d, _ := f.depth(x, y)
			deepest = max(deepest, d)
		}
	}
	return deepest
}

// share is a part of a draw; the last of a list takes what is left.
type share struct {
	kind cellType
	part float64
}

func pick(r *rand.Rand, of ...share) cellType {
	u := r.Float64()
	for _, s := range of {
		if u -= s.part; u < 0 {
			return s.kind
		}
	}
	return of[len(of)-1].kind
}

// shape draws a scattered cell's nucleus.
func (l *layout) shape(r *rand.Rand, kind cellType, c uint8, x, y float64) cell {
	angle, size := math.Pi*r.Float64(), 1.0
	switch kind {
	case tumour, inSitu:
		size = 1 + 0.07*clampTo(l.fields[proliferation].at(x, y), 1.8)
	case desmoplastic, fibroblast, endothelial, pericyte, myoepithelial:
		angle = l.fibreAngle(x, y)
	}
	if c == lymphoid && kind == bCell {
		size = 1 + 0.28*ramp(l.follicleDepth(x, y), 40, 75) // a germinal centre
	}
	if c == membrane {
		angle = l.membraneAngle(x, y)
	}
	n := newCell(r, kind, x, y, angle, size)
	if kind == tumour || kind == inSitu {
		n.mitosis = r.Float64() < 0.004*math.Exp(l.fields[proliferation].at(x, y))
	}
	if kind == bCell {
		n.dark /= float32(size * size)
	}
	if c == necrosis { // shrunken, pyknotic
		n.a, n.b, n.dark = n.a*0.45, n.b*0.5, n.dark*1.3
	}
	return n
}

// membraneAngle returns the direction of the adipocyte membrane at a point.
func (l *layout) membraneAngle(x, y float64) float64 {
	slope := func(x, y float64) float64 { n := l.adipocytes(x, y); return n[1].d - n[0].d }
	return math.Atan2(slope(x, y+2)-slope(x, y-2), slope(x+2, y)-slope(x-2, y)) + math.Pi/2
}

func clampTo(v, limit float64) float64 { return min(max(v, -limit), limit) }

package simulate

import (
	"math"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"
)

// numModules is the number of programs without a name or a look: they make
// housekeeping genes vary together.
const numModules = 12

// model holds what genes do in any slide. Rows are genes of the panel.
type model struct {
	level [][numCellTypes]float64             // in a cell type, housekeeping = 1
	load  [][numPrograms + numModules]float64 // on programs, then modules
	mean  []float64                           // ln of the mean level over cell types
	shape []float64                           // of the negative binomial, 1/dispersion
}

// newModel draws the model. It draws all genes of the embedded list, so that
// a gene is the same in every panel.
func newModel(seed uint64, genes []int) *model {
	r := source(seed, "genes")
	marks, moves := markerLevels(), programLoads()
	all := make([]struct {
		level [numCellTypes]float64
		load  [numPrograms + numModules]float64
		shape float64
	}, MaxGenes)
	for k, g := range allGenes() {
		d := &all[k]
		d.level = drawLevels(r, g, marks[g.symbol], moves[g.symbol])
		d.load = drawLoads(r, g, moves[g.symbol])
		d.shape = min(max(7*math.Exp(0.6*r.NormFloat64()), 1.2), 25)
	}
	m := &model{}
	for _, k := range genes {
		sum := 0.0
		for _, v := range all[k].level {
			sum += v
		}
		m.level = append(m.level, all[k].level)
		m.load = append(m.load, all[k].load)
		m.shape = append(m.shape, all[k].shape)
		m.mean = append(m.mean, math.Log(sum/float64(numCellTypes)))
	}
	return m
}

// markerLevels returns the level of each marker in the cell types that it
// marks (0 = not marked): it falls from the first of a list to a thirtieth at
// its end.
func markerLevels() map[string][numCellTypes]float64 {
	levels := map[string][numCellTypes]float64{}
	for t, p := range profiles {
		symbols := strings.Fields(p.markers)
		for rank, s := range symbols {
			l := levels[s]
			l[t] = p.top * math.Exp(-3.4*float64(rank)/float64(len(symbols)))
			levels[s] = l
		}
	}
	return levels
}

// programLoads returns the load of each gene on the named programs: it falls
// to half from the first of a list to its end.
func programLoads() map[string][numPrograms]float64 {
	loads := map[string][numPrograms]float64{}
	for k, p := range programs {
		symbols := strings.Fields(p.genes)
		for rank, s := range symbols {
			l := loads[s]
			l[k] = p.load * (1 - 0.5*float64(rank)/float64(len(symbols)))
			loads[s] = l
		}
	}
	return loads
}

// drawLevels draws a gene's level in every cell type. A marker leaks: other
// types have about a fiftieth of its top level, by spill-over or for real.
func drawLevels(r *rand.Rand, g gene, marked [numCellTypes]float64, named [numPrograms]float64) (level [numCellTypes]float64) {
	k := kinds[g.kind]
	top := 0.0
	for _, v := range marked {
		top = max(top, v)
	}
	base := math.Exp(k.level + programLevel(named) + k.spread*r.NormFloat64())
	if g.kind == "marker" && top > 0 {
		base = top * 0.02 * math.Exp(0.7*min(r.NormFloat64(), 2))
	}
	if usual, ok := abundant[g.symbol]; ok {
		base = usual * math.Exp(0.2*r.NormFloat64())
	}
	vary := math.Exp(0.35 * r.NormFloat64())
	for t := range level {
		level[t] = max(base*math.Exp(k.tuning*r.NormFloat64()), marked[t]*vary)
	}
	return level
}

// programLevel returns the usual ln level of the genes of the program that
// moves the gene most; 0 where none does.
func programLevel(load [numPrograms]float64) float64 {
	level, most := 0.0, 0.0
	for k, v := range load {
		if v > most {
			level, most = programs[k].level, v
		}
	}
	return level
}

// drawLoads draws a gene's loads on the modules and adds the named ones.
func drawLoads(r *rand.Rand, g gene, named [numPrograms]float64) (load [numPrograms + numModules]float64) {
	copy(load[:], named[:])
	module := load[numPrograms:]
	for range 2 { // two of them, at random
		module[r.IntN(numModules)] += kinds[g.kind].module * r.NormFloat64()
	}
	switch g.kind {
	case "ribosomal":
		module[0] += 0.26
	case "mitochondrial", "respiration":
		module[1] += 0.30
	}
	return load
}

// batch is how a slide differs from others for technical reasons:
// ln rate' = mean + scale (ln rate - mean) + shift, per gene.
type batch struct{ shift, scale []float64 }

// newBatch draws the batch of a slide: one part shared by its subject, and a
// smaller one of its own.
func newBatch(seed uint64, s SlideSpec, genes []int) batch {
	subject, own := source(seed, "batch", "subject", s.Subject), source(seed, "batch", "slide", s.Name)
	shift, scale := make([]float64, MaxGenes), make([]float64, MaxGenes)
	for k := range shift {
		shift[k] = 0.36*subject.NormFloat64() + 0.12*own.NormFloat64()
		scale[k] = min(max(1+0.10*subject.NormFloat64()+0.04*own.NormFloat64(), 0.6), 1.4)
	}
	var b batch
	for _, k := range genes {
		b.shift, b.scale = append(b.shift, shift[k]), append(b.scale, scale[k])
	}
	return b
}

// tissue is what the spots of a slide lie on.
type tissue struct {
	region   []int
	share    [][numCellTypes]float64 // of a spot's messenger RNA, sums to 1
	rna      []float64               // amount of messenger RNA, in fibroblasts
	activity [][numPrograms + numModules]float64
}

// survey looks at what lies under each spot and around it.
func (l *layout) survey(spots []place, name string) *tissue {
	var modules [numModules]grf
	r := source(l.seed, "modules", name)
	for k := range modules {
		modules[k] = newGRF(r, 200+300*float64(k)/numModules)
	}
	t := &tissue{}
	for _, p := range spots {
		n, dead := l.cellsAround(p.x, p.y)
		rna := 0.0
		for k := range n {
			n[k] *= profiles[k].rna
			rna += n[k]
		}
		for k := range n {
			n[k] /= rna
		}
		var act [numPrograms + numModules]float64
		for k := range l.fields {
			act[k] = l.fields[k].at(p.x, p.y)
		}
		act[hypoxia] += 2.5 * dead
		for k := range modules {
			act[numPrograms+k] = modules[k].at(p.x, p.y)
		}
		t.region = append(t.region, l.regionOf(p.x, p.y))
		t.share, t.rna, t.activity = append(t.share, n), append(t.rna, rna), append(t.activity, act)
	}
	return t
}

// cellsAround counts the cells of each type whose RNA a spot catches: all
// within its disc and, by lateral diffusion, fewer and fewer beyond. Fat and
// collagen count by area, as their cells have RNA where no nucleus is cut.
// Dead is the share of the disc that is necrotic.
func (l *layout) cellsAround(x, y float64) (n [numCellTypes]float64, dead float64) {
	const radius, reach, blur = SpotDiameter / 2, 90.0, 22.0
	for j := max(0, int(y-reach)/bucket); j <= min(int(y+reach)/bucket, len(l.head)/l.nx-1); j++ {
		for i := max(0, int(x-reach)/bucket); i <= min(int(x+reach)/bucket, l.nx-1); i++ {
			for c := l.head[j*l.nx+i]; c >= 0; c = l.next[c] {
				e := &l.cells[c]
				over := max(math.Hypot(float64(e.x)-x, float64(e.y)-y)-radius, 0)
				if over < reach-radius {
					n[e.kind] += math.Exp(-over * over / (2 * blur * blur))
				}
			}
		}
	}
	for _, d := range disc() {
		switch l.at(x+d[0], y+d[1]) {
		case vacuole, membrane:
			n[adipocyte] += 2.0 / discPoints
		case collagen, loose:
			n[fibroblast] += 0.6 / discPoints
		case necrosis:
			n[inSitu] += 1.5 / discPoints
			dead += 1.0 / discPoints
		}
	}
	n[fibroblast] += 0.05
	return n, dead
}

// discPoints is the number of points that stand for the disc of a spot.
const discPoints = 37

// disc returns them, evenly spread (a sunflower).
func disc() (p [discPoints][2]float64) {
	golden := math.Pi * (3 - math.Sqrt(5))
	for k := range p {
		r := SpotDiameter / 2 * math.Sqrt((float64(k)+0.5)/discPoints)
		p[k] = [2]float64{r * math.Cos(golden*float64(k)), r * math.Sin(golden*float64(k))}
	}
	return p
}

// regionOf returns the region that takes most of the spot's disc; of equal
// ones the first.
func (l *layout) regionOf(x, y float64) int {
	var votes [numRegions]int
	for _, d := range disc() {
		if l.inside(x+d[0], y+d[1]) {
			votes[l.region(x+d[0], y+d[1])]++
		}
	}
	best := 0
	for k, v := range votes {
		if v > votes[best] {
			best = k
		}
	}
	return best
}

// rates returns the expected share of each gene in the transcripts of each
// spot, [spots][genes], without and with the slide's batch effect. Rows sum
// to 1.
func (m *model) rates(t *tissue, b batch) (plain, batched blas32.General) {
	spots, genes := len(t.rna), len(m.level)
	plain = blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	batched = blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	p, q := make([]float64, genes), make([]float64, genes)
	for i := range spots {
		sumP, sumQ := 0.0, 0.0
		for g := range genes {
			mix, eta := 0.0, 0.0
			for k, s := range t.share[i] {
				mix += s * m.level[g][k]
			}
			for k, v := range t.activity[i] {
				eta += m.load[g][k] * v
			}
			eta += math.Log(mix)
			p[g] = math.Exp(eta)
			q[g] = math.Exp(m.mean[g] + b.scale[g]*(eta-m.mean[g]) + b.shift[g])
			sumP += p[g]
			sumQ += q[g]
		}
		for g := range genes {
			plain.Data[i*genes+g] = float32(p[g] / sumP)
			batched.Data[i*genes+g] = float32(q[g] / sumQ)
		}
	}
	return plain, batched
}

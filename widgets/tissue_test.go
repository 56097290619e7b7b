package widgets

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// tissue makes a data set of one or more slides on a Visium grid, about 900
// spots each in the shape of a section, with a picture drawn so that an
// error of place shows: each spot lies in a pale halo of its own.
func tissue(slides, genes int) *spared.Dataset {
	rng := rand.New(rand.NewPCG(7, 7))
	ds := &spared.Dataset{Layers: map[string]blas32.General{}, TrainMean: map[string][]float64{}}
	for s := range slides {
		addSlide(ds, s, rng)
	}
	n := len(ds.Spots)
	for j := range genes {
		ds.Genes = append(ds.Genes, spared.Gene{ID: fmt.Sprintf("ENSMUSG%011d", 31972+j), Symbol: fmt.Sprintf("Gene%d", j+1),
			Length: 1500, Moran: 0.9 - 0.9*float64(j)/float64(genes)})
	}
	ds.Mask = make([]bool, n*genes)
	raw, full := make([]float32, n*genes), make([]float32, n*genes)
	for i := range ds.Spots {
		sp := &ds.Spots[i]
		for j := range genes {
			v := level(sp.X, sp.Y, j) + 0.35*rng.NormFloat64()
			full[i*genes+j] = float32(math.Max(0, v))
			if rng.Float64() > 1/(1+math.Exp(v-3)) {
				ds.Mask[i*genes+j] = true
				raw[i*genes+j] = float32(math.Max(0.5, v+0.3*rng.NormFloat64()))
				sp.TotalCounts += 40 * v
				sp.GenesDetected++
			}
		}
	}
	ds.Layers[spared.LayerLog] = blas32.General{Rows: n, Cols: genes, Stride: genes, Data: raw}
	ds.Layers[spared.LayerCTLog] = blas32.General{Rows: n, Cols: genes, Stride: genes, Data: full}
	return ds
}

const (
	tissuePitch = 140.0 // full-resolution pixels
	hiresFactor = 0.2
)

// inTissue is a section with a notch.
func inTissue(x, y float64) bool {
	dx, dy := (x-2600)/1950, (y-2300)/1750
	notch := math.Hypot(x-3900, y-1500) < 620
	return dx*dx+dy*dy < 1+0.12*math.Sin(3*math.Atan2(dy, dx)) && !notch
}

// level is the true pattern of gene j: bands, a spot or a gradient.
func level(x, y float64, j int) float64 {
	u, v := x/4800, y/4400
	switch j % 4 {
	case 0:
		return 4.5 + 3*math.Sin(5*u+2*v+float64(j))
	case 1:
		return 2 + 6*math.Exp(-((u-0.4)*(u-0.4)+(v-0.6)*(v-0.6))/0.04)
	case 2:
		return 1 + 6*v
	}
	return 3 + 2.5*math.Sin(9*math.Hypot(u-0.5, v-0.5)+float64(j))
}

func addSlide(ds *spared.Dataset, s int, rng *rand.Rand) {
	name := fmt.Sprintf("section_%d", s+1)
	img := &spared.Image{Width: 1060, Height: 960}
	img.Pix = make([]uint8, 3*img.Width*img.Height)
	for r := range 40 {
		for c := r % 2; c < 80; c += 2 {
			x, y := 300+float64(c)*tissuePitch/2, 300+float64(r)*tissuePitch*math.Sqrt(3)/2
			if !inTissue(x, y) {
				continue
			}
			bc := fmt.Sprintf("%s-1", barcode(rng))
			ds.Spots = append(ds.Spots, spared.Spot{ID: name + "_" + bc, Barcode: bc, Slide: s, ArrayRow: r, ArrayCol: c, X: x, Y: y,
				Split: []spared.Split{spared.Train, spared.Val, spared.Test}[s%3]})
		}
	}
	stain(img, rng)
	ds.Sections = append(ds.Sections, spared.Section{Name: name, Batch: name, Hires: img,
		Scale: spared.ScaleFactors{SpotDiameter: 0.55 * tissuePitch, Hires: hiresFactor}})
}

func barcode(rng *rand.Rand) string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = "ACGT"[rng.IntN(4)]
	}
	return string(b)
}

// stain paints a picture that looks a little like H&E: pink tissue, purple
// nuclei, a white halo around each spot's centre.
func stain(img *spared.Image, rng *rand.Rand) {
	for py := range img.Height {
		for px := range img.Width {
			x, y := float64(px)/hiresFactor, float64(py)/hiresFactor
			c := [3]float64{243, 240, 242}
			if inTissue(x, y) {
				t := 0.5 + 0.5*math.Sin(x/170+2*math.Sin(y/230))
				c = [3]float64{228 - 25*t, 158 - 30*t, 190 - 12*t}
				if math.Sin(x/31)*math.Sin(y/27+x/90) > 0.82 {
					c = [3]float64{112, 70, 140}
				}
			}
			for k := range 3 {
				img.Pix[3*(py*img.Width+px)+k] = uint8(math.Max(0, math.Min(255, c[k]+5*rng.NormFloat64())))
			}
		}
	}
}

// hostile names, from every place that a file can put one.
var hostile = []string{
	`</script><script>window.__pwned=1</script>`,
	`__f__(window.__pwned=2)__f__`,
	`"'` + "`",
	`<img src=x onerror="window.__pwned=3">`,
	"\u202Edesrever\u202C \u2069\u2067Rtl",
	"שלום gene",
	"😀 emoji",
	"very long name " + fmt.Sprint(make([]int, 120)),
	"line\u2028separator\u2029and\nbreak",
	"{b}: {c} ${window.__pwned=4}",
	"\xff\xfe not utf-8",
	"__proto__",
	"constructor",
}

// poison puts hostile names into every name of a data set.
func poison(ds *spared.Dataset) {
	for j := range ds.Genes {
		h := hostile[j%len(hostile)]
		ds.Genes[j].Symbol, ds.Genes[j].ID = h, fmt.Sprint(h, j)
	}
	for i := range ds.Spots {
		ds.Spots[i].Barcode = hostile[i%len(hostile)]
	}
	for k := range ds.Sections {
		ds.Sections[k].Name = hostile[4*k%len(hostile)]
	}
	for k, h := range hostile {
		ds.Layers[h] = ds.Layers[[]string{spared.LayerLog, spared.LayerCTLog}[k%2]]
	}
}

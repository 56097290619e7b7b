package patch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"iter"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/picture"
)

// pattern is a picture that no flip or shift leaves as it is.
func pattern(w, h int) []uint8 {
	pix := make([]uint8, 0, 3*w*h)
	for y := range h {
		for x := range w {
			for c := range 3 {
				pix = append(pix, uint8(x*7+y*13+c*29+(x*y)%31))
			}
		}
	}
	return pix
}

// memory is a picture in memory that comes in bands of some rows.
type memory struct {
	w, h, band int
	pix        []uint8
	fail       int // row at which reading fails; 0 = never
	decoded    int // rows read so far
}

func newMemory(w, h, band int) *memory { return &memory{w: w, h: h, band: band, pix: pattern(w, h)} }

func (m *memory) Width() int  { return m.w }
func (m *memory) Height() int { return m.h }

func (m *memory) Region(_ context.Context, x, y, w, h int, b picture.Border) ([]uint8, error) {
	var out []uint8
	for i := y; i < y+h; i++ {
		for k := x; k < x+w; k++ {
			sx, sy := k, i
			if b == picture.Mirror {
				sx, sy = b.At(k, m.w), b.At(i, m.h)
			}
			if !image.Pt(sx, sy).In(image.Rect(0, 0, m.w, m.h)) {
				out = append(out, 255, 255, 255)
				continue
			}
			out = append(out, m.pix[3*(sy*m.w+sx):3*(sy*m.w+sx)+3]...)
		}
	}
	return out, nil
}

var errDecode = errors.New("damaged")

func (m *memory) Rows(ctx context.Context, r image.Rectangle) iter.Seq2[picture.Band, error] {
	return func(yield func(picture.Band, error) bool) {
		r := r.Intersect(image.Rect(0, 0, m.w, m.h))
		for y := r.Min.Y; y < r.Max.Y; y += m.band {
			n := min(m.band, r.Max.Y-y)
			m.decoded += n
			if m.fail > 0 && y+n > m.fail {
				yield(picture.Band{}, errDecode)
				return
			}
			pix, _ := m.Region(ctx, r.Min.X, y, r.Dx(), n, picture.White)
			if !yield(picture.Band{Y: y, Rows: n, Pix: pix}, nil) {
				return
			}
			white(pix) // the band does not hold any longer
		}
	}
}

// TestResize: digests and literals of cv2.resize(img, (to, to)) of OpenCV
// 4.10.0 and 5.0.0, which agree, on pattern(from, from).
func TestResize(t *testing.T) {
	for _, c := range []struct {
		from, to int
		sha256   string
	}{
		{90, 224, "71d9741c96b11ba52e0c855dab70b378c066c7ec70cc87d5152b442e6181a05f"},
		{178, 224, "46c54a6c4fd380b8be3614bee4cb637bfc5ea568ccc8551566bcdd34bf7d821f"},
		{224, 224, "1eeb915e8054523fb458ca5b1d9f9ba19cb71f939f155c6bbf41d238ea212810"},
		{300, 224, "b72b50f82daec085b409db85d5911cb709af738d23e3ec61c38772c604f6b17e"},
		{448, 224, "050a8988b2f486606b8d734c333cd938a8688504e064fd5cbdb7b874c64250b0"},
		{500, 224, "165b521b2c8e4bee01eef556a6440816352ab62f1142b2fdf60d284f86d71f3f"},
		{224, 256, "39ead4c5908d5a92a86e35f84170de95dab767fbed92c7ba3edd7a21b4b8f231"},
		{1, 224, "c87142bd69f6d6985334a4a67d2f473d93beea17f4c19db3fdcc233196d605d7"},
		{113, 112, "9d1bb8bb40191f02fcbbeb0ee1afdb7989217e0e2db3df73f4f5e9076423fc38"},
	} {
		got, err := Resize(pattern(c.from, c.from), c.from, c.from, c.to, c.to)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != c.sha256 {
			t.Errorf("%d to %d pixels differs from OpenCV", c.from, c.to)
		}
	}
	want := []uint8{3, 31, 61, 11, 40, 69, 20, 49, 78, 29, 58, 87, 19, 48, 77, 29, 58, 87, 40, 69, 98, 50, 79, 108, 35, 64, 93, 47, 76, 105, 59, 88, 117,
		71, 100, 129, 52, 81, 110, 65, 94, 123, 79, 108, 137, 92, 121, 150}
	if got, err := Resize(pattern(5, 5), 5, 5, 4, 4); err != nil || !bytes.Equal(got, want) {
		t.Errorf("5 to 4 pixels: %v, %v, want %v", got, err, want)
	}
	if _, err := Resize(make([]uint8, 5), 2, 2, 4, 4); err == nil {
		t.Error("5 bytes are taken for 2 x 2 pixels")
	}
}

// TestUpstream: digests of SpaRED's VisiumReader.get_patches as a formula
// (numpy.pad "symmetric", slice, cv2.resize), on pattern(100, 70).
func TestUpstream(t *testing.T) {
	x, y := []float64{12, 40, 88, 50, 10}, []float64{13, 30, 57, 11, 60}
	for _, c := range []struct {
		reason          string
		diameter, scale float64
		size            int
		sha256          string
	}{
		{"wider than the spot, padded", 20, 1.5, 24, "0a0ca357f86696932842996de2154f00304b9be84b6f0c027eaf64685946e85b"},
		{"twice as wide, to an odd size", 20, 2, 17, "526044d0957516c40e44c7f7779a22cdb9fc4317be9b6bdc829863769692302b"},
		{"one to one", 20, 1, 20, "a2b78fc877752ac7caa7c316002cf96eaa393612520527167ff48272700eca29"},
		{"half a spot, an odd window made even", 30.2, 0.5, 32, "c2a3c47371ef0629b9ce931b5fd4205eeb1a447de9e489a5780d5541f0f4813f"},
		{"half as large", 20, 1, 10, "7b30f5f8b36148382611008f9daa8b21dea1a25eae8f7894e892a633f3a0532d"},
	} {
		r, err := NewReader(newMemory(100, 70, 16), x, y, c.diameter, Options{Size: c.size, Scale: c.scale})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Batch(context.Background(), []int{0, 1, 2, 3, 4})
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != c.sha256 {
			t.Errorf("%s: differs", c.reason)
		}
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		reason          string
		diameter, scale float64
		want            int // 0 = an error
	}{
		{"cut to a whole number", 178.98, 1, 178},
		{"odd, one more", 177.2, 1, 178},
		{"the diameter is cut first", 89.9, 1.5, 134}, // int(89*1.5) = 133
		{"as Visium HD, small bins", 2.4, 1, 2},
		{"one pixel", 1.9, 1, 2},
		{"nothing left", 0.9, 1, 0},
		{"no diameter", 0, 1, 0},
		{"no number", math.NaN(), 1, 0},
		{"without bound", math.Inf(1), 1, 0},
		{"too large to hold", 1e6, 1, 0},
	} {
		got, err := Window(c.diameter, c.scale)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d, %v, want %d", c.reason, got, err, c.want)
		}
	}
}

// collect returns the patches of All by spot, and the order in which they came.
func collect(tb testing.TB, r *Reader) (pix [][]uint8, order []int) {
	tb.Helper()
	pix = make([][]uint8, r.N())
	for p, err := range r.All(context.Background()) {
		if err != nil {
			tb.Fatal(err)
		}
		if pix[p.Spot] != nil {
			tb.Fatalf("spot %d comes twice", p.Spot)
		}
		pix[p.Spot], order = bytes.Clone(p.Pix), append(order, p.Spot)
	}
	return pix, order
}

// TestAllIsBatch compares the two ways with a window cut pixel by pixel, with
// spots on and beyond all borders, for pictures smaller than a window too.
func TestAllIsBatch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		w, h, diameter := 3+rng.IntN(90), 3+rng.IntN(90), float64(2+rng.IntN(40))
		o := Options{Size: 1 + rng.IntN(30), Border: picture.Border(rng.IntN(2))}
		side, err := Window(diameter, 1)
		if err != nil {
			t.Fatal(err)
		}
		var x, y []float64
		var spots []int
		for i := range 1 + rng.IntN(80) {
			x = append(x, float64(rng.IntN(w+side-1)-side/2+1))
			y = append(y, float64(rng.IntN(h+side-1)-side/2+1))
			spots = append(spots, i)
		}
		rng.Shuffle(len(spots), func(i, k int) { spots[i], spots[k] = spots[k], spots[i] })
		src := newMemory(w, h, 1+rng.IntN(20))
		r, err := NewReader(src, x, y, diameter, o)
		if err != nil {
			t.Fatal(err)
		}
		all, order := collect(t, r)
		if len(order) != len(x) || src.decoded > h {
			t.Fatalf("%d patches for %d spots, %d rows decoded of %d", len(order), len(x), src.decoded, h)
		}
		batch, err := r.Batch(context.Background(), spots)
		if err != nil {
			t.Fatal(err)
		}
		n := o.Size * o.Size * 3
		for i, s := range spots {
			pix, _ := src.Region(context.Background(), int(x[s])-side/2, int(y[s])-side/2, side, side, o.Border)
			want, err := Resize(pix, side, side, o.Size, o.Size)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(all[s], want) || !bytes.Equal(batch[i*n:(i+1)*n], want) {
				t.Fatalf("picture %d x %d, window %d, border %d, spot at %g, %g: All right %v, Batch right %v", w, h, side, o.Border, x[s], y[s],
					bytes.Equal(all[s], want), bytes.Equal(batch[i*n:(i+1)*n], want))
			}
		}
	}
}

// TestCores: the same patches in the same order on 1 core and on more, in
// bands of any height.
func TestCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(1, 1))
	var x, y []float64
	for range 300 {
		x, y = append(x, float64(rng.IntN(400))), append(y, float64(rng.IntN(300)))
	}
	var first string
	for _, c := range []struct{ cores, band int }{{1, 16}, {4, 16}, {4, 7}, {2, 300}} {
		runtime.GOMAXPROCS(c.cores)
		r, err := NewReader(newMemory(400, 300, c.band), x, y, 30, Options{Size: 16})
		if err != nil {
			t.Fatal(err)
		}
		pix, order := collect(t, r)
		got := fmt.Sprintf("%v %x", order, sha256.Sum256(bytes.Join(pix, nil)))
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%d cores and bands of %d rows give other patches", c.cores, c.band)
		}
	}
}

func TestDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		reason string
		x, y   []float64
		want   string
	}{
		{"the hires picture in place of the full one", []float64{50, 900, 1800}, []float64{50, 800, 1500}, "2 of 3 spots lie outside its 100 x 70 pixels, the first at x 900"},
		{"a turned picture", []float64{10, 10}, []float64{10, 95}, "x and y exchanged"},
		{"no number", []float64{math.NaN()}, []float64{5}, "1 of 1 spots"},
	} {
		_, err := NewReader(newMemory(100, 70, 8), c.x, c.y, 20, Options{})
		if !errors.Is(err, ErrNoFit) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrNoFit with %q", c.reason, err, c.want)
		}
	}
	for _, c := range []struct {
		reason string
		o      Options
	}{
		{"a negative size", Options{Size: -1}}, {"a huge size", Options{Size: 1 << 20}}, {"a negative scale", Options{Scale: -1}},
		{"no scale", Options{Scale: math.NaN()}}, {"an unknown border", Options{Border: 7}},
	} {
		if _, err := NewReader(newMemory(100, 70, 8), nil, nil, 20, c.o); err == nil {
			t.Errorf("%s is accepted", c.reason)
		}
	}
}

func TestStops(t *testing.T) {
	src := newMemory(200, 200, 10)
	src.fail = 100
	x, y := []float64{50, 50, 60}, []float64{20, 180, 60}
	r, err := NewReader(src, x, y, 20, Options{Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range r.All(context.Background()) {
		n++
	}
	if n != 3 || !errors.Is(err, errDecode) {
		t.Errorf("%d steps and %v, want two patches and the source's error", n, err)
	}
	src.fail = 0
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, err = range r.All(ctx) {
		cancel()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	for range r.All(context.Background()) {
		break // must not hang or leave a goroutine that uses src
	}
	if _, err := r.Batch(context.Background(), []int{3}); err == nil {
		t.Error("spot 3 of 3 is accepted")
	}
}

func BenchmarkResize(b *testing.B) {
	for _, window := range []int{90, 178, 300, 448} {
		b.Run(fmt.Sprint(window), func(b *testing.B) {
			src, dst := pattern(window, window), make([]uint8, 224*224*3)
			fit := newResizer(window, window, 224, 224)
			for b.Loop() {
				fit.resize(dst, src)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "patches/s")
		})
	}
}

// BenchmarkAll cuts 2,000 windows of 178 pixels out of a picture in memory.
func BenchmarkAll(b *testing.B) {
	src := newMemory(4000, 4000, 256)
	rng := rand.New(rand.NewPCG(1, 1))
	var x, y []float64
	for range 2000 {
		x, y = append(x, float64(rng.IntN(4000))), append(y, float64(rng.IntN(4000)))
	}
	r, err := NewReader(still{src}, x, y, 178, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, err := range r.All(context.Background()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "patches/s")
}

// still is a memory whose bands cost nothing.
type still struct{ *memory }

func (s still) Rows(_ context.Context, r image.Rectangle) iter.Seq2[picture.Band, error] {
	return func(yield func(picture.Band, error) bool) {
		buf := make([]uint8, s.band*r.Dx()*3)
		for y := r.Min.Y; y < r.Max.Y; y += s.band {
			n := min(s.band, r.Max.Y-y)
			for i := range n {
				copy(buf[i*r.Dx()*3:(i+1)*r.Dx()*3], s.pix[3*((y+i)*s.w+r.Min.X):])
			}
			if !yield(picture.Band{Y: y, Rows: n, Pix: buf[:n*r.Dx()*3]}, nil) {
				return
			}
		}
	}
}

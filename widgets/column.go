package widgets

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// column is one gene of one layer on its way to the browser: each value as a
// whole number of steps above the least. With 8 bits there are 254 steps
// between least and greatest, with 16 bits 65,534, so that a value is off by
// at most (max-min)/508 or (max-min)/131,068. The greatest code means that
// there is no value.
type column struct {
	Bits     int    `json:"bits"`
	Min      float  `json:"min"`
	Max      float  `json:"max"`
	Codes    string `json:"codes"` // base64, little-endian
	Decimals int    `json:"decimals"`
	Limits   [2]num `json:"limits"` // of the colour scale, by this column alone
	Shared   [2]num `json:"shared"` // by the columns of all maps that share a scale
}

// float is written in full, unlike num: codes are steps from it.
type float float64

// encode makes a column of values; NaN and infinities become "no value".
func encode(v []float64, bits int) column {
	lo, hi, whole := math.Inf(1), math.Inf(-1), true
	for _, x := range v {
		if finite(x) {
			lo, hi = math.Min(lo, x), math.Max(hi, x)
			whole = whole && x == math.Trunc(x)
		}
	}
	if lo > hi {
		lo, hi = 0, 0
	}
	none := 1<<bits - 1
	step := (hi - lo) / float64(none-1)
	c := column{Bits: bits, Min: float(lo), Max: float(hi), Decimals: columnDecimals(step, whole)}
	raw := make([]byte, 0, len(v)*bits/8)
	for _, x := range v {
		code := none
		if finite(x) {
			code = 0
			if step > 0 {
				code = int(math.Round((x - lo) / step))
			}
		}
		if bits == 8 {
			raw = append(raw, uint8(code))
		} else {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(code))
		}
	}
	c.Codes = base64.StdEncoding.EncodeToString(raw)
	return c
}

// columnDecimals returns the decimals that a value off by half a step still
// deserves: no more than the step tells, at most three.
func columnDecimals(step float64, whole bool) int {
	switch {
	case whole && step < 1:
		return 0
	case !(step > 0):
		return 3
	}
	return max(0, min(3, int(math.Floor(-math.Log10(step)))))
}

// bitmap packs flags, eight to a byte, lowest bit first.
func bitmap(flags []bool) string {
	b := make([]byte, (len(flags)+7)/8)
	for i, f := range flags {
		if f {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}

// floats32 packs coordinates for a Float32Array.
func floats32(v []float64) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// robustShare is the share of values left outside the colour scale at each
// end.
const robustShare = 0.01

// limits returns the ends of the colour scale for values: their 1 % and 99 %
// quantiles, or all of them where full is set. Values that are not finite do
// not count; of no values at all the limits are 0 and 1.
func limits(v []float64, full bool) (lo, hi float64) {
	s := make([]float64, 0, len(v))
	for _, x := range v {
		if finite(x) {
			s = append(s, x)
		}
	}
	if len(s) == 0 {
		return 0, 1
	}
	slices.Sort(s)
	lo, hi = s[0], s[len(s)-1]
	if !full && len(s) > 2 {
		a, b := stat.Quantile(robustShare, stat.LinInterp, s, nil), stat.Quantile(1-robustShare, stat.LinInterp, s, nil)
		if b > a { // else nearly all values are equal: show the others
			lo, hi = a, b
		}
	}
	if !(hi > lo) {
		hi = lo + math.Max(1e-6, math.Abs(lo)*1e-6)
	}
	return lo, hi
}

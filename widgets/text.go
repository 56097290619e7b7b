package widgets

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// num is a number in a figure's JSON: six significant digits, null where it
// is not finite, so that the JSON is always valid.
type num float64

// MarshalJSON implements json.Marshaler.
func (v num) MarshalJSON() ([]byte, error) {
	f := float64(v)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 6, 64), 64)
	if err != nil {
		return []byte("null"), nil
	}
	return json.Marshal(short)
}

// nums converts for JSON.
func nums(v ...float64) []num {
	out := make([]num, len(v))
	for i := range v {
		out[i] = num(v[i])
	}
	return out
}

// clean makes text from data fit to be shown: valid UTF-8 without control
// characters, and without a mark that would end the isolation that the page
// puts around it (U+2069 without its opening mark), so that marks that turn
// the direction of text act on this text alone.
func clean(s string) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cc, r):
			return '\uFFFD'
		case r >= '\u2066' && r <= '\u2068':
			depth++
		case r == '\u2069':
			if depth == 0 {
				return -1
			}
			depth--
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// isolate keeps the direction of a text to itself within a longer one, by a
// first strong isolate and its end, where the text could turn its neighbours.
func isolate(s string) string {
	turns := strings.ContainsFunc(s, func(r rune) bool {
		return unicode.Is(unicode.Cf, r) || r >= 0x0590 && r <= 0x08FF || r >= 0xFB1D && r <= 0xFEFF || r >= 0x10800 && r <= 0x10FFF || r >= 0x1E800 && r <= 0x1EFFF
	})
	if !turns {
		return s
	}
	return "\u2068" + clean(s) + "\u2069"
}

// cleanAll is clean for lists.
func cleanAll(s []string) []string {
	out := make([]string, len(s))
	for i := range s {
		out[i] = clean(s[i])
	}
	return out
}

// decimalsFor returns how many decimals tell values apart that span a range:
// three significant digits of it, at most six.
func decimalsFor(span float64) int {
	if !(span > 0) || math.IsInf(span, 0) {
		return 2
	}
	return max(0, min(6, 1-int(math.Floor(math.Log10(span/2)))))
}

// format writes a number for readers: a true minus sign, commas between
// thousands, a dash for what is not a number.
func format(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	a := math.Abs(v)
	if a >= 1e7 || a != 0 && a < 1e-4 && decimals < 5 {
		return strings.Replace(strconv.FormatFloat(v, 'e', 2, 64), "-", "−", 1)
	}
	s := strconv.FormatFloat(a, 'f', decimals, 64)
	whole, frac, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if frac != "" {
		whole += "." + frac
	}
	if v < 0 && strings.Trim(s, "0.") != "" {
		whole = "−" + whole
	}
	return whole
}

func count(n int) string { return format(float64(n), 0) }

// plural returns "1 spot" or "12 spots".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return count(n) + " " + stem + "ies"
	}
	return count(n) + " " + noun + "s"
}

func percent(share float64) string {
	if share > 0 && share < 0.01 {
		return "<1 %"
	}
	return strconv.Itoa(int(math.Round(100*share))) + " %"
}

// ticks returns round numbers within [lo, hi], about n of them, and their
// distance, which is 1, 2 or 5 times a power of ten.
func ticks(lo, hi float64, n int) (at []float64, step float64) {
	raw := (hi - lo) / float64(n)
	if !(raw > 0) || math.IsInf(raw, 0) {
		return []float64{lo}, 0
	}
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	step = 10 * p
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*p*(1+1e-9) {
			step = m * p
			break
		}
	}
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+1e-9*step; k++ {
		at = append(at, k*step)
	}
	return at, step
}

// nice widens [lo, hi] to multiples of a round step.
func nice(lo, hi float64, n int) (float64, float64, float64) {
	if !(hi > lo) {
		d := math.Max(math.Abs(lo)*0.1, 0.5)
		lo, hi = lo-d, hi+d
	}
	_, step := ticks(lo, hi, n)
	return math.Floor(lo/step+1e-9) * step, math.Ceil(hi/step-1e-9) * step, step
}

// stepDecimals returns the decimals that a tick of this step needs.
func stepDecimals(step float64) int {
	if !(step > 0) {
		return 2
	}
	return max(0, min(6, -int(math.Floor(math.Log10(step)+1e-9))))
}

package tabular

import (
	"strings"
)

// place is where a spot lies on its array, as its name says.
type place struct{ x, y float64 }

// parsePlace reads a spot's name of the form "10x21", x by y, the way of the
// Spatial Transcriptomics pipeline; "10_21" and R's "X10x21" do as well, and
// so do fractions, which the pipeline writes for corrected places.
func parsePlace(name string) (place, bool) {
	s := strings.TrimPrefix(name, "X")
	x, y, ok := strings.Cut(s, "x")
	if !ok {
		x, y, ok = strings.Cut(s, "_")
	}
	if !ok || !isDecimal(x) || !isDecimal(y) {
		return place{}, false
	}
	fx, ok1 := parseFinite(x)
	fy, ok2 := parseFinite(y)
	return place{fx, fy}, ok1 && ok2
}

// isDecimal tells whether s is digits with at most a sign and a point.
func isDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits, points := 0, 0
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points < 2
}

// isBarcode tells whether a name ends in a barcode: ten bases or more, alone
// or after a prefix ("NP-AAACAATCTACTAGCA-1"), with or without the number that
// Space Ranger appends, or the name of a bin ("s_008um_00078_00444-1").
func isBarcode(name string) bool {
	s := bare(name)
	n := len(s)
	for n > 0 && strings.IndexByte("ACGTN", s[n-1]) >= 0 {
		n--
	}
	if len(s)-n >= 10 && (n == 0 || strings.IndexByte("-_.:#/ ", s[n-1]) >= 0) {
		return true
	}
	parts := strings.Split(s, "_")
	return len(parts) == 4 && parts[0] == "s" && strings.HasSuffix(parts[1], "um") && isDecimal(parts[2]) && isDecimal(parts[3])
}

// bare is a barcode without the number that Space Ranger appends ("-1"; R
// makes ".1" of it in the names of columns).
func bare(name string) string {
	i := len(name)
	for i > 0 && name[i-1] >= '0' && name[i-1] <= '9' {
		i--
	}
	if i > 0 && i < len(name) && (name[i-1] == '-' || name[i-1] == '.') {
		return name[:i-1]
	}
	return name
}

// spotLike tells whether most of the names are those of spots.
func spotLike(names []string) bool {
	n := 0
	for _, name := range names {
		if _, ok := parsePlace(name); ok || isBarcode(name) {
			n++
		}
	}
	return 2*n > len(names)
}

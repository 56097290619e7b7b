package rawfile

import (
	"slices"
	"testing"
)

func TestNatural(t *testing.T) {
	for _, want := range [][]string{
		{"A1", "A2", "A10", "B1"},
		{"", "1", "2", "10", "a"},
		{"S1", "S01", "S1_b", "S2"},
		{"a", "a1", "a1b2", "a1b10", "ab"},
		{"99999999999999999999", "100000000000000000000"},
	} {
		for k := range want { // all turns of the list
			got := append(slices.Clone(want[k:]), want[:k]...)
			slices.SortFunc(got, Natural)
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}

func FuzzNatural(f *testing.F) {
	f.Add("a1", "a01", "a2")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if Natural(a, b) != -Natural(b, a) || (Natural(a, b) == 0) != (a == b) {
			t.Errorf("%q, %q: %d, %d", a, b, Natural(a, b), Natural(b, a))
		}
		if Natural(a, b) < 0 && Natural(b, c) < 0 && Natural(a, c) >= 0 {
			t.Errorf("%q < %q < %q, but %d", a, b, c, Natural(a, c))
		}
	})
}

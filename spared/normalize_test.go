package spared_test

import (
	"math"
	"testing"

	"github.com/spatialgo/spatialgo/spared"
)

// TestUnlog goes to logged values and back.
func TestUnlog(t *testing.T) {
	for _, n := range []spared.Normalization{"", spared.TPM, spared.CPM, spared.LogNorm} {
		for _, x := range []float64{0, 1e-9, 0.5, 1, 1234.5, 1e6} {
			if got := n.Unlog(n.Log(x)); math.Abs(got-x) > 1e-12*max(1, x)*math.Log2(x+2) {
				t.Errorf("%q: %g came back as %g", n, x, got)
			}
		}
	}
}

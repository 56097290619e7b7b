// Package baseline holds every completer of missing values that is not
// SpaCKLE, behind the one interface that SpaCKLE also meets.
package baseline

import (
	"context"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// View is what a completer may see of one slide: values in log2(TPM+1), 0
// where the value was not measured or is hidden from it.
type View struct {
	Slide   string
	Values  blas32.General  // [spots][genes], log2(TPM+1), 0 = not visible
	Visible []bool          // [spots][genes] row-major: measured and not hidden
	Hidden  []bool          // measured but hidden, to be predicted; nil = all that is not visible
	X, Y    []float64       // full-resolution pixels
	Six     *neighbor.Graph // the 6 nearest spots of each, within the slide
}

// Completer predicts values that are not visible.
type Completer interface {
	// Name is a short lower-case name, e.g. "median".
	Name() string
	// Complete returns a prediction for each entry of the view, in
	// log2(TPM+1). Entries that are visible may hold anything.
	Complete(ctx context.Context, v *View) (blas32.General, error)
}

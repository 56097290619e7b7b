package spackle

import (
	"context"
	"fmt"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// Protocol says what methods may know of hidden values.
type Protocol string

const (
	// Strict hides a value before anything else sees it: it is in no median, no
	// total, no batch correction, and how many are hidden is learnt from train
	// spots. What a data set of order clean was made by was learnt from train
	// spots too. The default.
	Strict Protocol = "strict"
	// Published is how the published numbers came about (SpaRED's code, rule
	// PMed, 10 masks): values are hidden last, so
	//
	//   - zeros were filled in with medians that saw the hidden values: the
	//     median and SpaCKLE are given these medians (of d_log1p) for all that is
	//     neither measured nor hidden;
	//   - the totals that values are relative to hold the hidden counts;
	//   - SpaCKLE's batch correction is the data set's own, which saw them.
	//
	// Genes, batch correction and how many values of a gene are hidden are learnt
	// from all splits only where the data set was built so (order released); else
	// the same values are hidden as under Strict. Methods that need raw counts
	// deal with totals themselves, and have nothing to gain: they get what Strict
	// gives.
	//
	// What leaks need not help. A method that takes it for what the network was
	// trained on does better; the adaptive median itself does worse among zeros
	// that other medians have filled in.
	Published Protocol = "published"
)

// leak is what a method is given under Published.
type leak uint8

const (
	leakUnknown leak = iota
	leakMedians      // all but the hidden entries, medians where there was no count
	leakTotals       // visible values relative to the true totals
	leakNothing      // the strict view: the method needs counts
)

// complete lets method m complete tissue k under the contest's protocol. v is
// the strict view.
func (c *contest) complete(ctx context.Context, m, k int, v *baseline.View) (*baseline.Completion, error) {
	method := c.o.Methods[m]
	if c.o.Protocol != Published {
		return completionOf(ctx, method, v)
	}
	switch method := method.(type) {
	case baseline.Median:
		return c.withMedians(ctx, m, k, method, v.Hidden)
	case *slideCompleter:
		released, err := method.released()
		if err != nil {
			return nil, err
		}
		return c.withMedians(ctx, m, k, released, v.Hidden)
	}
	if baseline.Describe(method).Needs.Counts == baseline.Required {
		c.leaky[m] = leakNothing
	}
	if c.leaky[m] != leakNothing {
		done, err := completionOf(ctx, method, withTotals(c.tissues[k].whole, v.Hidden))
		if err == nil || c.leaky[m] == leakTotals {
			c.leaky[m] = leakTotals
			return done, err
		}
	}
	done, err := completionOf(ctx, method, v)
	if err == nil {
		c.leaky[m] = leakNothing
	}
	return done, err
}

// withMedians lets a method complete a view in which everything is visible but
// the hidden entries.
func (c *contest) withMedians(ctx context.Context, m, k int, method baseline.Completer, hidden []bool) (*baseline.Completion, error) {
	c.leaky[m] = leakMedians
	whole := c.tissues[k].whole
	filled, err := baseline.Median{Hops: c.ds.Manifest.Recipe.Hops}.Complete(ctx, whole)
	if err != nil {
		return nil, err
	}
	return completionOf(ctx, method, valuesOnly(whole, filled.Values, func(at int) bool { return !hidden[at] }, hidden))
}

// withTotals returns a view of the visible values as they are relative to the
// true totals, without counts.
func withTotals(whole *baseline.View, hidden []bool) *baseline.View {
	return valuesOnly(whole, whole.Values, func(at int) bool { return whole.Visible[at] && !hidden[at] }, hidden)
}

func valuesOnly(whole *baseline.View, values blas32.General, visible func(at int) bool, hidden []bool) *baseline.View {
	v := &baseline.View{Slide: whole.Slide, Norm: whole.Norm, X: whole.X, Y: whole.Y, Graph: whole.Graph,
		Genes: whole.Genes, Features: whole.Features, Hidden: hidden, Values: whole.Empty(), Visible: make([]bool, len(hidden))}
	for at := range hidden {
		if visible(at) {
			v.Visible[at], v.Values.Data[at] = true, values.Data[at/whole.Values.Cols*values.Stride+at%whole.Values.Cols]
		}
	}
	return v
}

// released returns the network with the batch correction of the data set, which
// saw all values.
func (c *slideCompleter) released() (*slideCompleter, error) {
	r := *c
	if c.layer == spared.LayerCDLog || c.layer == spared.LayerCLog {
		var err error
		if r.scale, err = releasedScaleOf(c.ds, c.layer); err != nil {
			return nil, err
		}
	}
	return &r, nil
}

// detectedBy returns, per gene, the share of spots with a count from which
// follows how many values are hidden: of train spots, where there are any, and
// under the published protocol on data of order released of all spots.
func detectedBy(ds *spared.Dataset, p Protocol) []float64 {
	released := p == Published && ds.Manifest.Recipe.Order == spared.Released
	if released || len(ds.SpotsIn(spared.Train)) == 0 {
		return shareDetected(ds, indices(len(ds.Spots)))
	}
	return shareDetected(ds, ds.SpotsIn(spared.Train))
}

// protocolNotes says what the published protocol let methods know.
func (c *contest) protocolNotes() []string {
	if c.o.Protocol != Published {
		return nil
	}
	notes := []string{"protocol published: hidden values are in the medians that fill zeros in and in the totals: this is not the error on values that nothing has seen"}
	if c.ds.Manifest.Recipe.Order != spared.Released {
		notes = append(notes, "genes and batch correction are those of the data set's order, clean: build it with --order released for the published ones")
	}
	var none []string
	for m, method := range c.o.Methods {
		if c.leaky[m] == leakNothing {
			none = append(none, method.Name())
		}
	}
	if len(none) > 0 {
		notes = append(notes, fmt.Sprintf("given nothing more than under the strict protocol, since they work on counts: %s", strings.Join(none, ", ")))
	}
	return notes
}

// Protocols are the evaluations of the same methods under both protocols.
type Protocols struct {
	Strict    *Evaluation `json:"strict"`
	Published *Evaluation `json:"published"`
}

// EvaluateBoth evaluates under both protocols. Its masks are 10 where o does
// not say, as published. Both hide the same values, except that on data of order
// released the published protocol knows the shares f_g of Rule from all splits.
func EvaluateBoth(ctx context.Context, ds *spared.Dataset, o EvaluateOptions) (*Protocols, error) {
	if o.Masks == 0 {
		o.Masks = 10
	}
	var p Protocols
	var err error
	o.Protocol = Strict
	if p.Strict, err = Evaluate(ctx, ds, o); err != nil {
		return nil, err
	}
	o.Protocol = Published
	if p.Published, err = Evaluate(ctx, ds, o); err != nil {
		return nil, err
	}
	return &p, nil
}

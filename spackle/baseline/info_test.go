package baseline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

// Every completer of the package says what it is, and what it says it needs is
// what it fails without.
func TestInfo(t *testing.T) {
	v, _ := tissue(t, 1, 6, 6, 5)
	bare := *v
	bare.Counts, bare.Depth = blas32.General{}, nil
	lost := *v
	lost.Graph = nil
	for _, c := range append(all(), &baseline.GeneMean{}) {
		info := baseline.Describe(c)
		if info.Idea == "" || info.Source == "" || len(info.Idea) > 110 || strings.Contains(info.Idea, "\n") {
			t.Errorf("%s: %+v", c.Name(), info)
		}
		for _, p := range []struct {
			what    string
			need    baseline.Need
			without *baseline.View
		}{{"counts", info.Needs.Counts, &bare}, {"a graph", info.Needs.Graph, &lost}} {
			_, err := c.Complete(context.Background(), p.without)
			if (err != nil) != (p.need == baseline.Required) {
				t.Errorf("%s: %s are said to be %s, without it: %v", c.Name(), p.what, p.need, err)
			}
		}
		for _, n := range []baseline.Need{info.Needs.Train, info.Needs.Rest, info.Needs.Features} {
			if _, err := c.Complete(context.Background(), v); err != nil && n != baseline.Required {
				t.Errorf("%s: %v", c.Name(), err)
			}
		}
	}
	if got := baseline.Describe(half{}); got != (baseline.Info{}) {
		t.Errorf("of one that says nothing: %+v", got)
	}
}

func TestNeeds(t *testing.T) {
	mean := baseline.Describe(baseline.Mean{half{}, baseline.PoissonFactor{}, &baseline.SME{}}).Needs
	if got, want := mean.String(), "counts, other genes if any, image features if any"; got != want {
		t.Errorf("a mean needs %q, want what any of its methods needs: %q", got, want)
	}
	if got := baseline.Describe(baseline.Zero{}).Needs.String(); got != "" {
		t.Errorf("zero needs %q", got)
	}
	b, err := json.Marshal(mean)
	if want := `{"train":"no","counts":"required","rest":"used","features":"used","graph":"no"}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v, want %s", b, err, want)
	}
}

func ExampleDescribe() {
	for _, c := range []baseline.Completer{baseline.PoissonFactor{}, &baseline.SoftImpute{}, half{}} {
		info := baseline.Describe(c)
		fmt.Printf("%s: %s (%s)\n", c.Name(), info.Idea, info.Needs)
	}
	// Output:
	// poisson factor: smooth factors of the rates of all counts, zeros included (counts, other genes if any)
	// soft-impute: matrix of low rank that agrees with what is visible, at the spot and around (counts if any, train slides if any)
	// half:  ()
}

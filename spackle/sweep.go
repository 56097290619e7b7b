package spackle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// SweepOptions says how completers are evaluated at several shares of hidden
// values. Rule plays no part.
type SweepOptions struct {
	EvaluateOptions
	Shares []int // percent of all entries that are hidden, 2 to 99; nil = 10, 20, ..., 70
	// Dir is a folder that keeps the evaluation of each share, p10.json and so
	// on; it is made if need be. A sweep that was stopped goes on from there. ""
	// keeps nothing.
	Dir string
}

// Sweep evaluates the methods with more and more values hidden, as in Figure 4
// of the paper, one Evaluation a share, by [Evaluate] under the rules p10, p20
// and so on. A gene of which fewer values were measured than are to be hidden
// loses all of them, so at high shares ever fewer genes are left visible.
func Sweep(ctx context.Context, ds *spared.Dataset, o SweepOptions) ([]*Evaluation, error) {
	if o.Shares == nil {
		o.Shares = []int{10, 20, 30, 40, 50, 60, 70}
	}
	rules := make([]Rule, len(o.Shares))
	for k, n := range o.Shares {
		var err error
		if rules[k], err = baseline.Percent(n); err != nil {
			return nil, fmt.Errorf("spackle: sweep: %w", err)
		}
	}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("spackle: sweep: %w", err)
		}
	}
	all := make([]*Evaluation, len(rules))
	for k, rule := range rules {
		one := o.EvaluateOptions
		one.Rule, one.Progress = rule, part(o.Progress, k, len(rules), rule)
		var err error
		if o.Dir == "" {
			all[k], err = Evaluate(ctx, ds, one)
		} else {
			all[k], err = EvaluateFile(ctx, ds, filepath.Join(o.Dir, rule.String()+".json"), one)
		}
		if err != nil {
			return nil, fmt.Errorf("%w (sweep, %s)", err, rule)
		}
	}
	return all, nil
}

// part makes the news of one share those of the sweep.
func part(p spared.Progress, k, parts int, rule Rule) spared.Progress {
	if p == nil {
		return nil
	}
	return func(e spared.Event) {
		e.Done, e.Total = k*e.Total+e.Done, parts*e.Total
		if e.Message != "" {
			e.Message = rule.String() + ", " + e.Message
		}
		p(e)
	}
}

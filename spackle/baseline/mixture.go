package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"
)

// Mean completes by the plain mean of several methods' values. Methods err in
// different ways, so their mean is often better than the best of them. SD is the
// largest of those that have one, since their errors are far from independent,
// and so are the factors of intervals; Rate is the mean of those that have one.
type Mean []Completer

// Name joins the names of the methods.
func (m Mean) Name() string {
	names := make([]string, len(m))
	for k, c := range m {
		names[k] = c.Name()
	}
	return "mean of " + strings.Join(names, " and ")
}

// Fit fits all methods.
func (m Mean) Fit(ctx context.Context, train []*View) error {
	for _, c := range m {
		if err := c.Fit(ctx, train); err != nil {
			return err
		}
	}
	return nil
}

// Complete implements [Completer].
func (m Mean) Complete(ctx context.Context, v *View) (*Completion, error) {
	if len(m) == 0 {
		return nil, errors.New("a mean of no methods")
	}
	done := &Completion{Values: v.Empty()}
	rates := 0
	for _, c := range m {
		one, err := c.Complete(ctx, v)
		if err != nil {
			return nil, err
		}
		if one.Values.Rows != v.Values.Rows || one.Values.Cols != v.Values.Cols {
			return nil, fmt.Errorf("%s: a result of %d x %d for %d spots x %d genes", c.Name(), one.Values.Rows, one.Values.Cols, v.Values.Rows, v.Values.Cols)
		}
		each(done.Values, one.Values, func(a, x float64) float64 { return a + x/float64(len(m)) })
		if one.SD.Rows > 0 {
			if done.SD.Rows == 0 {
				done.SD = v.Empty()
			}
			each(done.SD, one.SD, math.Max)
			for l, f := range one.IntervalFactors() {
				done.Factors[l] = max(done.Factors[l], f)
			}
		}
		if one.Rate.Rows > 0 {
			if rates++; rates == 1 {
				done.Rate = v.Empty()
			}
			each(done.Rate, one.Rate, func(a, x float64) float64 { return a + (x-a)/float64(rates) })
		}
	}
	for i := range v.Values.Rows {
		v.keep(i, done.Values.Data[i*done.Values.Stride:][:v.Values.Cols])
	}
	return done, nil
}

// each sets a to f(a, x) entry by entry.
func each(a, x blas32.General, f func(a, x float64) float64) {
	for i := range a.Rows {
		row := a.Data[i*a.Stride:][:a.Cols]
		for g, y := range x.Data[i*x.Stride:][:a.Cols] {
			row[g] = float32(f(float64(row[g]), float64(y)))
		}
	}
}

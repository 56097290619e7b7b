package metric_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/metric"
)

// number is a JSON number, or "nan", "inf", "-inf" as a string.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	for _, c := range []struct {
		text  string
		value float64
	}{{`"nan"`, math.NaN()}, {`"inf"`, math.Inf(1)}, {`"-inf"`, math.Inf(-1)}} {
		if string(b) == c.text {
			*n = number(c.value)
			return nil
		}
	}
	return json.Unmarshal(b, (*float64)(n))
}

type goldenCase struct {
	Plain    map[string]number
	Detailed map[string]json.RawMessage
	GT, Pred [][]number
	Mask     [][]int // 0 or 1
}

func matrix(rows [][]number) dense.Matrix[float64] {
	m := dense.New[float64](len(rows), len(rows[0]))
	for i, r := range rows {
		for j, v := range r {
			m.Set(i, j, float64(v))
		}
	}
	return m
}

// TestEqualsSpaRED compares with spared.metrics.get_metrics, plain and
// detailed.
func TestEqualsSpaRED(t *testing.T) {
	var cases map[string]json.RawMessage
	if err := json.Unmarshal(goldentest.Read(t, "golden", "metrics_cases.json"), &cases); err != nil {
		t.Fatal(err)
	}
	delete(cases, "versions")
	if len(cases) != 15 {
		t.Errorf("%d cases, want 15", len(cases))
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			var c goldenCase
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			truth, pred := matrix(c.GT), matrix(c.Pred)
			var mask []bool
			for _, in := range slices.Concat(c.Mask...) {
				mask = append(mask, in == 1)
			}
			m, d := metric.ComputeDetailed(truth, pred, mask)
			if plain := metric.Compute(truth, pred, mask); !same(plain, m) {
				t.Errorf("plain %+v, detailed %+v", plain, m)
			}
			for key, got := range map[string]float64{
				"MSE": m.MSE, "MAE": m.MAE, "PCC-Gene": m.PCCGene, "PCC-Patch": m.PCCPatch,
				"R2-Gene": m.R2Gene, "R2-Patch": m.R2Patch, "Global": m.Global,
			} {
				want, ok := c.Plain[key]
				if !ok {
					t.Fatalf("the reference has no %s", key)
				}
				goldentest.Near(t, 1e-9, got, float64(want), "%s", key)
			}
			inGene, inSpot := make([]int, truth.Cols), make([]int, truth.Rows)
			for k, in := range mask {
				if in {
					inGene[k%truth.Cols]++
					inSpot[k/truth.Cols]++
				}
			}
			// The reference leaves out what is not defined, and gives one NaN
			// where it gives up.
			equalList(t, c, "detailed_PCC-Gene", defined(d.PCCGene, inGene, 1))
			equalList(t, c, "detailed_PCC-Patch", defined(d.PCCPatch, inSpot, 1))
			equalList(t, c, "detailed_R2-Gene", defined(d.R2Gene, inGene, 2))
			equalList(t, c, "detailed_R2-Patch", defined(d.R2Patch, inSpot, 2))
			equalList(t, c, "detailed_mse_gene", d.MSEGene)
			equalList(t, c, "detailed_mae_gene", d.MAEGene)
			equalList(t, c, "detailed_error_gene", d.BiasGene)
			equalList(t, c, "detailed_errors", d.Errors)
		})
	}
}

func same(a, b metric.Metrics) bool {
	for _, v := range [][2]float64{
		{a.MSE, b.MSE}, {a.MAE, b.MAE}, {a.PCCGene, b.PCCGene}, {a.PCCPatch, b.PCCPatch},
		{a.R2Gene, b.R2Gene}, {a.R2Patch, b.R2Patch}, {a.Global, b.Global},
	} {
		if v[0] != v[1] && !(math.IsNaN(v[0]) && math.IsNaN(v[1])) {
			return false
		}
	}
	return true
}

// defined returns the scores of lines with at least least entries.
func defined(v []float64, entries []int, least int) []float64 {
	var out []float64
	for k, x := range v {
		if entries[k] >= least {
			out = append(out, x)
		}
	}
	return out
}

func equalList(t *testing.T, c goldenCase, key string, got []float64) {
	t.Helper()
	var one number
	if json.Unmarshal(c.Detailed[key], &one) == nil {
		for k, v := range got {
			goldentest.Near(t, 1e-9, v, float64(one), "%s %d", key, k)
		}
		return
	}
	var want []number
	if err := json.Unmarshal(c.Detailed[key], &want); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", key, len(got), len(want))
	}
	for k, w := range want {
		goldentest.Near(t, 1e-9, got[k], float64(w), "%s %d", key, k)
	}
}

package spackle_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
)

func read(t *testing.T, b *bytes.Buffer) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for k, name := range rows[0] {
			m[name] = r[k]
		}
		out = append(out, m)
	}
	return out
}

func same(t *testing.T, row map[string]string, want map[string]float64) {
	t.Helper()
	for name, w := range want {
		if got, err := strconv.ParseFloat(row[name], 64); err != nil || got < w-1e-6 || got > w+1e-6 {
			t.Errorf("%s is %q, want %g", name, row[name], w)
		}
	}
}

func TestCSV(t *testing.T) {
	ds := fixture(3, false)
	e := evaluate(t, ds, spackle.EvaluateOptions{Name: "a,\"b\"", Methods: []baseline.Completer{&baseline.KNNMean{}, baseline.PoissonFactor{}}, Masks: 2})
	var b bytes.Buffer
	if err := spackle.WriteCSV(&b, e, e); err != nil {
		t.Fatal(err)
	}
	rows := read(t, &b)
	if len(rows) != 4 || rows[0]["method"] != "knn" || rows[3]["method"] != "poisson factor" || rows[0]["data"] != "a,\"b\"" || rows[0]["protocol"] != "strict" {
		t.Fatalf("got %v", rows)
	}
	s := e.Methods[1]
	same(t, rows[1], map[string]float64{"mse": s.MSE, "mse_sd": s.MSESD, "mse_low": s.MSECI[0], "mse_high": s.MSECI[1], "pcc_gene": s.PCCGene, "pcc_low": s.PCCCI[0],
		"pcc_patch": s.PCCPatch, "mae": s.MAE, "r2_gene": s.R2Gene, "r2_patch": s.R2Patch, "coverage_80": s.Coverage[1], "floor": e.Floor, "n": float64(s.N), "masks": 2})
	if rows[0]["coverage_50"] != "" || rows[1]["behind_low"] != "" || rows[0]["behind_low"] == "" {
		t.Errorf("cells without a number are not empty: %v", rows[:2])
	}
	b.Reset()
	if err := spackle.WriteGenesCSV(&b, e); err != nil {
		t.Fatal(err)
	}
	rows = read(t, &b)
	if len(rows) != 2*len(ds.Genes) {
		t.Fatalf("%d rows of 2 methods and %d genes", len(rows), len(ds.Genes))
	}
	g := s.Genes[1]
	if r := rows[len(ds.Genes)+1]; r["gene"] != g.ID || r["symbol"] != g.Symbol || r["method"] != s.Name {
		t.Errorf("got %v", r)
	}
	same(t, rows[len(ds.Genes)+1], map[string]float64{"n": float64(g.N), "mse": g.MSE, "mae": g.MAE, "bias": g.Bias, "pcc": g.PCC, "r2": g.R2})
	c := &spackle.CountSplitting{Truth: 0.5, Share: spackle.CountAnswer{Mean: 1, Bins: []spackle.CountBin{{From: 4, N: 3, Predicted: 5, Observed: 6}}},
		Methods: []spackle.CountSplitScore{{Name: "m", Detected: spackle.CountAnswer{Bins: []spackle.CountBin{{To: 0.05}}}}}}
	b.Reset()
	if err := c.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if rows = read(t, &b); len(rows) != 2 || rows[0]["to"] != "" || rows[0]["observed"] != "6" || rows[1]["method"] != "m" || rows[1]["to"] != "0.05" || rows[1]["answer"] != "detected" {
		t.Errorf("got %v", rows)
	}
	if err := spackle.WriteCSV(full{}, e); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got error %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

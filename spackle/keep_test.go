package spackle_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

func TestKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "step")
	want := &spackle.Structure{Method: "kernel", Genes: []string{"a", "b"}, Real: spackle.Morans{Measured: []float64{0.5, math.NaN()}}}
	worked := 0
	keep := func(key string) (*spackle.Structure, error) {
		return spackle.Keep(path, key, func() (*spackle.Structure, error) { worked++; return want, nil })
	}
	for _, tc := range []struct {
		reason string
		spoil  func([]byte) []byte // nil = leave the file
		key    string
		works  bool
	}{
		{"the first time", nil, "k", true},
		{"again", nil, "k", false},
		{"another step", nil, "l", true},
		{"back to the first: it was replaced", nil, "k", true},
		{"cut short", func(b []byte) []byte { return b[:len(b)-3] }, "k", true},
		{"a bit changed", func(b []byte) []byte { b[len(b)-5] ^= 4; return b }, "k", true},
		{"another file", func([]byte) []byte { return []byte("spots,genes\n") }, "k", true},
		{"empty", func([]byte) []byte { return nil }, "k", true},
		{"mended", nil, "k", false},
	} {
		if tc.spoil != nil {
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, tc.spoil(b), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		before := worked
		got, err := keep(tc.key)
		if err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s:\n%s", tc.reason, diff)
		}
		if works := worked > before; works != tc.works {
			t.Errorf("%s: it worked: %t", tc.reason, works)
		}
	}
	broken := errors.New("broken")
	if _, err := spackle.Keep(path, "m", func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("the work's error became %v", err)
	}
	if _, err := keep("k"); err != nil || worked != 7 {
		t.Errorf("a failure replaced what was there (%v, worked %d times)", err, worked)
	}
	_, err := spackle.Keep(filepath.Join(t.TempDir(), "no", "step"), "k", func() (int, error) { t.Error("work before the file was tried"); return 0, nil })
	if err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("no folder: %v", err)
	}
}

func TestStepKey(t *testing.T) {
	ds := stored(1)
	key := func(ds *spared.Dataset, more any, methods ...baseline.Completer) string {
		t.Helper()
		k, err := spackle.StepKey(ds, methods, more)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := key(ds, 1, baseline.Median{})
	if again := key(stored(1), 1, baseline.Median{}); again != first {
		t.Error("the same step has another key")
	}
	for reason, other := range map[string]string{
		"other data": key(stored(2), 1, baseline.Median{}), "another method": key(ds, 1, baseline.Zero{}),
		"other settings": key(ds, 1, baseline.Median{Hops: 2}), "something else": key(ds, 2, baseline.Median{}),
	} {
		if other == first {
			t.Errorf("%s, the same key", reason)
		}
	}
	if _, err := spackle.StepKey(ds, nil, make(chan int)); err == nil {
		t.Error("a channel is in a key")
	}
}

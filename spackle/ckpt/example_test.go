package ckpt_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spatialgo/spatialgo/spackle/ckpt"
)

func ExampleOpen() {
	f, err := ckpt.Open(filepath.Join("testdata", "settings.ckpt"))
	if err != nil {
		fmt.Println(err)
		return
	}
	t := f.Tensors["window"]
	values, err := t.Float32s()
	fmt.Println(t.DType, t.Shape, values, err)
	fmt.Println(slices.Sorted(maps.Keys(f.Settings)))
	fmt.Println(f.Settings.At("hyper_parameters", "lr"))
	// Output:
	// float32 [2 3] [8 9 10 14 15 16] <nil>
	// [hyper_parameters namespace optimizer_states]
	// 0.001
}

// A file that would run a command is refused, and says which.
func ExampleRefused() {
	_, err := ckpt.Open(filepath.Join("testdata", "malicious.ckpt"))
	var r *ckpt.Refused
	fmt.Println(errors.As(err, &r), r.Name)
	fmt.Println(err)
	// Output:
	// true posix.system
	// testdata/malicious.ckpt: data.pkl: byte 38: would execute posix.system: refused; only tensors and plain settings are read
}

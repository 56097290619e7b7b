package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/spared"
)

// openData opens the data set that a command works on.
func openData(path string) (*spared.Dataset, error) {
	if path == "" {
		return nil, errors.New("the name of the data set is empty: give the file that spared build made")
	}
	ds, err := spared.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file; make the data set with spared build", path)
	}
	return ds, err
}

// checkOutput finds out before the work that its file could not be written, or
// would take the place of a file that the work reads.
func checkOutput(path string, reads ...string) error {
	err := spared.CheckOutput(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write %s: its folder does not exist; make it first", path)
	}
	if err != nil {
		return err
	}
	for _, read := range reads {
		if sameFile(path, read) {
			return fmt.Errorf("%s is read here, and would be lost: give another name to write", path)
		}
	}
	return nil
}

// sameFile tells whether two names are of one file that is there. A folder
// stands for the model in it.
func sameFile(path, other string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	for _, name := range []string{other, filepath.Join(other, "model.safetensors")} {
		if b, err := os.Stat(name); err == nil && os.SameFile(a, b) {
			return true
		}
	}
	return false
}

// notEmpty returns an error where a flag was given without a value, as by a
// variable of the shell that is not set: that does not mean its default.
func notEmpty(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s is empty: give it a value, or leave it out", name)
		}
	}
	return nil
}

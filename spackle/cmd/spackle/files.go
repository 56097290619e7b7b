package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spatialgo/spatialgo/spared"
)

// openData opens the data set that a command works on.
func openData(path string) (*spared.Dataset, error) {
	ds, err := spared.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file; make the data set with spared build", path)
	}
	return ds, err
}

// checkOutput finds out before the work that its file could not be written.
func checkOutput(path string) error {
	err := spared.CheckOutput(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write %s: its folder does not exist; make it first", path)
	}
	return err
}

//go:build !cgo

package engine

import "errors"

// XLA is a C++ library: without cgo there is no way to it.
var errNoCgo = errors.New("built without cgo")

func startCPU() (*Engine, error) { return nil, errNoCgo }

func startGPU() (*Engine, error) { return nil, errNoCgo }

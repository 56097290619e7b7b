//go:build !linux

package clitest

import "errors"

func mount(string, int) (unmount func() error, err error) { return nil, errors.ErrUnsupported }

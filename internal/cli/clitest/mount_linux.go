package clitest

import (
	"strconv"
	"syscall"
)

// mount puts an empty disk of that many bytes at dir.
func mount(dir string, bytes int) (unmount func() error, err error) {
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(bytes))
	return func() error { return syscall.Unmount(dir, 0) }, err
}

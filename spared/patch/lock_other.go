//go:build !unix

package patch

// lock does nothing where the system has no file locks of this kind.
func lock(string) (unlock func(), err error) { return func() {}, nil }

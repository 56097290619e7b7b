//go:build !unix

package catalog

func lock(string) (unlock func(), err error) { return func() {}, nil }

func room(string, int64) error { return nil }

//go:build unix

package patch

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock file for this process and returns what gives it up. The
// lock ends with the process, however that ends.
func lock(path string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, errors.New("another process is writing it: wait for that")
		}
		if err != nil {
			// Some network file systems have no locks: better without one than
			// not at all.
			return func() { f.Close(); os.Remove(path) }, nil
		}
		// Whoever had the lock may have removed the file meanwhile.
		mine, err1 := f.Stat()
		now, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, now) {
			return func() { os.Remove(path); f.Close() }, nil
		}
		f.Close()
	}
}

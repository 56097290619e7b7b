//go:build unix

package catalog

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the lock file for this process; it ends with the process,
// however that ends.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another process is downloading into this folder: wait for it, or choose another folder (--dir)")
		}
		// Some network file systems have no locks: better a download without
		// one than none.
		return func() {}, nil
	}
	return func() { f.Close() }, nil
}

// room returns an error where the file system of dir has fewer free bytes
// than asked for.
func room(dir string, bytes int64) error {
	var st syscall.Statfs_t
	if bytes <= 0 || syscall.Statfs(dir, &st) != nil {
		return nil
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < bytes {
		return fmt.Errorf("%w: %s more to come, %s free in %s", errDiskFull, mib(bytes), mib(free), dir)
	}
	return nil
}

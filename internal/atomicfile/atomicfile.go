// Package atomicfile replaces a file by a new one in one step, so that a
// reader, and whoever comes after a crash, finds the old file or the new one
// and never a part of either.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Write calls write with the name of an empty file in the folder of path and,
// if that succeeds, puts this file in the place of path: its content is forced
// to the disk before, its name after. If write or anything later fails, path
// is as it was and the temporary file is gone.
//
// A file that is replaced hands its permissions on; where path is a symbolic
// link, the file that it points to is replaced. The folder must exist. A
// process that is killed may leave the temporary file, whose name begins with
// a dot and ends in ".tmp".
func Write(path string, write func(tmp string) error) (err error) {
	path, mode, err := target(path)
	if err != nil {
		return err
	}
	tmp, err := create(path, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	if err := write(tmp); err != nil {
		return err
	}
	if err := sync(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	// Some file systems cannot sync a folder; the rename is atomic even so.
	_ = sync(filepath.Dir(path))
	return nil
}

// target returns the file to be replaced and the permissions for the new one
// (0 = those of any new file).
func target(path string) (string, fs.FileMode, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return "", 0, fmt.Errorf("%s: is a folder, want the name of a file", path)
	case err == nil && !st.Mode().IsRegular():
		return "", 0, fmt.Errorf("%s: is not a regular file", path)
	case err == nil:
		return path, st.Mode().Perm(), nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", 0, err
	}
	if st, err := os.Stat(filepath.Dir(path)); err != nil {
		return "", 0, fmt.Errorf("%s: the folder does not exist or cannot be entered; make it first: %w", path, err)
	} else if !st.IsDir() {
		return "", 0, fmt.Errorf("%s: %s is not a folder", path, filepath.Dir(path))
	}
	return path, 0, nil
}

// create makes an empty file beside path that no other process uses.
func create(path string, mode fs.FileMode) (string, error) {
	for {
		// The name differs from run to run; nothing of it reaches the result.
		tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%x.tmp", filepath.Base(path), rand.Uint64()))
		f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("%s: cannot write in its folder: %w", path, err)
		}
		if mode != 0 {
			err = f.Chmod(mode)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(tmp)
			return "", err
		}
		return tmp, nil
	}
}

// sync forces a file or folder to the disk.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

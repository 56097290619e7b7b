package slide

import (
	"os"
	"sync"
	"time"
)

// Digests remembers the records of files within one piece of work, so that a
// file which many slides come from is read for its digest once. Files are told
// apart by path, size and time of change. The zero value is ready; nil
// remembers nothing. It may be used from many goroutines.
type Digests struct {
	mu    sync.Mutex
	known map[version]Source
}

// version is a file as it was at one time.
type version struct {
	path string
	size int64
	time time.Time
}

// Of returns the record of the file at path: the one it remembers, else what
// read returns, which it remembers.
func (d *Digests) Of(path string, read func(path string) (Source, error)) (Source, error) {
	st, err := os.Stat(path)
	if d == nil || err != nil {
		return read(path) // says what is wrong
	}
	key := version{path, st.Size(), st.ModTime()}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.known[key]; ok {
		return s, nil
	}
	s, err := read(path)
	if err == nil {
		if d.known == nil {
			d.known = map[version]Source{}
		}
		d.known[key] = s
	}
	return s, err
}

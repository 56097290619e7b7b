package ckpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spatialgo/spatialgo/spared/format"
)

// File is the content of a checkpoint.
type File struct {
	// Tensors are the network's, by name: the entries of state_dict, or of the
	// whole file where that is a dictionary of tensors.
	Tensors map[string]Tensor
	// Settings is all else.
	Settings Settings
}

// Settings is a dictionary of plain values: nil, bool, int64, float64, string,
// []any for lists and tuples, Settings for dictionaries, and Tensor. Keys that
// were numbers, truth values or None are written as Python prints them.
type Settings map[string]any

// At returns what is found by going down the keys, or nil.
func (s Settings) At(keys ...string) any {
	var v any = s
	for _, k := range keys {
		inner, ok := v.(Settings)
		if !ok {
			return nil
		}
		v = inner[k]
	}
	return v
}

// Refused says that a checkpoint names something of Python that is not on the
// list of this package: torch.load would have imported and, most likely,
// called it.
type Refused struct {
	Name string // such as "os.system"
}

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("would execute %s: refused; only tensors and plain settings are read", r.Name)
}

// How files begin.
var (
	zipMagic    = []byte("PK\x03\x04")
	legacyMagic = []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e") // a pickled number that torch wrote before 1.6
)

// Is reports whether a file is to be read by this package: it begins as a
// checkpoint does, or is called so (.ckpt, .pt, .pth).
func Is(path string) bool {
	switch filepath.Ext(path) {
	case ".ckpt", ".pt", ".pth":
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(legacyMagic))
	n, _ := io.ReadFull(f, head) // a shorter file is none
	return bytes.HasPrefix(head[:n], zipMagic) || bytes.Equal(head[:n], legacyMagic)
}

// Open reads a checkpoint. Content at fault is reported as *format.Error; one
// that holds a *Refused tells of a file that would execute something.
func Open(path string) (*File, error) {
	b, err := readFile(path)
	if err == nil {
		var f *File
		if f, err = Parse(b); err == nil {
			return f, nil
		}
	}
	var e *format.Error
	if errors.As(err, &e) {
		e.Path = path
	}
	return nil, err
}

// readFile returns the content of a file, unless its first bytes tell that it
// is of another format: such a file may be far larger than any model.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, len(legacyMagic))
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if err := checkMagic(head[:n]); err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, format.Errorf("", "", "cannot be read to its end: %w", err)
	}
	return b, nil
}

func checkMagic(b []byte) error {
	switch {
	case bytes.HasPrefix(b, zipMagic):
		return nil
	case bytes.HasPrefix(b, legacyMagic):
		return format.Errorf("", "", "is in the format of PyTorch before 1.6, want that since: load it there and save it again with torch.save")
	case len(b) > 1 && b[0] == 0x80 && b[1] < 6:
		return format.Errorf("", "", "is a bare pickle, want what torch.save writes since PyTorch 1.6, a zip archive")
	}
	return format.Errorf("", "", "is not a PyTorch checkpoint: it does not begin as the zip archive that torch.save writes")
}

// Parse reads a checkpoint from memory. Tensors share that memory. Errors are
// *format.Error.
func Parse(b []byte) (*File, error) {
	if err := checkMagic(b); err != nil {
		return nil, err
	}
	a, err := openArchive(b)
	if err != nil {
		return nil, err
	}
	pickle, err := a.read(pickleName)
	if err != nil {
		return nil, err
	}
	root, err := unpickle(pickle, a)
	if err != nil {
		return nil, err
	}
	d, ok := root.(*dict)
	if !ok {
		return nil, format.Errorf("", pickleName, "holds %s, want a dictionary of tensors or of a training's state", describe(root))
	}
	return newFile(d, len(pickle), len(b))
}

// newFile sorts what the pickle built into tensors and settings.
func newFile(root *dict, pickleSize, fileSize int) (*File, error) {
	p := plainer{budget: 1000 + 2*pickleSize}
	f := &File{Tensors: map[string]Tensor{}, Settings: Settings{}}
	state := slices.Index(root.keys, any("state_dict"))
	tensors := root
	if state >= 0 {
		var ok bool
		if tensors, ok = root.values[state].(*dict); !ok {
			return nil, format.Errorf("", "state_dict", "is %s, want a dictionary of tensors", describe(root.values[state]))
		}
		rest := dict{keys: slices.Delete(slices.Clone(root.keys), state, state+1), values: slices.Delete(slices.Clone(root.values), state, state+1)}
		var err error
		if f.Settings, err = p.settings(&rest, 0); err != nil {
			return nil, err
		}
	} else if !slices.ContainsFunc(root.values, isTensor) {
		return nil, format.Errorf("", pickleName, "has neither an entry state_dict nor tensors of its own: not the checkpoint of a network")
	}
	total := 0
	for i, key := range tensors.keys {
		name, ok := key.(string)
		t, isTensor := tensors.values[i].(Tensor)
		if _, twice := f.Tensors[name]; !ok || !isTensor || twice {
			return nil, format.Errorf("", fmt.Sprint("state_dict: ", keyText(key)), "is %s or named twice, want one tensor", describe(tensors.values[i]))
		}
		f.Tensors[name] = t
		if total += t.Len(); total > fileSize {
			return nil, format.Errorf("", "state_dict", "its tensors have more elements than the file has bytes, by sharing them")
		}
	}
	return f, nil
}

func isTensor(v any) bool { _, ok := v.(Tensor); return ok }

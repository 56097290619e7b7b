package spackle

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"fmt"
	"os"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/spared"
)

// Keep makes a step of any work: it returns what the file path holds if that is
// the result of the same step, else it does the work and keeps the result there.
// It is for what a notebook computes, so that the second time opens a file:
//
//	key := widgets.Must(spackle.StepKey(ds, methods))
//	s, err := spackle.Keep(work+"/structure", key, func() (*spackle.Structure, error) {
//		return spackle.StructureOf(ctx, ds, 0, methods[0], 0)
//	})
//
// T is any type that encoding/gob takes; its unexported fields are not kept. A
// file that is damaged or of another step is replaced, and only by a complete new
// one. The error is that of the work, or says why the file cannot be written.
func Keep[T any](path, key string, work func() (T, error)) (T, error) {
	if done, ok := kept[T](path, key); ok {
		return done, nil
	}
	var none T
	if err := spared.CheckOutput(path); err != nil {
		return none, err
	}
	done, err := work()
	if err != nil {
		return none, err
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&done); err != nil {
		return none, fmt.Errorf("spackle: keeping %s: %w", path, err)
	}
	sum := sha256.Sum256(b.Bytes())
	head := keptHead(key)
	err = atomicfile.Write(path, func(tmp string) error {
		return os.WriteFile(tmp, append(append([]byte(head), sum[:]...), b.Bytes()...), 0o644)
	})
	if err != nil {
		return none, fmt.Errorf("spackle: keeping %s: %w", path, err)
	}
	return done, nil
}

// keptHead is what a file of Keep begins with, before the sum of the rest.
func keptHead(key string) string { return "spatialgo step " + key + "\n" }

// kept returns what path holds, if that is whole and of the step key.
func kept[T any](path, key string) (done T, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return done, false
	}
	b, ok = bytes.CutPrefix(b, []byte(keptHead(key)))
	if !ok || len(b) < sha256.Size || sha256.Sum256(b[sha256.Size:]) != [sha256.Size]byte(b) {
		return done, false
	}
	err = gob.NewDecoder(bytes.NewReader(b[sha256.Size:])).Decode(&done)
	return done, err == nil
}

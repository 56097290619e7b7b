package format_test

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
)

func TestError(t *testing.T) {
	for _, c := range []struct {
		reason string
		err    error
		want   string
		is     error // nil = no cause
	}{
		{"all parts", &format.Error{Path: "a.csv", Key: "x", Line: 3, Msg: "is not a number", Err: io.EOF}, "a.csv: x: line 3: is not a number: EOF", io.EOF},
		{"no part but one", &format.Error{Msg: "is empty"}, "is empty", nil},
		{"a cause stands once", format.Errorf("a.h5", "obs", "cannot be read: %w", io.ErrUnexpectedEOF), "a.h5: obs: cannot be read: unexpected EOF", io.ErrUnexpectedEOF},
		{"no cause", format.Errorf("a.h5", "", "has %d rows", 3), "a.h5: has 3 rows", nil},
		{"what is not there says so once", format.Missing("a", "there is no such folder"), "a: there is no such folder", fs.ErrNotExist},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
		if c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%s: the cause is lost", c.reason)
		}
		var fe *format.Error
		if !errors.As(c.err, &fe) {
			t.Errorf("%s: no *format.Error", c.reason)
		}
	}
}

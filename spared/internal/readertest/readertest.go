// Package readertest holds what the tests of several readers of files check
// alike.
package readertest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
)

// FormatError checks that an error is a format error that names a file, and
// that its message has all parts.
func FormatError(t *testing.T, err error, parts ...string) {
	t.Helper()
	var fe *format.Error
	if !errors.As(err, &fe) || fe.Path == "" {
		t.Errorf("error %v is not a format error that names a file", err)
	}
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// PeakMemory is the most memory that this process ever held, in bytes. The test
// is skipped where the system does not tell.
func PeakMemory(tb testing.TB) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skip("no /proc here")
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	tb.Skip("no VmHWM here")
	return 0
}

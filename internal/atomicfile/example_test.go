package atomicfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "table.csv")
	err = atomicfile.Write(path, func(tmp string) error {
		return os.WriteFile(tmp, []byte("gene,moran\nMbp,0.71\n"), 0o666)
	})
	text, _ := os.ReadFile(path)
	fmt.Print(string(text), err)
	// Output:
	// gene,moran
	// Mbp,0.71
	// <nil>
}

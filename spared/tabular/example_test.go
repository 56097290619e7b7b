package tabular_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/tabular"
)

// A folder in the layout of Andersson et al. (2021), read section by section.
func Example() {
	dir, err := os.MkdirTemp("", "tabular")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{
		"counts/A1.tsv":          "\tERBB2\tTP53\tACTB\n10x13\t4\t0\t31\n11x13\t0\t1\t27\n10x14\t9\t0\t40\n",
		"spots/A1_selection.tsv": "x\ty\tpixel_x\tpixel_y\tselected\n10\t13\t2300\t2900\t1\n11\t13\t2520\t2900\t1\n10\t14\t2300\t3120\t0\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	locations, err := tabular.Find(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, loc := range locations {
		s, err := tabular.Read(context.Background(), loc, tabular.Options{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Name, s.Organism, s.Counts.Rows, "spots", s.Counts.Cols, "genes")
		for i, b := range s.Barcodes {
			fmt.Println(b, "at", s.X[i], s.Y[i], "px")
		}
	}
	// Output:
	// A1 human 2 spots 3 genes
	// 10x13 at 2300 2900 px
	// 11x13 at 2520 2900 px
}

package visium

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spatialgo/spatialgo/spared/internal/readertest"
)

// TestParquetWithPandas: pandas reads what Write writes, and parseParquet what
// pandas writes of it, in each of its compressions.
func TestParquetWithPandas(t *testing.T) {
	python := os.Getenv("SPATIALGO_CHECK_PYTHON")
	if python == "" {
		t.Skip("SPATIALGO_CHECK_PYTHON does not name a Python with pandas and pyarrow")
	}
	if python, _ = exec.LookPath(python); python == "" {
		t.Fatal("SPATIALGO_CHECK_PYTHON names no program")
	}
	if exec.Command(python, "-c", "import pandas, pyarrow").Run() != nil {
		t.Skip("that Python has no pandas or no pyarrow")
	}
	outs, s := writeHD(t)
	from := filepath.Join(outs, binnedOutputs, "square_008um", "spatial", parquetName)
	to := t.TempDir()
	const script = `
import sys, pandas as pd
d = pd.read_parquet(sys.argv[1])
assert list(d.columns) == ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"], list(d.columns)
assert len(d) == int(sys.argv[3]) and d["barcode"].is_unique and d["pxl_col_in_fullres"].dtype == "float64"
for c in ["snappy", "gzip", "zstd", "none"]:
    d.to_parquet(f"{sys.argv[2]}/{c}.parquet", compression=None if c == "none" else c, index=False)
d.set_index("barcode").to_parquet(f"{sys.argv[2]}/index.parquet")
e = d.set_index("barcode"); e.index.name = None
e.astype({"in_tissue": "bool", "array_row": "int32", "pxl_row_in_fullres": "float64"}).to_parquet(f"{sys.argv[2]}/types.parquet", data_page_version="2.0", row_group_size=5)
d.to_parquet(f"{sys.argv[2]}/brotli.parquet", compression="brotli", index=False)
`
	if out, err := exec.Command(python, "-c", script, from, to, strconv.Itoa(len(s.Barcodes))).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(path string) ([]position, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return parseParquet(path, data)
	}
	want, err := read(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"snappy", "gzip", "zstd", "none", "index", "types"} {
		got, err := read(filepath.Join(to, name+".parquet"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(position{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	_, err = read(filepath.Join(to, "brotli.parquet"))
	readertest.FormatError(t, err, "BROTLI", "want SNAPPY")
}

package h5ad

// AnnData is an annotated matrix as the .h5ad format stores it: rows are
// observations (spots), columns variables (genes).
//
// The values of X, Layers, Obsm, Varm, Obsp, Varp and Uns are of these types,
// written with the on-disk encoding of the same meaning and read back as the
// same type:
//
//	*Array           dense array of any rank and element type ("array", "string-array")
//	*Sparse          compressed rows or columns ("csr_matrix", "csc_matrix")
//	*Frame           table ("dataframe")
//	*Column          one nullable or categorical column ("categorical", "nullable-integer", ...)
//	*Records         one-dimensional array of named columns ("rec-array")
//	map[string]any   group ("dict")
//	string, bool, int64, float64   scalars ("string", "numeric-scalar")
//	nil              anndata's None ("null"): read, never written
type AnnData struct {
	X      any
	Obs    *Frame
	Var    *Frame
	Layers map[string]any
	Obsm   map[string]any
	Varm   map[string]any
	Obsp   map[string]any
	Varp   map[string]any
	Uns    map[string]any
	Raw    map[string]any // X, var, varm of anndata's raw; nil where absent
}

// Array is a dense row-major array.
type Array struct {
	Shape []int
	// Data is one of []bool, []int8, []uint8, []int16, []uint16, []int32,
	// []uint32, []int64, []uint64, []float32, []float64, []string.
	Data any
}

// Sparse is a compressed sparse matrix. Rows are compressed unless Columns is
// set.
type Sparse struct {
	Rows, Cols int
	Columns    bool // compressed by column (csc_matrix)
	IndPtr     []int64
	Indices    []int32
	Data       any // as Array.Data, of numbers or bool
}

// Frame is a table with an index and columns in order.
type Frame struct {
	IndexName string   // "" = "_index"
	Index     []string // one entry a row
	Columns   []Column
}

// Column is one column of a Frame.
type Column struct {
	Name string
	// Data holds the values as Array.Data does. For a categorical it is nil.
	Data any
	// Missing marks missing values of a nullable column; nil = none and not
	// nullable. A categorical marks them with the code -1 instead.
	Missing []bool
	// Codes and Categories make the column categorical: Categories is a
	// slice as Data, Codes index it.
	Codes      []int32
	Categories any
	Ordered    bool
}

// Package dense names the plain row-major matrix that the algorithm packages
// of spared work on. In this module rows are spots and columns are genes unless
// a function says otherwise.
//
// A Matrix[float32] has the fields of gonum's blas32.General in the same order,
// so a layer of a data set converts both ways without a copy:
//
//	m := dense.Matrix[float32](layer)
//	layer = blas32.General(m)
//
// gonum's blas64.General has the same fields in another order, which Go does not
// convert; a literal that names them shares the memory just as well. For gonum's
// mat package there is mat.NewDense(m.Rows, m.Cols, m.Data), where the stride
// equals the number of columns.
package dense

package neighbor

import "fmt"

// Kind is the arrangement of spots on an instrument's array.
type Kind int

const (
	Unknown Kind = iota // not a lattice that is known here
	Hex                 // rows shifted by half a spot: Visium, ST 2K; see [HexLattice]
	Square              // rows and columns: legacy ST, Visium HD bins; see [SquareLattice]
)

// String returns "hex", "square" or "unknown".
func (k Kind) String() string {
	switch k {
	case Hex:
		return "hex"
	case Square:
		return "square"
	}
	return "unknown"
}

// maxArray bounds array rows and columns, so that a step from one to the next
// never overflows and a place fits one map key.
const maxArray = 1 << 30

// The steps from a spot to its lattice neighbours, as (row, column).
var (
	hexSteps    = [][2]int{{0, -2}, {0, 2}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}}
	squareSteps = [][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}}
)

// Lattice tells from the array places of one slide's spots how the array is
// made. Spots of a hexagonal array have rows and columns of which all sums are
// even, or all odd, since a row is shifted by one column against the next and
// columns in a row are two apart; it is Hex if so and at least half of the
// spots touch another by a hexagonal step. It is Square if at least half touch
// another in their own row or column. Anything else is Unknown: a few
// scattered spots, places that the file does not give, or slices of different
// lengths.
func Lattice(row, col []int) Kind {
	at, err := places(row, col)
	if err != nil || len(row) < 2 {
		return Unknown
	}
	even, hex, square := 0, 0, 0
	for i := range row {
		even += 1 - (row[i]+col[i])&1
		if touches(at, row[i], col[i], hexSteps) {
			hex++
		}
		if touches(at, row[i], col[i], squareSteps[:4]) {
			square++
		}
	}
	switch {
	case (even == 0 || even == len(row)) && 2*hex >= len(row):
		return Hex
	case 2*square >= len(row):
		return Square
	}
	return Unknown
}

func touches(at map[[2]int]int32, row, col int, steps [][2]int) bool {
	for _, s := range steps {
		if _, ok := at[[2]int{row + s[0], col + s[1]}]; ok {
			return true
		}
	}
	return false
}

// HexLattice returns the graph of touching spots on a hexagonal array: those
// of array place (row, col±2) and (row±1, col±1), as far as they are there. It
// is symmetric; a spot at the border or beside a gap has fewer than six, where
// [KNN] would reach across.
//
// Visium's array_row and array_col are such places; of the ST 2K array take
// its y as row and its x as col. It is an error, which names the spots, if two
// have the same place (two slides in one call?) or the sum of row and column
// is even for some and odd for others (a square array?).
func HexLattice(row, col []int) (*Graph, error) {
	at, err := places(row, col)
	if err != nil {
		return nil, err
	}
	for i := range row {
		if (row[i]+col[i]-row[0]-col[0])&1 != 0 {
			return nil, fmt.Errorf("neighbor: spots 0 and %d are at row %d, column %d and row %d, column %d: on a hexagonal array row+column are all even or all odd", i, row[0], col[0], row[i], col[i])
		}
	}
	return latticeGraph(at, row, col, hexSteps)
}

// SquareLattice returns the graph of touching spots on a square array: k = 4
// gives those above, below, left and right, k = 8 also the four at the corners.
// It is symmetric; a spot at the border or beside a gap has fewer. It is an
// error if k is neither, or two spots, which it names, have the same place.
func SquareLattice(row, col []int, k int) (*Graph, error) {
	if k != 4 && k != 8 {
		return nil, fmt.Errorf("neighbor: %d neighbours wanted on a square array, which has 4 or 8", k)
	}
	at, err := places(row, col)
	if err != nil {
		return nil, err
	}
	return latticeGraph(at, row, col, squareSteps[:k])
}

// places returns the spot at each place of the array.
func places(row, col []int) (map[[2]int]int32, error) {
	if len(row) != len(col) {
		return nil, fmt.Errorf("neighbor: %d array rows but %d array columns", len(row), len(col))
	}
	at := make(map[[2]int]int32, len(row))
	for i := range row {
		if r, c := row[i], col[i]; min(r, c) < -maxArray || max(r, c) > maxArray {
			return nil, fmt.Errorf("neighbor: spot %d is at array row %d, column %d, beyond ±%d", i, r, c, maxArray)
		}
		place := [2]int{row[i], col[i]}
		if j, taken := at[place]; taken {
			return nil, fmt.Errorf("neighbor: spots %d and %d are both at array row %d, column %d", j, i, row[i], col[i])
		}
		at[place] = int32(i)
	}
	return at, nil
}

func latticeGraph(at map[[2]int]int32, row, col []int, steps [][2]int) (*Graph, error) {
	b := newBuilder(len(row), len(row)*len(steps))
	for i := range row {
		for _, s := range steps {
			if j, ok := at[[2]int{row[i] + s[0], col[i] + s[1]}]; ok {
				b.index = append(b.index, j)
			}
		}
		if err := b.closeRow(); err != nil {
			return nil, err
		}
	}
	return b.graph(), nil
}

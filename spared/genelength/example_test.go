package genelength_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/genelength"
)

func ExampleTable_Length() {
	ids := []string{"ENSG00000141510.19", "ENSG00000198888"}
	t, err := genelength.Open(genelength.OrganismOf(ids))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range ids {
		bp, ok := t.Length(id)
		fmt.Println(id, bp, ok)
	}
	_, err = genelength.Open("rat")
	fmt.Println(err)
	// Output:
	// ENSG00000141510.19 3481 true
	// ENSG00000198888 0 false
	// genelength: no gene lengths for "rat"; there are human and mouse
}

func ExampleTable_IDOf() {
	t, err := genelength.Open("human")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, symbol := range []string{"ERBB2", "erbb2"} {
		id, ok := t.IDOf(symbol)
		fmt.Println(symbol, id, ok)
	}
	// Output:
	// ERBB2 ENSG00000141736 true
	// erbb2  false
}

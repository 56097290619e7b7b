package engine_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/spatialgo/spatialgo/internal/engine"
)

func ExampleOpen() {
	e, err := engine.Open(engine.Options{Kind: engine.Go})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	norm, err := graph.CallOnce(e.Backend, func(x *graph.Node) *graph.Node { return graph.L2Norm(x) }, []float32{3, 4})
	fmt.Println(e.Kind, norm.Value(), err)
	// Output: go 5 <nil>
}

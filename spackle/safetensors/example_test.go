package safetensors_test

import (
	"bytes"
	"fmt"

	"github.com/spatialgo/spatialgo/spackle/safetensors"
)

func Example() {
	var file bytes.Buffer
	err := safetensors.Write(&file, safetensors.File{
		Tensors: map[string]safetensors.Tensor{"weight": safetensors.Float32([]int{2, 2}, []float32{1, 2, 3, 4})},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := safetensors.Parse(file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	w := back.Tensors["weight"]
	values, err := w.Float32s()
	fmt.Println(w.DType, w.Shape, values, err)
	// Output: F32 [2 2] [1 2 3 4] <nil>
}

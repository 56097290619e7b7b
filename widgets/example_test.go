package widgets_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/widgets"
)

// fourSpots is a data set of two genes on a corner of a Visium grid.
func fourSpots() *spared.Dataset {
	ds := &spared.Dataset{
		Genes: []spared.Gene{
			{ID: "ENSMUSG00000031972", Symbol: "Acta1", Moran: 0.81},
			{ID: "ENSMUSG00000030399", Symbol: "Ckm", Moran: 0.64},
		},
		Sections: []spared.Section{{Name: "muscle"}},
		Layers: map[string]blas32.General{
			spared.LayerLog:   {Rows: 4, Cols: 2, Stride: 2, Data: []float32{0, 5, 8, 0, 7, 6, 9, 4}},
			spared.LayerCTLog: {Rows: 4, Cols: 2, Stride: 2, Data: []float32{7.5, 5, 8, 5.1, 7, 6, 9, 4}},
		},
		Mask: []bool{false, true, true, false, true, true, true, true},
	}
	for i, p := range [][2]int{{0, 0}, {0, 2}, {1, 1}, {1, 3}} {
		ds.Spots = append(ds.Spots, spared.Spot{ID: fmt.Sprint("muscle_", i), Barcode: fmt.Sprint("AAAC-", i),
			ArrayRow: p[0], ArrayCol: p[1], X: 50 * float64(p[1]), Y: 86.6 * float64(p[0])})
	}
	ds.Manifest.Completer = "SpaCKLE"
	return ds
}

func ExampleMap() {
	m, err := widgets.Map(fourSpots(), widgets.MapOptions{Gene: "Acta1", Layer: spared.LayerLog})
	if err != nil {
		fmt.Println(err)
		return
	}
	widgets.Show(m) // in a notebook: the map
	// Output:
	// Map of Acta1 ENSMUSG00000031972: log2(TPM+1), as measured, slide muscle, 4 spots, Moran’s I 0.81, measured in 75 % of spots
	//   as measured: least 7.0, mean 8.0, greatest 9.0 log2(TPM+1) of measured spots; colours from 7.0 to 9.0
}

func ExampleCompare() {
	c, err := widgets.Compare(fourSpots(), widgets.CompareOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	widgets.Show(c)
	// Output:
	// Map of Acta1 ENSMUSG00000031972: slide muscle, 4 spots, Moran’s I 0.81, measured in 75 % of spots
	//   the first of 2 genes
	//   as measured: least 7.0, mean 8.0, greatest 9.0 log2(TPM+1) of measured spots; colours from 7.0 to 9.0
	//   completed by SpaCKLE: least 7.0, mean 7.9, greatest 9.0 log2(TPM+1); colours from 7.0 to 9.0
}

func ExampleScores() {
	s, err := widgets.Scores("Hidden values", "log2(TPM+1)", []widgets.ScoreRow{
		{Name: "SpaCKLE", MSE: widgets.Score{Mean: 0.61, SD: 0.03}, PCC: widgets.Score{Mean: 0.93}, N: 51234},
		{Name: "adaptive median", MSE: widgets.Score{Mean: 1.48, SD: 0.06}, PCC: widgets.Score{Mean: 0.84}, N: 51234},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	widgets.Show(s)
	// Output:
	// Hidden values (values in log2(TPM+1))
	//   method           MSE            PCC    values
	//   SpaCKLE          0.610 ± 0.030  0.930  51,234
	//   adaptive median  1.480 ± 0.060  0.840  51,234
}

func ExampleWritePage() {
	m, err := widgets.Map(fourSpots(), widgets.MapOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	path := filepath.Join(os.TempDir(), "muscle.html")
	defer os.Remove(path)
	if err := widgets.WritePage(path, "Muscle", m); err != nil {
		fmt.Println(err)
		return
	}
	info, err := os.Stat(path)
	fmt.Println(err == nil && info.Size() > 400_000, "one file, library inside")
	// Output: true one file, library inside
}

func ExampleNewTraining() {
	t := widgets.NewTraining("SpaCKLE", "log2(TPM+1)") // in a notebook: changes in place
	for step, loss := range []float64{3.1, 1.4, 0.9} {
		t.Add(step, loss, 1.1*loss, fmt.Sprintf("epoch %d of 3", step+1))
	}
	fmt.Println(t.Close().Text())
	// Output:
	// SpaCKLE
	//   loss: from 3.10 to 0.90, least 0.90 at 2
	//   validation MSE: from 3.41 to 0.99, least 0.99 at 2
}

func ExampleMaskingSweep() {
	f, err := widgets.MaskingSweep(widgets.Sweep{
		Data: "hippo, test slides", Unit: "log2(TPM+1)", Shares: []float64{0.1, 0.3, 0.5}, Floor: []float64{0.45},
		Methods: []widgets.SweepMethod{
			{Name: "Poisson factor", MSE: widgets.Band{Value: []float64{0.52, 0.54, 0.59}, Low: []float64{0.51, 0.53, 0.58}, High: []float64{0.53, 0.55, 0.60}}},
			{Name: "adaptive median", MSE: widgets.Band{Value: []float64{1.9, 2.3, 1.6}}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	widgets.Show(f)
	// Output:
	// Error by share of hidden values, MSE
	//   Poisson factor: from 0.520 to 0.590, least 0.520 at 10
	//   adaptive median: from 1.90 to 1.60, least 1.60 at 50
	//   noise floor: from 0.450 to 0.450, least 0.450 at 10
}

func ExampleHiddenMaps() {
	ds := fourSpots()
	hidden := make([]bool, len(ds.Mask)) // [spots][genes]
	hidden[2*2] = true                   // Acta1 at the third spot
	guess := blas32.General{Rows: 4, Cols: 2, Stride: 2, Data: []float32{7, 5, 8, 5, 7.5, 6, 8, 4}}
	f, err := widgets.HiddenMaps(ds, hidden, []widgets.Panel{{Title: "mine", Values: guess}}, widgets.CompareOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	widgets.Show(f)
	// Output:
	// Map of Acta1 ENSMUSG00000031972: slide muscle, hidden at 1 of 3 measured spots, MSE there: mine 0.250, 4 spots, Moran’s I 0.81, measured in 75 % of spots
	//   what the methods saw: least 7.0, mean 8.0, greatest 9.0 log2(TPM+1) of measured spots; colours from 7.0 to 9.0
	//   mine: least 7.0, mean 7.9, greatest 9.0 log2(TPM+1); colours from 7.0 to 9.0
	//   truth: least 7.0, mean 8.0, greatest 9.0 log2(TPM+1) of measured spots; colours from 7.0 to 9.0
}

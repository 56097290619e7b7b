package catalog_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/catalog"
)

func ExampleFind() {
	d, err := catalog.Find("vlo")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Name, d.Organism, d.Spots.Total(), "spots")
	fmt.Println("train:", d.SlideNames(spared.Train))
	fmt.Println("paper:", d.Source.Publication)
	_, err = catalog.Find("vicari_mose_brain")
	fmt.Println(err)
	// Output:
	// villacampa_lung_organoid human 1832 spots
	// train: [V19D02-088_A1 V19D02-088_B1]
	// paper: 10.1016/j.xgen.2021.100065
	// catalog: no such data set: "vicari_mose_brain"; did you mean vicari_mouse_brain (VMB)?
}

func ExampleRecipe() {
	r, err := catalog.Recipe("MHSI")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Organism, r.Genes, "genes, batches by", r.BatchKey, "and spots above", r.SpotMin, "counts")
	fmt.Println(r.Val, r.Patients[r.Val[0]])
	// Output:
	// human 32 genes, batches by patient and spots above 800 counts
	// [V19T26-028_C1] V19T26-028
}

func ExampleResolve() {
	ctx := context.Background()
	r, err := catalog.Resolve(ctx, []string{"my/slides"}, spared.Recipe{Genes: 64}, catalog.ResolveOptions{})
	fmt.Println(r.Inputs[0].Dir, r.Genes, err)
	_, err = catalog.Resolve(ctx, []string{"VMB"}, spared.Recipe{}, catalog.ResolveOptions{Dir: "/nowhere"})
	fmt.Println(err)
	// Output:
	// my/slides 64 <nil>
	// catalog: vicari_mouse_brain (VMB) is not downloaded: no slide in /nowhere/vicari_mouse_brain/V11L12-038_A1; run: spared fetch VMB --dir /nowhere
}

func ExampleFetch() {
	r, err := catalog.Fetch(context.Background(), "PMI", catalog.Options{
		Dir:    "/scratch/spatial",
		Mirror: catalog.Mirror{"ftp.ncbi.nlm.nih.gov": "https://mirror.example.org/geo"},
		Client: http.DefaultClient,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Slides)
}

package main

import (
	"fmt"
	"os"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/widgets"
)

// page writes explore.html: for each slide the maps as measured and completed,
// and the numbers.
func (d *demo) page(ds *spared.Dataset) error {
	figures := []widgets.Figure{widgets.Slides(ds)}
	for i := len(ds.Sections) - 1; i >= 0; i-- { // the slides that the model did not learn from come first
		f, err := widgets.Compare(ds, widgets.CompareOptions{Slide: ds.Sections[i].Name})
		if err != nil {
			return err
		}
		figures = append(figures, f)
	}
	violins, err := widgets.Violin(ds, widgets.ViolinOptions{By: "slide", Layers: []string{spared.LayerCTLog}})
	if err != nil {
		return err
	}
	scores, err := d.scores()
	if err != nil {
		return err
	}
	if err := d.picture(ds); err != nil {
		return err
	}
	return widgets.WritePage(d.path("explore.html"), "Completed expression maps", append(figures, violins, scores)...)
}

// pictureGene is the gene of the README's picture: collagen, which marks the
// stroma. Other data sets show their most spatial gene.
const pictureGene = "COL1A1"

// picture writes compare.png, the maps of one gene on the last slide.
func (d *demo) picture(ds *spared.Dataset) error {
	o := widgets.CompareOptions{Slide: ds.Sections[len(ds.Sections)-1].Name}
	if ds.GeneIndex(pictureGene) >= 0 {
		o.Genes = []string{pictureGene}
	}
	f, err := widgets.Compare(ds, o)
	if err != nil {
		return err
	}
	png, err := f.PNG()
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("compare.png"), png, 0o644)
}

// scores draws the evaluation.
func (d *demo) scores() (*widgets.PlotFigure, error) {
	e := d.summary.Evaluation
	var rows []widgets.ScoreRow
	for _, m := range e.Methods {
		rows = append(rows, widgets.ScoreRow{Name: m.Name, MSE: widgets.Score{Mean: m.MSE, SD: m.MSESD},
			MAE: widgets.Score{Mean: m.MAE}, PCC: widgets.Score{Mean: m.PCCGene}, N: m.N})
	}
	title := fmt.Sprintf("Hidden values of the %s spots (rule %s, %d masks, seed %d)", e.Split, e.Rule, e.Masks, e.Seed)
	return widgets.Scores(title, e.Unit, rows)
}

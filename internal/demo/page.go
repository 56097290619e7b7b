package main

import (
	"fmt"

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
	return widgets.WritePage(d.path("explore.html"), "Completed expression maps", append(figures, violins, scores)...)
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

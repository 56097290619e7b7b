package spared

import "slices"

// Summary is a data set in a few numbers, for people and for JSON.
type Summary struct {
	Path          string         `json:"path,omitempty"`
	Spots         int            `json:"spots"`
	Genes         int            `json:"genes"`
	Panel         int            `json:"panel"`        // genes that passed the filter, the chosen ones among them
	PanelCounts   bool           `json:"panel_counts"` // whether their counts are there (adata.raw)
	Organism      string         `json:"organism"`
	Order         Order          `json:"order"`
	Normalization Normalization  `json:"normalization"`
	Unit          string         `json:"unit"` // of the log layers, e.g. "log2(TPM+1)"
	Splits        string         `json:"splits"`
	MissingBefore float64        `json:"missing_before"` // share of entries of the joined slides without a count, 0 to 1
	Missing       float64        `json:"missing"`        // the same over the chosen genes and kept spots
	Slides        []SlideSummary `json:"slides"`
	Layers        []string       `json:"layers"`
	TopGenes      []string       `json:"top_genes"`
	Notes         []string       `json:"notes"`
	Steps         []ManifestStep `json:"steps"`
}

// SlideSummary is one slide of a Summary.
type SlideSummary struct {
	Name         string  `json:"name"`
	Split        string  `json:"split"` // "train+val" for a lone slide
	Spots        int     `json:"spots"`
	Missing      float64 `json:"missing"`       // 0 to 1
	MedianCounts float64 `json:"median_counts"` // per spot, over the genes that passed the filter
	Picture      string  `json:"picture"`       // "hires", "lowres" or "none"
}

// topGenes is how many genes a Summary names.
const topGenes = 8

// Summary describes the data set.
func (d *Dataset) Summary() Summary {
	m := &d.Manifest
	s := Summary{
		Spots: len(d.Spots), Genes: len(d.Genes), Panel: len(d.Panel), PanelCounts: d.PanelCounts != nil, Organism: m.Organism, Order: m.Recipe.Order,
		Normalization: d.Normalization(), Unit: d.Unit(LayerLog), Splits: m.Splits,
		Missing: d.Missing(), Layers: d.LayerNames(), Notes: m.Notes, Steps: m.Steps,
	}
	if len(m.Steps) > 0 {
		s.MissingBefore = m.Steps[0].Missing
	}
	for j := range min(topGenes, len(d.Genes)) {
		s.TopGenes = append(s.TopGenes, d.geneName(j))
	}
	for i := range d.Sections {
		s.Slides = append(s.Slides, d.slideSummary(i))
	}
	return s
}

func (d *Dataset) slideSummary(i int) SlideSummary {
	sec := &d.Sections[i]
	s := SlideSummary{Name: sec.Name, Picture: "none"}
	switch {
	case sec.Hires != nil:
		s.Picture = "hires"
	case sec.Lowres != nil:
		s.Picture = "lowres"
	}
	var totals []float64
	measured, has := 0, [Test + 1]bool{}
	for _, k := range d.SpotsOf(i) {
		totals = append(totals, d.Spots[k].TotalCounts)
		has[d.Spots[k].Split] = true
		for _, m := range d.Mask[k*len(d.Genes) : (k+1)*len(d.Genes)] {
			if m {
				measured++
			}
		}
	}
	for split, there := range has {
		if there && s.Split != "" {
			s.Split += "+"
		}
		if there {
			s.Split += Split(split).String()
		}
	}
	s.Spots = len(totals)
	if n := len(totals) * len(d.Genes); n > 0 {
		s.Missing = 1 - float64(measured)/float64(n)
	}
	if len(totals) > 0 {
		slices.Sort(totals)
		s.MedianCounts = (totals[(len(totals)-1)/2] + totals[len(totals)/2]) / 2
	}
	return s
}

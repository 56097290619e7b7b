package baseline

import (
	"fmt"
	"strings"
)

// Info says of a completer what a list of methods shows beside its name.
type Info struct {
	Idea   string `json:"idea"`   // one line
	Source string `json:"source"` // paper, or function of the library it follows
	Needs  Needs  `json:"needs"`
}

// Described is a completer that says what it is. One's own need not be.
type Described interface {
	Info() Info
}

// Describe returns what a completer says of itself, or nothing of one that
// doesn't.
func Describe(c Completer) Info {
	if d, ok := c.(Described); ok {
		return d.Info()
	}
	return Info{}
}

// Needs says what a method looks at beside values and places of the spots. The
// zero value is a method that looks at nothing else.
type Needs struct {
	Train    Need `json:"train"`    // other slides to learn from (Fit)
	Counts   Need `json:"counts"`   // raw counts
	Rest     Need `json:"rest"`     // counts of genes that are not completed
	Features Need `json:"features"` // image features
	Graph    Need `json:"graph"`    // the graph of neighbours
}

// Need says whether a method looks at something.
type Need uint8

// The needs. The zero value is Unused.
const (
	Unused   Need = iota
	Used          // where there is any; it works without
	Required      // it fails without
)

// String returns "no", "used" or "required".
func (n Need) String() string {
	switch n {
	case Unused:
		return "no"
	case Used:
		return "used"
	case Required:
		return "required"
	}
	return fmt.Sprintf("Need(%d)", uint8(n))
}

// MarshalText implements [encoding.TextMarshaler].
func (n Need) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (n *Need) UnmarshalText(b []byte) error {
	for _, m := range []Need{Unused, Used, Required} {
		if m.String() == string(b) {
			*n = m
			return nil
		}
	}
	return fmt.Errorf("%q is not a need: want %s, %s or %s", b, Unused, Used, Required)
}

// parts are the needs with their names.
func (n *Needs) parts() []struct {
	name string
	need *Need
} {
	return []struct {
		name string
		need *Need
	}{
		{"counts", &n.Counts}, {"neighbour graph", &n.Graph}, {"train slides", &n.Train},
		{"other genes", &n.Rest}, {"image features", &n.Features},
	}
}

// String returns e.g. "counts, train slides if any"; "" without needs.
func (n Needs) String() string {
	var out []string
	for _, p := range n.parts() {
		switch *p.need {
		case Used:
			out = append(out, p.name+" if any")
		case Required:
			out = append(out, p.name)
		}
	}
	return strings.Join(out, ", ")
}

// Info implements [Described].
func (Zero) Info() Info {
	return Info{Idea: "0 everywhere: the table as it is", Source: "for comparison"}
}

// Info implements [Described].
func (*GeneMean) Info() Info {
	return Info{Idea: "the gene's mean over the train slides", Source: "for comparison", Needs: Needs{Train: Used}}
}

// Info implements [Described].
func (SlideMean) Info() Info {
	return Info{Idea: "the gene's mean over the slide", Source: "for comparison"}
}

// Info implements [Described].
func (Median) Info() Info {
	return Info{Idea: "median of the smallest neighbourhood in which it is not 0",
		Source: "adaptive median: Mejia et al. 2023 (SEPAL), SpaRED", Needs: Needs{Graph: Required}}
}

// Info implements [Described].
func (*KNNMean) Info() Info {
	return Info{Idea: "mean of what the 18 nearest spots show", Source: "k-nearest-neighbour regression", Needs: Needs{Train: Used}}
}

// Info implements [Described].
func (*Kernel) Info() Info {
	return Info{Idea: "mean of what is visible around, nearer spots counting more", Source: "Nadaraya 1964, Watson 1964", Needs: Needs{Train: Used}}
}

// Info implements [Described].
func (m *SME) Info() Info {
	info := Info{Idea: "mean of the spots most alike in place, picture and expression, zeros included",
		Source: "stLearn's SME imputation: Pham et al. 2023, sme_impute0", Needs: Needs{Counts: Used, Rest: Used, Features: Used}}
	if m.VisibleOnly {
		info.Idea, info.Needs.Train = "mean of what is visible at spots alike in place, picture and expression", Used
	}
	return info
}

// Info implements [Described].
func (*SoftImpute) Info() Info {
	return Info{Idea: "matrix of low rank that agrees with what is visible, at the spot and around",
		Source: "Mazumder, Hastie & Tibshirani 2010", Needs: Needs{Train: Used, Counts: Used}}
}

// Info implements [Described].
func (*Depth) Info() Info {
	return Info{Idea: "a line per gene on how deeply the spot was sequenced", Source: "SpatialGo", Needs: Needs{Train: Used, Counts: Required, Rest: Used}}
}

// Info implements [Described].
func (m *Ridge) Info() Info {
	idea := "regression on what the gene and others show here and around, learnt by hiding values"
	if m.TrainOnly {
		idea += " of train slides"
	}
	return Info{Idea: idea, Source: "Hoerl & Kennard 1970; features: SpatialGo", Needs: Needs{Train: Used, Counts: Required, Rest: Used}}
}

// Info implements [Described].
func (*SpatialFactor) Info() Info {
	return Info{Idea: "smooth factors of the visible values beyond depth", Source: "SpatialGo", Needs: Needs{Train: Used, Counts: Required, Rest: Used}}
}

// Info implements [Described].
func (*ZTPFactor) Info() Info {
	return Info{Idea: "smooth factors of the rates of the visible counts, zeros left out",
		Source: "zero-truncated Poisson; SpatialGo", Needs: Needs{Train: Used, Counts: Required, Rest: Used}}
}

// Info implements [Described].
func (PoissonKernel) Info() Info {
	return Info{Idea: "counts around over those that depth lets expect, zeros included", Source: "SpatialGo", Needs: Needs{Counts: Required}}
}

// Info implements [Described].
func (PoissonFactor) Info() Info {
	return Info{Idea: "smooth factors of the rates of all counts, zeros included",
		Source: "Poisson factor analysis; SpatialGo", Needs: Needs{Counts: Required, Rest: Used}}
}

// Info implements [Described]. A mean needs what any of its methods needs.
func (m Mean) Info() Info {
	info := Info{Idea: "plain mean of several methods", Source: "SpatialGo"}
	all := info.Needs.parts()
	for _, c := range m {
		one := Describe(c).Needs
		for k, p := range one.parts() {
			*all[k].need = max(*all[k].need, *p.need)
		}
	}
	return info
}

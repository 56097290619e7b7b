package baseline

import (
	"fmt"
	"math/rand/v2"
)

// Rule says how often the measured values of a gene are hidden. With f_g the
// share of spots in which gene g has a count:
//
//	P30   p_g = min(1, 0.3/f_g)        30 % of all entries of each gene, as far as it has them
//	PMed  p_g = min(1, (1-f_g)/f_g)    as many as are missing anyway
//
// Both are probabilities for a measured value, so of all entries of a gene
// p_g·f_g are hidden. P30 is the rule of training (and of testing in the
// released library, where it is called mask_prob); PMed is the one that the
// published numbers were tested with (prob_median).
type Rule uint8

// The rules. The zero value is P30.
const (
	P30 Rule = iota
	PMed
)

// String returns "p30" or "pmed".
func (r Rule) String() string {
	switch r {
	case P30:
		return "p30"
	case PMed:
		return "pmed"
	}
	return fmt.Sprintf("Rule(%d)", uint8(r))
}

// ParseRule is the inverse of Rule.String.
func ParseRule(s string) (Rule, error) {
	for _, r := range []Rule{P30, PMed} {
		if s == r.String() {
			return r, nil
		}
	}
	return P30, fmt.Errorf("%q is not a masking rule: want p30 or pmed", s)
}

// Probabilities returns the probability p_g with which a measured value of
// each gene is hidden, from the share f_g of spots with a count, 0 to 1. A
// gene without any count has nothing to hide and gets 1.
func (r Rule) Probabilities(f []float64) []float64 {
	p := make([]float64, len(f))
	for g, f := range f {
		share := 0.3 // of all entries of the gene
		if r == PMed {
			share = 1 - f
		}
		p[g] = 1
		if share < f {
			p[g] = share / f
		}
	}
	return p
}

// Draw returns which measured values are hidden, Eq. 1 of the paper:
// hidden = measured AND U < p_g with U uniform on [0, 1). measured is
// [rows][genes] row-major and stays as it is. One U is drawn per entry,
// measured or not, so that what is measured does not shift the draws of other
// entries.
func (r Rule) Draw(rng *rand.Rand, measured []bool, p []float64, genes int) []bool {
	hidden := make([]bool, len(measured))
	for at := 0; at+genes <= len(measured); at += genes {
		for g, p := range p[:genes] {
			hidden[at+g] = rng.Float64() < p && measured[at+g]
		}
	}
	return hidden
}

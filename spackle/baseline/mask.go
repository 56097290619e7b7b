package baseline

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Rule says how often the measured values of a gene are hidden. With f_g the
// share of spots in which gene g has a count:
//
//	P30   p_g = min(1, 0.3/f_g)        30 % of all entries of each gene, as far as it has them
//	p10   p_g = min(1, 0.1/f_g)        10 %; and so on, see Percent
//	PMed  p_g = min(1, (1-f_g)/f_g)    as many as are missing anyway
//
// All are probabilities for a measured value, so of all entries of a gene
// p_g·f_g are hidden. P30 is the rule of training (and of testing in the
// released library, where it is called mask_prob); PMed is the one that the
// published numbers were tested with (prob_median). Other shares make the
// paper's curve of the error against the share that is hidden.
type Rule uint8

// The rules with a name. The zero value is P30. Percent makes the others.
const (
	P30 Rule = iota
	PMed
)

// The least and the greatest share that a rule hides, in percent.
const minPercent, maxPercent = 2, 99

// Percent returns the rule that hides n % of all entries of each gene, as far
// as it has them. n is 2 to 99; Percent(30) is P30.
func Percent(n int) (Rule, error) {
	switch {
	case n < minPercent || n > maxPercent:
		return P30, fmt.Errorf("%d %% of all entries cannot be hidden: want %d to %d", n, minPercent, maxPercent)
	case n == 30:
		return P30, nil
	}
	return Rule(n), nil
}

// percent returns the share of all entries that the rule hides, in percent; 0
// for PMed, which hides another share of each gene.
func (r Rule) percent() int {
	switch r {
	case P30:
		return 30
	case PMed:
		return 0
	}
	return int(r)
}

// String returns "p30", "p10" and so on, or "pmed".
func (r Rule) String() string {
	switch n := r.percent(); {
	case r == PMed:
		return "pmed"
	case n > maxPercent:
		return fmt.Sprintf("Rule(%d)", uint8(r))
	default:
		return fmt.Sprintf("p%d", n)
	}
}

// ParseRule is the inverse of Rule.String.
func ParseRule(s string) (Rule, error) {
	if s == PMed.String() {
		return PMed, nil
	}
	if digits, ok := strings.CutPrefix(s, "p"); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			if r, err := Percent(n); err == nil && r.String() == s {
				return r, nil
			}
		}
	}
	return P30, fmt.Errorf("%q is not a masking rule: want p30 or pmed, or another share, p%d to p%d", s, minPercent, maxPercent)
}

// Probabilities returns the probability p_g with which a measured value of
// each gene is hidden, from the share f_g of spots with a count, 0 to 1. A
// gene without any count has nothing to hide and gets 1.
func (r Rule) Probabilities(f []float64) []float64 {
	p := make([]float64, len(f))
	for g, f := range f {
		share := float64(r.percent()) / 100 // of all entries of the gene
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
	if genes == 0 {
		return hidden
	}
	for at := 0; at+genes <= len(measured); at += genes {
		for g, p := range p[:genes] {
			hidden[at+g] = rng.Float64() < p && measured[at+g]
		}
	}
	return hidden
}

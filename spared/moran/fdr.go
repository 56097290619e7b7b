package moran

import (
	"cmp"
	"math"
	"slices"
)

// BenjaminiHochberg returns p adjusted for the number of tests: to call all
// genes significant whose adjusted value is at most q keeps the expected share
// of false ones among them at q or less (Benjamini & Hochberg, Journal of the
// Royal Statistical Society B 57:289, 1995; independent or positively dependent
// tests). The r-th smallest of m values becomes
//
//	min over s ≥ r of p₍s₎·m/s,
//
// as in R's p.adjust and statsmodels' fdr_bh. NaN, a gene without a test, stays
// NaN and does not count. p is left as it is.
func BenjaminiHochberg(p []float64) []float64 {
	adjusted := slices.Clone(p)
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	least := 1.0
	for r := len(order); r > 0; r-- {
		i := order[r-1]
		least = min(least, p[i]*float64(len(order))/float64(r))
		adjusted[i] = least
	}
	return adjusted
}

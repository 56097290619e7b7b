package embed

import (
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

const (
	fuzzySteps     = 64   // of the bisection for σ
	fuzzyTolerance = 1e-5 // of the sum that σ is chosen by
	leastScale     = 1e-3 // σ is at least this share of the mean distance
)

// Connectivities returns UMAP's fuzzy simplicial set of the neighbours, a
// symmetric matrix [spots][spots] of values in (0, 1] with an empty diagonal
// (scanpy's obsp["connectivities"]). With ρᵢ the distance of i to its nearest
// neighbour that is not in the same place, and σᵢ such that
// Σⱼ exp(-max(0, dᵢⱼ-ρᵢ)/σᵢ) = log2(K+1),
//
//	pᵢⱼ = exp(-max(0, dᵢⱼ-ρᵢ)/σᵢ)     connectivity = pᵢⱼ + pⱼᵢ - pᵢⱼ·pⱼᵢ
//
// (McInnes et al., arXiv:1802.03426, algorithms 2 and 3, with the probabilistic
// t-conorm; σ bounded from below as in umap-learn's smooth_knn_dist.)
func (nn *Neighbors) Connectivities() *sparse.CSR {
	n := nn.Len()
	mean := 0.0
	for _, d := range nn.Distance {
		mean += d
	}
	// umap-learn's means count the spot itself, at distance 0.
	mean /= float64(max(1, n*(nn.K+1)))
	weight := make([]float64, len(nn.Index))
	for i := range n {
		_, d := nn.Of(i)
		membership(weight[i*nn.K:(i+1)*nn.K], d, mean)
	}
	return nn.union(weight)
}

// membership writes how strongly a spot is tied to neighbours at the distances
// d, which rise. mean is that of all spots.
func membership(weight, d []float64, mean float64) {
	rho := 0.0
	for _, v := range d {
		if v > 0 {
			rho = v
			break
		}
	}
	sigma := bandwidth(d, rho)
	if rho > 0 {
		mean = 0
		for _, v := range d {
			mean += v
		}
		mean /= float64(len(d) + 1)
	}
	sigma = math.Max(sigma, leastScale*mean)
	for t, v := range d {
		weight[t] = 1
		if v > rho && sigma > 0 {
			weight[t] = math.Exp(-(v - rho) / sigma)
		}
	}
}

// bandwidth returns σ by bisection.
func bandwidth(d []float64, rho float64) float64 {
	target := math.Log2(float64(len(d) + 1))
	lo, hi, sigma := 0.0, math.Inf(1), 1.0
	for range fuzzySteps {
		sum := 0.0
		for _, v := range d {
			if v > rho {
				sum += math.Exp(-(v - rho) / sigma)
			} else {
				sum++
			}
		}
		switch {
		case math.Abs(sum-target) < fuzzyTolerance:
			return sigma
		case sum > target:
			hi = sigma
			sigma = (lo + hi) / 2
		case math.IsInf(hi, 1):
			lo = sigma
			sigma *= 2
		default:
			lo = sigma
			sigma = (lo + hi) / 2
		}
	}
	return sigma
}

// union makes the matrix symmetric: p + pᵀ - p∘pᵀ.
func (nn *Neighbors) union(weight []float64) *sparse.CSR {
	n := nn.Len()
	type tie struct {
		j   int32
		out float64 // towards j, 0 = none
		in  float64 // from j
	}
	rows := make([][]tie, n)
	for i := range n {
		idx, _ := nn.Of(i)
		for t, j := range idx {
			w := weight[i*nn.K+t]
			rows[i] = append(rows[i], tie{j: j, out: w})
			rows[j] = append(rows[j], tie{j: int32(i), in: w})
		}
	}
	m := &sparse.CSR{Rows: n, Cols: n, IndPtr: make([]int64, n+1)}
	for i, row := range rows {
		slices.SortFunc(row, func(a, b tie) int { return int(a.j) - int(b.j) })
		for t := 0; t < len(row); t++ {
			e := row[t]
			if t+1 < len(row) && row[t+1].j == e.j {
				e.out, e.in = e.out+row[t+1].out, e.in+row[t+1].in
				t++
			}
			if w := float32(e.out + e.in - e.out*e.in); w > 0 {
				m.Indices, m.Data = append(m.Indices, e.j), append(m.Data, w)
			}
		}
		m.IndPtr[i+1] = int64(len(m.Data))
	}
	return m
}

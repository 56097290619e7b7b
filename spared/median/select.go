package median

import "github.com/spatialgo/spatialgo/spared/dense"

// medianOf returns the median of v, which is not empty and has no NaN, and
// reorders it. The median of an even number is the mean of the middle two.
func medianOf[T dense.Float](v []T) T {
	mid := len(v) / 2
	nth(v, mid)
	if len(v)%2 == 1 {
		return v[mid]
	}
	lower := v[0] // the greatest of those below the middle
	for _, x := range v[1:mid] {
		lower = max(lower, x)
	}
	return T((float64(lower) + float64(v[mid])) / 2)
}

// nth reorders v so that v[k] is what sorting would put there, nothing before
// it is greater and nothing after it is less (Hoare's quickselect; median of
// three as pivot).
func nth[T dense.Float](v []T, k int) {
	for len(v) > 12 {
		p := pivot(v[0], v[len(v)/2], v[len(v)-1])
		i, j := 0, len(v)-1
		for i <= j {
			for v[i] < p {
				i++
			}
			for p < v[j] {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			v = v[:j+1]
		case k >= i:
			v, k = v[i:], k-i
		default:
			return
		}
	}
	for i := 1; i < len(v); i++ {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}

func pivot[T dense.Float](a, b, c T) T {
	return max(min(a, b), min(max(a, b), c))
}

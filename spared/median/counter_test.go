package median

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestCounter(t *testing.T) {
	const seed = 8
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, most := range []int{0, 1, 2, 7, 61, 300} {
		var c counter
		var want [64]int
		var group []uint64
		for k := range most {
			word := rng.Uint64() | rng.Uint64() // three of four bits set
			if rng.IntN(4) == 0 {
				word = 1<<63 | 1
			}
			if group = append(group, word); len(group) == 7 || k == most-1 {
				if rng.IntN(2) == 0 {
					var seven [7]uint64 // the last group is padded
					copy(seven[:], group)
					c.add7(&seven)
				} else {
					for _, w := range group {
						c.add(w)
					}
				}
				group = group[:0]
			}
			for w := word; w != 0; w &= w - 1 {
				want[bits.TrailingZeros64(w)]++
			}
		}
		for n := range most + 1 {
			got := c.atLeast(n, most)
			for b, count := range want {
				if (got>>b&1 == 1) != (count >= n) {
					t.Fatalf("%d words: lane %d holds %d, at least %d: %t", most, b, count, n, got>>b&1 == 1)
				}
			}
		}
	}
}

package median

import "math/bits"

// counter holds 64 counts side by side, bit-sliced: bit b of plane p is bit p
// of count b. A window has fewer than 2^31 spots.
type counter [31]uint64

// add adds bit b of word to count b, for all 64.
func (c *counter) add(word uint64) {
	for p := 0; word != 0; p++ {
		c[p], word = c[p]^word, c[p]&word
	}
}

// add7 adds bit b of each of seven words to count b. Four full adders make a
// three-bit number of them first.
func (c *counter) add7(w *[7]uint64) {
	a, x := full(w[0], w[1], w[2])
	b, y := full(w[3], w[4], w[5])
	ones, z := full(a, b, w[6])
	twos, fours := full(x, y, z)

	var carry, next uint64
	carry, c[0] = c[0]&ones, c[0]^ones
	c[1], next = full(c[1], twos, carry)
	c[2], carry = full(c[2], fours, next)
	for p := 3; carry != 0; p++ {
		c[p], carry = c[p]^carry, c[p]&carry
	}
}

// full adds three bits, 64 times.
func full(a, b, c uint64) (sum, carry uint64) {
	half := a ^ b
	return half ^ c, a&b | half&c
}

// atLeast returns a word whose bit b is set where count b >= n; no count may
// be above most. It compares from the highest plane down: a count is greater
// as soon as it has a one where n has a zero and all higher bits are equal.
func (c *counter) atLeast(n, most int) uint64 {
	var greater uint64
	equal := ^uint64(0)
	for p := bits.Len(uint(most)) - 1; p >= 0; p-- {
		if n>>p&1 != 0 {
			equal &= c[p]
		} else {
			greater |= equal & c[p]
			equal &^= c[p]
		}
	}
	return greater | equal
}

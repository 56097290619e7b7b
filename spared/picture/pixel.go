package picture

// Alpha says what becomes of a picture's alpha channel.
type Alpha int

const (
	// OverWhite lays the picture over white paper: c*a + 255*(1-a), rounded,
	// as package visium does with the small pictures. What is fully
	// transparent is white, like the glass around tissue. A fourth channel that
	// the file does not call alpha is dropped.
	OverWhite Alpha = iota
	// DropAlpha ignores alpha, as SpaRED's readers do. Transparent pixels
	// keep the colour that the file gives them, black in most.
	DropAlpha
)

// to8 makes a 16-bit sample 8 bits wide: trunc(v/65535 * 255) in single
// precision, as SpaRED's VisiumReader.get_patches.
var to8 = func() (t [1 << 16]uint8) {
	for v := range t {
		t[v] = uint8(float32(float32(v)/65535) * 255)
	}
	return t
}()

// pack turns 8-bit pixels of 1 to 4 bands into RGB. Grey becomes R = G = B; the
// second or fourth band is used where it is alpha.
func pack(dst, src []uint8, bands int, alpha bool) {
	for i, j := 0, 0; j < len(src); i, j = i+3, j+bands {
		px := src[j : j+bands]
		r, g, b := px[0], px[0], px[0]
		if bands >= 3 {
			g, b = px[1], px[2]
		}
		if bands%2 == 0 && alpha {
			a := px[bands-1]
			r, g, b = overWhite(r, a), overWhite(g, a), overWhite(b, a)
		}
		dst[i], dst[i+1], dst[i+2] = r, g, b
	}
}

// overWhite is c*a + 255*(1-a) for alpha a/255, rounded to nearest. Of colours
// that a file stores multiplied by alpha, libvips has taken that back.
func overWhite(c, a uint8) uint8 {
	return uint8((uint32(c)*uint32(a) + 255*(255-uint32(a)) + 127) / 255)
}

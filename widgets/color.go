package widgets

import (
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The design: one ink, quiet lines, one blue; figures stay light in dark
// notebooks, because the colour of a value must not depend on the theme.
var (
	ink   = color.NRGBA{0x1f, 0x29, 0x33, 255}
	muted = color.NRGBA{0x61, 0x70, 0x7f, 255}
	line  = color.NRGBA{0xdf, 0xe4, 0xea, 255}
	axis  = color.NRGBA{0xb8, 0xc0, 0xc8, 255}
	grey  = color.NRGBA{0xbf, 0xc5, 0xcc, 255} // not measured
)

// series are the colours of categories, in order of use: the first eight
// distinguishable with the common colour vision deficiencies, after Okabe and
// Ito (jfly.uni-koeln.de/color), toned down; then darker and lighter ones.
var series = []string{
	"#2f6fb0", "#d9822b", "#3a9a78", "#c2699a", "#8a7bc8", "#6fb1d6", "#b8442f", "#7a828c",
	"#1b4f83", "#f2b36b", "#1f6b52", "#e3a9cb", "#5b4a9c", "#a8d3ea", "#e07a6d", "#c3c8ce",
	"#8a5a1f", "#7cc4a6", "#7d3562", "#c9b8ea",
}

func seriesColor(i int) string { return series[i%len(series)] }

// rgb reads "#rrggbb".
func rgb(hex string) color.NRGBA {
	v, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil {
		return ink
	}
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

// fade returns a colour with opacity a, 0 to 1.
func fade(c color.NRGBA, a float64) color.NRGBA {
	c.A = uint8(255*min(1, max(0, a)) + 0.5)
	return c
}

// scales are the colour scales for values: every fifth of the 256 entries of
// each table as published, joined by straight lines in sRGB, which stay within
// 4 of 255 of the others. Sources are in assets/NOTICE.
var scales = map[string]string{
	"viridis": "" +
		"44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a" +
		"3a538b38598c355e8d33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d" +
		"20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac864" +
		"65cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725",
	"magma": "" +
		"00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a1079" +
		"52137c5a167e6219806a1c81721f81792282812581892881912b81992d80a1307eaa337db2357b" +
		"ba3878c23b75ca3e72d2426fd9466be04c67e75263ec5860f1605df4695cf7725cf97b5dfb8560" +
		"fc8e64fd9869fea16efeaa74feb47bfebd82fec68afecf92fed89afde2a3fdebacfcf4b6fcfdbf",
	"inferno": "" +
		"00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c" +
		"59106e61136e69166e71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557" +
		"bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0b" +
		"fa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4",
	"cividis": "" +
		"00224e002656002a5f002d68003070083370163770203a6f273e6e2e416d34456c3a486c3f4c6c" +
		"444f6c49536c4e566c535a6d575d6d5c616e60646f656870696b716d6f727272747676767a7a78" +
		"7e7d788381798885788d8878928c789690779b9476a09875a59c74aaa073afa471b5a86fbaac6d" +
		"bfb06bc4b468c9b965cfbd62d4c15fdac65bdfca57e5cf52ead34cf0d846f6dd3ffce236fee838",
	"turbo": "" +
		"30123b36215f3b2f803f3e9c424bb54559cb4666dd4773eb4680f6458cfd4099ff38a5fb2fb2f4" +
		"27bee91fc9dd1ad4d018ddc21ae4b622ebaa2ff19b3ff68a52fa7a65fd6979fe598bff4b9cfe40" +
		"a9fb39b7f735c3f134d0ea34dbe236e5d938eecf3af5c53afaba39fdae35fea130fe932afc8423" +
		"f9751df46617ef5811e84b0ce14109d83706ce2d04c32503b71d02a916019b0f018b09027a0403",
	"gray": "000000ffffff",
}

// ColorScales returns the names of the colour scales, by name. The default of
// every figure is "viridis".
func ColorScales() []string { return slices.Sorted(maps.Keys(scales)) }

// colorTable returns the 256 colours of a scale; "" is viridis.
func colorTable(scale string) ([]color.NRGBA, error) {
	if scale == "" {
		scale = defaultScale
	}
	hex, ok := scales[scale]
	if !ok {
		return nil, fmt.Errorf("widgets: no colour scale %q; there are %v", scale, ColorScales())
	}
	n := len(hex)/6 - 1
	out := make([]color.NRGBA, 256)
	for i := range out {
		p := float64(i) * float64(n) / 255
		k := min(int(p), n-1)
		a, b, f := rgb(hex[6*k:6*k+6]), rgb(hex[6*k+6:6*k+12]), p-float64(k)
		mix := func(x, y uint8) uint8 { return uint8(float64(x)*(1-f) + float64(y)*f + 0.5) }
		out[i] = color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
	}
	return out, nil
}

const defaultScale = "viridis"

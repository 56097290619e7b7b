package widgets

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
)

//go:generate sh assets/fetch.sh

// EChartsVersion is the version of Apache ECharts that is compiled in. It is
// the file dist/echarts.min.js of the npm package, compressed; assets/fetch.sh
// makes it and checks it, and TestLibrary compares its checksum.
const EChartsVersion = "5.6.0"

//go:embed assets/echarts-5.6.0.min.js.gz
var echartsGz []byte

//go:embed assets/figures.js
var figuresJS string

// runtimeKey names the place on the page's window where figures and the
// runtime meet. It is made from the runtime's own bytes: notebooks of
// different releases can share one page.
var runtimeKey = sync.OnceValue(func() string {
	h := sha256.New()
	h.Write([]byte(EChartsVersion + figuresJS))
	h.Write(scalesJSON())
	return "spatialgo-" + hex.EncodeToString(h.Sum(nil)[:6])
})

func scalesJSON() []byte {
	b, err := json.Marshal(scales)
	if err != nil { // a map of strings
		return []byte("{}")
	}
	return b
}

// loader unpacks the chart library and starts the runtime. The library runs
// as a script of the page, not through eval, inside a function whose
// parameters hide a module loader such as RequireJS from it; a chart library
// that was on the page before stays what it was.
const loader = `(function (win, KEY, packed) {
  var g = win[KEY] || (win[KEY] = {queue: []});
  if (g.library) return;
  if (typeof DecompressionStream === "undefined") { g.failed = "This browser is too old for live figures."; return; }
  var raw = Uint8Array.from(atob(packed), function (c) { return c.charCodeAt(0); });
  g.library = new Response(new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"))).text().then(function (source) {
    var before = win.echarts, script = document.createElement("script");
    script.textContent = "(function (define, exports, module) {" + source + "\n}).call(window);";
    document.head.appendChild(script);
    script.remove();
    var library = win.echarts;
    if (before) win.echarts = before; else delete win.echarts;
    g.start(library);
  });
})(window, KEY, PACKED);`

// librarySnippet is the script element with chart library and runtime.
var librarySnippet = sync.OnceValue(func() string {
	var b strings.Builder
	b.WriteString("<script>(function () {\nvar KEY = ")
	b.WriteString(jsonText(runtimeKey()))
	b.WriteString(", SCALES = ")
	b.Write(scalesJSON())
	b.WriteString(", PACKED = \"")
	b.WriteString(base64.StdEncoding.EncodeToString(echartsGz))
	b.WriteString("\";\n")
	b.WriteString(figuresJS)
	b.WriteString(loader)
	b.WriteString("\n})();</script>")
	return b.String()
})

// jsonText returns v as JSON that is also JavaScript and safe inside a script
// element: encoding/json escapes <, >, &, U+2028 and U+2029.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

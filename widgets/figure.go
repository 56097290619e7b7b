package widgets

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// Figure is something to look at. All figures of this package are immutable
// once made and safe for concurrent use.
type Figure interface {
	// HTML returns a snippet for a notebook's output or a page's body: the
	// still picture with its caption, and a script that puts the living
	// figure in its place once Init's library is on the page.
	HTML() string
	// PNG returns the still picture.
	PNG() ([]byte, error)
	// Text returns what the figure says in words and numbers.
	Text() string
}

// figure implements Figure over a specification for the runtime and a
// painter of the still picture.
type figure struct {
	spec    any // JSON for the runtime; must have a field "key"
	setKey  func(key string)
	caption string
	extra   string // HTML below the caption, made by this package
	width   int    // CSS pixels of the still picture
	paint   func() ([]byte, error)
	text    string

	once sync.Once
	png  []byte
	err  error
	html string
}

func (f *figure) build() {
	f.once.Do(func() {
		f.png, f.err = f.paint()
		f.html = f.render()
	})
}

// HTML implements Figure.
func (f *figure) HTML() string { f.build(); return f.html }

// PNG implements Figure.
func (f *figure) PNG() ([]byte, error) { f.build(); return f.png, f.err }

// Text implements Figure.
func (f *figure) Text() string { return f.text }

// hintAfter is how long a figure waits for the library before it says that
// it is a still picture.
const hintAfter = 8000 // milliseconds

// bootstrap hands a figure to the runtime, or leaves it in the queue for one
// that starts later.
const bootstrap = `(function (win, KEY, spec) {
  var g = win[KEY] || (win[KEY] = {queue: []});
  g.queue.push(spec);
  if (g.draw) { g.draw(); return; }
  setTimeout(function () {
    if (g.draw) return;
    document.querySelectorAll('[data-sgo="' + spec.key + '"]:not([data-sgo-on])').forEach(function (root) {
      if (root.querySelector(".sgo-hint")) return;
      var hint = document.createElement("div");
      hint.className = "sgo-hint";
      hint.style.cssText = "font:12px system-ui,sans-serif;color:#61707f;margin-top:4px";
      hint.textContent = g.failed || "Still picture. Run the notebook's first cell (widgets.Init) to make it live.";
      root.appendChild(hint);
    });
  }, %d);
})(window, %s, %s);`

// render builds the snippet. Styles are inline because viewers that strip
// scripts strip style elements too.
func (f *figure) render() string {
	key := f.key()
	var b strings.Builder
	b.WriteString(`<div class="sgo" data-sgo="` + key + `" style="` + cardStyle + `">`)
	if f.err == nil {
		fmt.Fprintf(&b, `<img class="sgo-still" width="%d" style="max-width:100%%;height:auto;display:block" alt="%s" src="data:image/png;base64,%s">`,
			f.width, html.EscapeString(firstLine(f.text)), base64.StdEncoding.EncodeToString(f.png))
	} else {
		fmt.Fprintf(&b, `<div class="sgo-still">No still picture: %s</div>`, html.EscapeString(clean(f.err.Error())))
	}
	b.WriteString(`<div class="sgo-caption" style="` + captionStyle + `">` + html.EscapeString(f.caption) + `</div>`)
	b.WriteString(f.extra)
	b.WriteString(`</div><script>`)
	fmt.Fprintf(&b, bootstrap, hintAfter, jsonText(runtimeKey()), jsonText(f.spec))
	b.WriteString(`</script>`)
	return b.String()
}

const (
	cardStyle = "background:#fff;color:#1f2933;border:1px solid #dfe4ea;border-radius:10px;padding:14px 16px 12px;margin:6px 0;" +
		"max-width:1100px;box-sizing:border-box;font:14px/1.4 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"
	captionStyle = "color:#61707f;font-size:12.5px;line-height:1.45;margin-top:6px;max-width:90ch;overflow-wrap:anywhere"
)

// key marks the figure's element. It comes from the content, so that the same
// figure has the same bytes each time.
func (f *figure) key() string {
	b, err := json.Marshal(f.spec)
	if err != nil {
		b = []byte(err.Error())
	}
	sum := sha256.Sum256(b)
	key := hex.EncodeToString(sum[:8])
	f.setKey(key)
	return key
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// Init puts the chart library into the notebook's page: call it in the first
// cell. Figures shown without it stay still pictures. Outside a notebook it
// does nothing.
func Init() {
	if !gonbui.IsNotebook {
		return
	}
	gonbui.DisplayHTML(InitHTML())
	gonbui.Sync()
}

// InitHTML returns what Init displays, for pages put together by hand: once
// per page, at any place.
func InitHTML() string {
	return `<div style="font:12px system-ui,sans-serif;color:#61707f">Figures: Apache ECharts ` + EChartsVersion +
		`, embedded in this notebook. No network needed.</div>` + librarySnippet()
}

// Show displays figures: in a GoNB notebook as living figure with still
// picture and text for viewers that cannot run it; elsewhere it prints their
// text to standard output. Nil figures are left out.
func Show(figs ...Figure) {
	for _, f := range figs {
		switch {
		case absent(f):
		case gonbui.IsNotebook:
			gonbui.SendData(&protocol.DisplayData{Data: bundle(f)})
		default:
			fmt.Fprintln(os.Stdout, f.Text())
		}
	}
	gonbui.Sync() // without it the last output of a cell may be lost
}

// absent reports a figure that is nil, be it as a pointer, such as that of a
// constructor that failed or of a training without steps.
func absent(f Figure) bool {
	switch f := f.(type) {
	case nil:
		return true
	case *MapFigure:
		return f == nil
	case *PlotFigure:
		return f == nil
	case *TableFigure:
		return f == nil
	case *GalleryFigure:
		return f == nil
	case *HeadingFigure:
		return f == nil
	}
	return false
}

// bundle returns a figure in all its forms. Tables, galleries and headings are
// plain HTML, which every viewer shows as it is: a picture of them would only
// make the notebook larger.
func bundle(f Figure) map[protocol.MIMEType]any {
	data := map[protocol.MIMEType]any{
		protocol.MIMETextHTML:  f.HTML(),
		protocol.MIMETextPlain: f.Text(),
	}
	switch f.(type) {
	case *TableFigure, *GalleryFigure, *HeadingFigure:
		return data
	}
	if png, err := f.PNG(); err == nil {
		data[protocol.MIMEImagePNG] = png
	}
	return data
}

// pageHead keeps a page to itself: no request of any kind leaves it.
const pageHead = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>%[1]s</title>
<style>
body{margin:0 auto;max-width:1060px;padding:24px 20px 48px;background:#f6f8fa;color:#1f2933;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
h1{font-size:24px;margin:0 0 16px;overflow-wrap:anywhere}
</style>
</head>
<body>
<h1><bdi>%[1]s</bdi></h1>
`

// WritePage writes one HTML file with the figures, which needs no other file
// and no network: the chart library is inside, and the page's policy forbids
// every request. The file is replaced as a whole or not at all.
func WritePage(path, title string, figs ...Figure) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".page-*.html")
	if err != nil {
		return fmt.Errorf("widgets: write page: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	err = writePage(tmp, title, figs)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("widgets: write page %s: %w", path, err)
	}
	return nil
}

func writePage(w io.Writer, title string, figs []Figure) error {
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, html.EscapeString(clean(title)))
	for _, f := range figs {
		if absent(f) {
			continue
		}
		b.WriteString(f.HTML())
		b.WriteString("\n")
	}
	b.WriteString(librarySnippet())
	b.WriteString("\n</body>\n</html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

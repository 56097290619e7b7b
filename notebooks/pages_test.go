package notebooks

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/internal/browsertest"
)

// envPages names the folder that holds the pages of freshly executed
// notebooks (make test-notebooks sets it).
const envPages = "SPATIALGO_PAGES"

func pages(t *testing.T) []string {
	dir := os.Getenv(envPages)
	if dir == "" {
		t.Skip(envPages + " names no folder with pages: make test-notebooks executes the notebooks and sets it")
	}
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".html") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 4 {
		t.Fatalf("%s holds only %d pages, want one a notebook and explore.html", dir, len(found))
	}
	return found
}

// Every page draws all its charts from its own bytes. The browser has no
// network; console errors, exceptions and outside requests fail the test.
func TestPages(t *testing.T) {
	for _, path := range pages(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := browsertest.Open(t, path, browsertest.Size(1200, 1000), browsertest.Timeout(2*time.Minute))
			p.Wait(`document.querySelectorAll(".sgo").length > 0 && document.querySelectorAll(".sgo:not([data-sgo-on])").length === 0`)
			p.Wait(`document.querySelectorAll(".sgo canvas").length >= document.querySelectorAll(".sgo").length`)
			var charts int
			p.Eval(`document.querySelectorAll(".sgo").length`, &charts)
			for i := range charts {
				mark := fmt.Sprintf("figure-%d", i)
				p.Eval(fmt.Sprintf(`document.querySelectorAll(".sgo")[%d].setAttribute("data-test", %q)`, i, mark), nil)
				p.Wait(fmt.Sprintf(`[...document.querySelectorAll('[data-test=%q] canvas')].some(c => c.width > 100)`, mark))
				time.Sleep(300 * time.Millisecond) // the chart's first frames
				if n := p.CanvasPainted(`[data-test="` + mark + `"] canvas`); n < 1000 {
					t.Errorf("chart %d of %d: only %d pixels are painted", i+1, charts, n)
				}
			}
			pickGene(t, p)
			if r := p.Requests(); len(r) > 0 {
				t.Errorf("the page asked for %v", r)
			}
		})
	}
}

// pickGene chooses another gene in the first map that offers one, and expects
// another map.
func pickGene(t *testing.T, p *browsertest.Page) {
	t.Helper()
	var pickers int
	p.Eval(`document.querySelectorAll(".sgo-genes").length`, &pickers)
	if pickers == 0 {
		return
	}
	p.Eval(`document.querySelector(".sgo-genes").closest(".sgo").setAttribute("data-picker", "1")`, nil)
	const canvas = `[data-picker="1"] canvas`
	before := p.Pixels(canvas)
	p.Eval(`(() => { const s = document.querySelector('[data-picker="1"] .sgo-genes'); s.value = "1"; s.dispatchEvent(new Event("change")); })()`, nil)
	for range 20 {
		time.Sleep(200 * time.Millisecond)
		if p.Pixels(canvas) != before {
			return
		}
	}
	t.Error("another gene, the same map")
}

// A viewer that runs no scripts (an untrusted notebook, GitHub) shows the
// still pictures.
func TestPagesWithoutScripts(t *testing.T) {
	for _, path := range pages(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := browsertest.Open(t, path, browsertest.NoScript())
			var figures, pictures int
			p.Eval(`document.querySelectorAll(".sgo").length`, &figures)
			p.Eval(`[...document.querySelectorAll(".sgo-still")].filter(i => i.naturalWidth > 200 && i.naturalHeight > 100).length`, &pictures)
			if figures == 0 || pictures != figures {
				t.Errorf("%d of %d figures show a still picture", pictures, figures)
			}
		})
	}
}

// notebook is the part of an .ipynb file that the test reads.
type notebook struct {
	Cells []struct {
		Type    string   `json:"cell_type"`
		Source  []string `json:"source"`
		Outputs []struct {
			Type string                     `json:"output_type"`
			Data map[string]json.RawMessage `json:"data"`
		} `json:"outputs"`
	} `json:"cells"`
}

var machinePath = regexp.MustCompile(`"?/(home|root|work|tmp|Users)/[a-z]`)

// The notebooks are committed as a reader wants to find them: executed, with
// pictures that show without scripts, and nothing of the machine in them.
func TestCommitted(t *testing.T) {
	files, err := filepath.Glob("*.ipynb")
	if err != nil || len(files) != 3 {
		t.Fatalf("found %v (%v), want three notebooks", files, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 6<<20 {
				t.Errorf("%d MB is too much to read on the web", len(b)>>20)
			}
			if m := machinePath.Find(b); m != nil {
				t.Errorf("holds a path of a machine: %s", m)
			}
			var nb notebook
			if err := json.Unmarshal(b, &nb); err != nil {
				t.Fatal(err)
			}
			figures := 0
			for i, c := range nb.Cells {
				shows := strings.Contains(strings.Join(c.Source, ""), "widgets.Show(")
				if c.Type == "code" && shows && len(c.Outputs) == 0 {
					t.Errorf("cell %d shows something but has no output: run make notebooks", i+1)
				}
				for _, o := range c.Outputs {
					if o.Type == "error" {
						t.Errorf("cell %d failed", i+1)
					}
					if !strings.Contains(string(o.Data["text/html"]), `<div class=\"sgo\"`) {
						continue
					}
					figures++
					if shows && (len(o.Data["image/png"]) == 0 || len(o.Data["text/plain"]) == 0) {
						t.Errorf("cell %d: a figure without still picture or text", i+1)
					}
				}
			}
			if figures == 0 {
				t.Error("no figure")
			}
		})
	}
}

package notebooks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notebook is what the tests read of an .ipynb file.
type notebook struct {
	Cells    []cell `json:"cells"`
	Format   int    `json:"nbformat"`
	Metadata struct {
		Kernel struct {
			Name string `json:"name"`
		} `json:"kernelspec"`
	} `json:"metadata"`
}

type cell struct {
	Type     string                     `json:"cell_type"`
	Count    *int                       `json:"execution_count"`
	Metadata map[string]json.RawMessage `json:"metadata"`
	Source   text                       `json:"source"`
	Outputs  []output                   `json:"outputs"`
}

type output struct {
	Type  string          `json:"output_type"`
	Name  string          `json:"name"` // of a stream
	Text  text            `json:"text"`
	Data  map[string]text `json:"data"`
	Value string          `json:"evalue"`
}

// figure reports whether the output is a figure of package widgets.
func (o *output) figure() bool {
	return strings.HasPrefix(string(o.Data["text/html"]), `<div class="sgo" data-sgo="`)
}

// text is a string that may be stored as lines.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var lines []string
	if err := json.Unmarshal(b, &lines); err == nil {
		*t = text(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// shows reports whether a code cell runs something rather than only declaring.
func (c *cell) shows() bool {
	return c.Type == "code" && regexp.MustCompile(`(?m)^%%`).MatchString(string(c.Source))
}

const (
	mostBytes = 6 << 20 // what a repository and a web viewer can bear
	lineWidth = 104     // letters in a line of code at which JupyterLab begins to scroll on a laptop
)

// TestCommitted checks that the notebooks can be read without being run.
func TestCommitted(t *testing.T) {
	paths, err := filepath.Glob("*.ipynb")
	if err != nil || len(paths) != 3 {
		t.Fatalf("notebooks %q, error %v: want three", paths, err)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > mostBytes {
				t.Errorf("%.1f MB, more than %d", float64(len(b))/(1<<20), mostBytes>>20)
			}
			var nb notebook
			if err := json.Unmarshal(b, &nb); err != nil {
				t.Fatal(err)
			}
			if nb.Format != 4 || nb.Metadata.Kernel.Name != "gonb" || len(nb.Cells) == 0 || nb.Cells[0].Type != "markdown" {
				t.Errorf("format %d, kernel %q, %d cells: want format 4, the Go kernel, and a heading first", nb.Format, nb.Metadata.Kernel.Name, len(nb.Cells))
			}
			figures := 0
			for i := range nb.Cells {
				checkCell(t, i+1, &nb.Cells[i])
				for _, o := range nb.Cells[i].Outputs {
					if o.figure() {
						figures++
					}
				}
			}
			if figures == 0 {
				t.Error("a notebook without figures")
			}
		})
	}
}

func checkCell(t *testing.T, n int, c *cell) {
	t.Helper()
	checkPaths(t, n, string(c.Source))
	if c.Type != "code" {
		return
	}
	for _, line := range strings.Split(string(c.Source), "\n") {
		if w := len([]rune(strings.ReplaceAll(line, "\t", "    "))); w > lineWidth {
			t.Errorf("cell %d: a line of %d letters is cut off: %s", n, w, line)
		}
	}
	if c.shows() && (c.Count == nil || len(c.Outputs) == 0) {
		t.Errorf("cell %d has no output: run `make notebooks`", n)
	}
	if _, ok := c.Metadata["execution"]; ok {
		t.Errorf("cell %d notes when it ran, which differs each time", n)
	}
	for k := range c.Outputs {
		checkOutput(t, n, &c.Outputs[k])
	}
}

func checkOutput(t *testing.T, n int, o *output) {
	t.Helper()
	if o.Type == "error" || o.Name == "stderr" {
		t.Errorf("cell %d failed: %s%s", n, o.Value, o.Text)
	}
	checkPaths(t, n, string(o.Text))
	for _, d := range o.Data {
		checkPaths(t, n, string(d))
	}
	if !o.figure() {
		return
	}
	// A figure, for viewers that run no scripts.
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(o.Data["image/png"]), "\n", ""))
	if err == nil {
		_, err = png.Decode(bytes.NewReader(b))
	}
	if err != nil {
		t.Errorf("cell %d: a figure without a still picture: %v", n, err)
	}
	if o.Data["text/plain"] == "" {
		t.Errorf("cell %d: a figure without words", n)
	}
}

var (
	packed     = regexp.MustCompile(`[A-Za-z0-9+/]{100,}={0,2}`) // base64, which may spell anything
	homeOfPath = regexp.MustCompile(`(^|[^A-Za-z0-9.<])(/(home|root|work|tmp|Users|mnt|opt)/\S*)`)
)

// checkPaths looks for paths of the machine that ran the notebook.
func checkPaths(t *testing.T, n int, s string) {
	t.Helper()
	for _, m := range homeOfPath.FindAllStringSubmatch(packed.ReplaceAllString(s, ""), -1) {
		t.Errorf("cell %d names a path of one machine: %s", n, m[2])
	}
}

// TestCheckPaths feeds what must be found and what must not.
func TestCheckPaths(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		want         bool
	}{
		{"a home folder", `open("/home/ann/slides")`, true},
		{"at the start", "/tmp/gonb_1/main.go:3: error", true},
		{"relative paths are the reader's own", "wrote ../build/demo/maps.html, ./tmp/x", false},
		{"base64 spells anything", "src=" + strings.Repeat("A", 60) + "/tmp/" + strings.Repeat("B", 60), false},
		{"ends of elements", "</root/>", false},
	} {
		if got := homeOfPath.MatchString(packed.ReplaceAllString(c.text, "")); got != c.want {
			t.Errorf("%s: %v", c.reason, got)
		}
	}
}

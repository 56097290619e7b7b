package browsertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that only writes down what would have failed.
type recorder struct {
	testing.TB
	failed  []string
	cleanup []func()
}

func (r *recorder) Helper()                      {}
func (r *recorder) Cleanup(f func())             { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Errorf(f string, args ...any) { r.failed = append(r.failed, f) }
func (r *recorder) finish() {
	for _, f := range r.cleanup {
		f()
	}
}

func write(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page #1.html")
	if err := os.WriteFile(path, []byte("<!doctype html><meta charset=utf-8>"+body), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBadPages(t *testing.T) {
	for _, c := range []struct {
		reason, body, want string
	}{
		{"an exception is an error", `<script>throw new Error("boom")</script>`, "boom"},
		{"console.error is an error", `<script>console.error("bad", 7)</script>`, "bad"},
		{"a request to another machine is an error", `<img src="http://example.invalid/x.png">`, "example.invalid"},
		{"a dialog is an error", `<script>setTimeout(() => alert("hello"), 0)</script>`, "hello"},
	} {
		r := &recorder{TB: t}
		p := Open(r, write(t, c.body))
		p.Wait(`document.readyState === "complete"`)
		for range 50 {
			p.mu.Lock()
			n := len(p.errors)
			p.mu.Unlock()
			if n > 0 {
				break
			}
			p.Eval(`new Promise(f => setTimeout(f, 20))`, nil)
		}
		got := strings.Join(p.errors, "\n")
		r.finish()
		if !strings.Contains(got, c.want) || len(r.failed) == 0 {
			t.Errorf("%s: page errors %q, test failures %d", c.reason, got, len(r.failed))
		}
	}
}

func TestGoodPage(t *testing.T) {
	p := Open(t, write(t, `<canvas width=20 height=10></canvas><button>0</button><input><script>
		const x = document.querySelector("canvas").getContext("2d");
		x.fillStyle = "#ff0000"; x.fillRect(0, 0, 5, 4);
		const b = document.querySelector("button");
		b.onclick = () => { b.textContent = 1 + +b.textContent };
		b.onmousemove = () => { b.title = "hovered" };
	</script>`))
	if each := p.CanvasesPainted("canvas, button"); len(each) != 2 || each[0] != 20 || each[1] != 0 {
		t.Errorf("painted pixels: got %d, want 20 of the canvas and none of the button", each)
	}
	if n := p.CanvasPainted("canvas"); n != 20 {
		t.Errorf("painted pixels: got %d, want 20", n)
	}
	before := p.Pixels("canvas")
	p.Eval(`x.fillRect(10, 0, 1, 1)`, nil)
	if p.Pixels("canvas") == before {
		t.Error("the pixels' hash does not see a changed pixel")
	}
	p.Click("button")
	p.Wait(`b.textContent === "1"`)
	p.Hover("button", 0.5, 0.5)
	p.Wait(`b.title === "hovered"`)
	p.Type("input", "abc")
	p.Wait(`document.querySelector("input").value === "abc"`)
	p.Resize(500, 400)
	p.Wait(`innerWidth === 500`)
	shot := filepath.Join(t.TempDir(), "shot.png")
	p.Screenshot(shot)
	if info, err := os.Stat(shot); err != nil || info.Size() == 0 {
		t.Errorf("screenshot: %v", err)
	}
	if e := p.Errors(); len(e) != 0 {
		t.Errorf("errors on a good page: %q", e)
	}
}

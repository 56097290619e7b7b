package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Browser returns the path of a Chromium or Chrome, or "" where there is none:
// the one that the environment variable CHROMIUM names, else the first on the
// PATH.
func Browser() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Option changes how Open starts the browser.
type Option func(*config)

type config struct {
	width, height int
	timeout       time.Duration
	dark          bool
	noScript      bool
	hosts         []string
}

// Size sets the viewport in CSS pixels; the default is 1000 x 800.
func Size(width, height int) Option {
	return func(c *config) { c.width, c.height = width, height }
}

// Timeout bounds everything done with the page; the default is 60 s.
func Timeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// Dark makes the page see prefers-color-scheme: dark.
func Dark() Option { return func(c *config) { c.dark = true } }

// NoScript switches JavaScript off in the page, as a viewer does that strips
// scripts. Eval and Wait still work.
func NoScript() Option { return func(c *config) { c.noScript = true } }

// AllowHosts names hosts that the page may talk to, such as "127.0.0.1" for
// a notebook server of the test.
func AllowHosts(hosts ...string) Option {
	return func(c *config) { c.hosts = append(c.hosts, hosts...) }
}

// Page is one page in a browser of its own. Its methods fail the test at
// once when the browser does not answer.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	errors   []string
	requests []string
	taken    bool // the test took the errors itself
}

// Open loads a file or a URL and waits for its load event. It skips the test
// where there is no browser.
func Open(t testing.TB, pathOrURL string, options ...Option) *Page {
	t.Helper()
	browser := Browser()
	if browser == "" {
		t.Skip("no chromium, chromium-browser or google-chrome on PATH")
	}
	c := config{width: 1000, height: 800, timeout: time.Minute}
	for _, o := range options {
		o(&c)
	}
	target, err := address(pathOrURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{t: t}
	p.start(browser, &c)
	if err := chromedp.Run(p.ctx, chromedp.Navigate(target)); err != nil {
		t.Fatalf("open %s: %v", pathOrURL, err)
	}
	return p
}

// address makes a URL of a path.
func address(pathOrURL string) (string, error) {
	for _, scheme := range []string{"http:", "https:", "file:", "data:", "about:"} {
		if strings.HasPrefix(pathOrURL, scheme) {
			return pathOrURL, nil
		}
	}
	abs, err := filepath.Abs(pathOrURL)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(abs); err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "file", Path: abs}).String(), nil
}

// flags keep the browser quiet and off the network.
func flags(browser, profile string, c *config) []chromedp.ExecAllocatorOption {
	resolver := "MAP * ~NOTFOUND"
	for _, h := range c.hosts {
		resolver += ", EXCLUDE " + h
	}
	return []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(browser),
		chromedp.UserDataDir(profile),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.DisableGPU,
		chromedp.WindowSize(c.width, c.height),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("disable-client-side-phishing-detection", true),
		chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("metrics-recording-only", true),
		chromedp.Flag("mute-audio", true),
		chromedp.Flag("host-resolver-rules", resolver),
	}
}

// start runs the browser and begins to listen; the test's end closes it.
func (p *Page) start(browser string, c *config) {
	p.t.Helper()
	profile, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), c.timeout)
	alloc, stopAlloc := chromedp.NewExecAllocator(ctx, flags(browser, profile, c)...)
	p.ctx, _ = chromedp.NewContext(alloc)
	p.t.Cleanup(func() {
		p.report()
		_ = chromedp.Cancel(p.ctx) // waits for the browser, so that its profile can go
		stopAlloc()
		stop()
		_ = os.RemoveAll(profile)
	})
	chromedp.ListenTarget(p.ctx, func(ev any) { p.hear(ev, c.hosts) })
	actions := []chromedp.Action{
		network.Enable(), log.Enable(), runtime.Enable(),
		chromedp.EmulateViewport(int64(c.width), int64(c.height)),
	}
	if c.dark {
		actions = append(actions, emulation.SetEmulatedMedia().WithFeatures(
			[]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	}
	if c.noScript {
		actions = append(actions, emulation.SetScriptExecutionDisabled(true))
	}
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.t.Fatalf("start %s: %v", browser, err)
	}
}

// hear notes what the page did wrong.
func (p *Page) hear(event any, hosts []string) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.note("exception: " + e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
			p.note("console: " + words(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			p.note(fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		p.note("dialog: " + e.Message)
		go func() { _ = chromedp.Run(p.ctx, page.HandleJavaScriptDialog(false)) }()
	case *network.EventRequestWillBeSent:
		p.hearRequest(e.Request.URL, hosts)
	}
}

// hearRequest notes a request that leaves the machine.
func (p *Page) hearRequest(address string, hosts []string) {
	u, err := url.Parse(address)
	if err == nil {
		switch u.Scheme {
		case "file", "data", "blob", "about":
			return
		}
		if slices.Contains(hosts, u.Hostname()) {
			return
		}
	}
	p.mu.Lock()
	p.requests = append(p.requests, address)
	p.mu.Unlock()
	p.note("request: " + address)
}

func words(args []*runtime.RemoteObject) string {
	var b []string
	for _, a := range args {
		if a.Description != "" {
			b = append(b, a.Description)
		} else {
			b = append(b, string(a.Value))
		}
	}
	return strings.Join(b, " ")
}

func (p *Page) note(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = append(p.errors, s)
}

// report fails the test for errors that it did not take itself.
func (p *Page) report() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken {
		return
	}
	for _, e := range p.errors {
		p.t.Errorf("page: %s", e)
	}
}

// Errors returns what went wrong in the page so far: exceptions, errors on
// the console, dialogs, and requests that left the machine. A test that calls
// it judges them itself.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = true
	return slices.Clone(p.errors)
}

// Requests returns the addresses that the page asked for outside the machine.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Eval evaluates a JavaScript expression, waits for it where it is a promise,
// and stores its value in out (a pointer as for encoding/json, or nil).
func (p *Page) Eval(js string, out any) {
	p.t.Helper()
	await := func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }
	if err := chromedp.Run(p.ctx, chromedp.Evaluate(js, out, await)); err != nil {
		p.t.Fatalf("evaluate %s: %v", js, err)
	}
}

// Wait waits until a JavaScript expression is true, at most 30 s.
func (p *Page) Wait(js string) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		var ok bool
		p.Eval("!!("+js+")", &ok)
		if ok {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("still not true after 30 s: %s (errors so far: %q)", js, p.errors)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Screenshot writes the whole page as PNG.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	var png []byte
	if err := chromedp.Run(p.ctx, chromedp.FullScreenshot(&png, 100)); err != nil {
		p.t.Fatalf("screenshot: %v", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// CanvasPainted returns the number of pixels, over all canvases that match
// the selector, that are neither transparent nor white.
func (p *Page) CanvasPainted(selector string) int {
	p.t.Helper()
	sum := 0
	for _, n := range p.CanvasesPainted(selector) {
		sum += n
	}
	return sum
}

// CanvasesPainted returns the same for each element that matches: of the
// element where it is a canvas, else of the canvases in it.
func (p *Page) CanvasesPainted(selector string) []int {
	p.t.Helper()
	var n []int
	p.Eval(fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => (e.matches("canvas") ? [e] : [...e.querySelectorAll("canvas")]).reduce((sum, c) => {
		if (!c.width || !c.height) return sum;
		const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		for (let i = 0; i < d.length; i += 4)
			if (d[i+3] > 0 && (d[i] < 250 || d[i+1] < 250 || d[i+2] < 250)) sum++;
		return sum;
	}, 0))`, selector), &n)
	return n
}

// Pixels returns a number that changes when the picture on the first canvas
// that matches does (a hash of its pixels).
func (p *Page) Pixels(selector string) uint32 {
	p.t.Helper()
	var h float64
	p.Eval(fmt.Sprintf(`(() => {
		const c = document.querySelector(%q);
		const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		let h = 2166136261;
		for (let i = 0; i < d.length; i++) { h ^= d[i]; h = Math.imul(h, 16777619); }
		return h >>> 0;
	})()`, selector), &h)
	return uint32(h)
}

// spot returns the place in the viewport of the point (fx, fy), as shares of
// width and height, of the first element that matches.
func (p *Page) spot(selector string, fx, fy float64) (x, y float64) {
	p.t.Helper()
	var at []float64
	p.Eval(fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		e.scrollIntoView({block: "center"});
		const r = e.getBoundingClientRect();
		return [r.left + r.width*%g, r.top + r.height*%g];
	})()`, selector, fx, fy), &at)
	return at[0], at[1]
}

// Hover moves the mouse to the point (fx, fy), as shares of width and height,
// of the first element that matches.
func (p *Page) Hover(selector string, fx, fy float64) {
	p.t.Helper()
	x, y := p.spot(selector, fx, fy)
	for _, d := range []float64{-2, 0} { // two moves: the first enters
		p.mouse(input.DispatchMouseEvent(input.MouseMoved, x+d, y+d))
	}
}

// Drag presses the mouse at one point of the first element that matches and
// releases it at another.
func (p *Page) Drag(selector string, fx0, fy0, fx1, fy1 float64) {
	p.t.Helper()
	x0, y0 := p.spot(selector, fx0, fy0)
	x1, y1 := p.spot(selector, fx1, fy1)
	p.mouse(input.DispatchMouseEvent(input.MouseMoved, x0, y0))
	p.mouse(input.DispatchMouseEvent(input.MousePressed, x0, y0).WithButton(input.Left).WithClickCount(1))
	for i := 1; i <= 8; i++ {
		f := float64(i) / 8
		p.mouse(input.DispatchMouseEvent(input.MouseMoved, x0+f*(x1-x0), y0+f*(y1-y0)).WithButton(input.Left).WithButtons(1))
	}
	p.mouse(input.DispatchMouseEvent(input.MouseReleased, x1, y1).WithButton(input.Left).WithClickCount(1))
}

// Wheel turns the mouse wheel over the first element that matches, by dy CSS
// pixels (down is positive), with the control key held where ctrl is set.
func (p *Page) Wheel(selector string, fx, fy, dy float64, ctrl bool) {
	p.t.Helper()
	x, y := p.spot(selector, fx, fy)
	e := input.DispatchMouseEvent(input.MouseWheel, x, y).WithDeltaX(0).WithDeltaY(dy)
	if ctrl {
		e = e.WithModifiers(input.ModifierCtrl)
	}
	p.mouse(e)
}

func (p *Page) mouse(e *input.DispatchMouseEventParams) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, e); err != nil {
		p.t.Fatalf("mouse: %v", err)
	}
}

// Click clicks the middle of the first element that matches.
func (p *Page) Click(selector string) {
	p.t.Helper()
	x, y := p.spot(selector, 0.5, 0.5)
	if err := chromedp.Run(p.ctx, chromedp.MouseClickXY(x, y)); err != nil {
		p.t.Fatalf("click %s: %v", selector, err)
	}
}

// Type puts the focus on the first element that matches and types into it.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, chromedp.SendKeys(selector, text, chromedp.ByQuery)); err != nil {
		p.t.Fatalf("type into %s: %v", selector, err)
	}
}

// Resize changes the viewport to width x height CSS pixels.
func (p *Page) Resize(width, height int) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, chromedp.EmulateViewport(int64(width), int64(height))); err != nil {
		p.t.Fatalf("resize: %v", err)
	}
}

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/spatialgo/spatialgo/internal/progress"
)

// plainEvery is how often a step that goes on reports where there is no
// terminal.
const plainEvery = 10 * time.Second

// Progress shows events on w: a bar on a terminal, plain lines (one when a
// step begins or says something, then every ten seconds) elsewhere. Call the
// returned function at the end.
func Progress(w io.Writer) (show progress.Func, done func()) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b := &bar{w: w}
		return b.show, b.finish
	}
	p := &plain{w: w, now: time.Now}
	return p.show, func() {}
}

// bar draws one bar a step.
type bar struct {
	mu   sync.Mutex
	w    io.Writer
	step string
	bar  *progressbar.ProgressBar
}

func (b *bar) show(e progress.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Total == 0 {
		b.end()
		fmt.Fprintln(b.w, line(e))
		return
	}
	if e.Step != b.step || b.bar == nil {
		b.end()
		b.step = e.Step
		b.bar = progressbar.NewOptions(e.Total,
			progressbar.OptionSetWriter(b.w), progressbar.OptionSetWidth(24), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetRenderBlankState(true))
	}
	text := Clean(e.Step)
	if e.Message != "" {
		text += " (" + Clean(e.Message) + ")"
	}
	b.bar.Describe(text)
	_ = b.bar.Set(e.Done) // cannot fail in a way that matters to the work
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
		fmt.Fprintln(b.w)
		b.bar, b.step = nil, ""
	}
}

func (b *bar) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end()
}

// plain prints lines.
type plain struct {
	mu   sync.Mutex
	w    io.Writer
	step string
	last time.Time
	now  func() time.Time
}

func (p *plain) show(e progress.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	last := e.Total > 0 && e.Done == e.Total
	if e.Step == p.step && e.Total > 0 && !last && now.Sub(p.last) < plainEvery {
		return
	}
	p.step, p.last = e.Step, now
	fmt.Fprintln(p.w, line(e))
}

func line(e progress.Event) string {
	s := Clean(e.Step)
	if e.Total > 0 {
		s += fmt.Sprintf(" %d/%d", e.Done, e.Total)
	}
	if e.Message != "" {
		s += ": " + Clean(e.Message)
	}
	if e.Seconds > 0 {
		s += fmt.Sprintf(" [%.1f s]", e.Seconds)
	}
	return s
}

// Clean keeps names from the data from steering the terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
}

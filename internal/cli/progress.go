package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

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
	p := &plain{w: w, last: map[string]time.Time{}, now: time.Now}
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
	text := Clean(e.Step)
	if e.Message != "" {
		text += " (" + Clean(e.Message) + ")"
	}
	if e.Step != b.step || b.bar == nil {
		b.end()
		b.step = e.Step
		b.bar = progressbar.NewOptions(e.Total,
			progressbar.OptionSetDescription(text), progressbar.OptionSetWriter(b.w), progressbar.OptionSetWidth(24), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetRenderBlankState(true))
	}
	b.bar.Describe(text)
	_ = b.bar.Set(e.Done) // cannot fail in a way that matters to the work
}

// end leaves the bar as it stands: work that was stopped is not done.
func (b *bar) end() {
	if b.bar != nil {
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
	last map[string]time.Time // when a step was last in a line
	now  func() time.Time
}

func (p *plain) show(e progress.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	last, seen := p.last[e.Step]
	if seen && e.Total > 0 && e.Done < e.Total && now.Sub(last) < plainEvery {
		return
	}
	if e.Total > 0 {
		p.last[e.Step] = now
	}
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

// Clean keeps names from the data from steering the terminal: what does is
// shown as "?".
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return '?'
		}
		return r
	}, s)
}

// steers tells whether a character acts on the terminal or on the text around
// it instead of being shown: control characters (C0, DEL, C1), line and
// paragraph separators, and the marks of Unicode's bidirectional algorithm,
// which change the order in which a line is read.
func steers(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

package widgets

import (
	"fmt"
	"html"
	"math"
	"strings"
	"sync"

	"github.com/spatialgo/spatialgo/spared"
)

// progressBar is what Progress shows.
type progressBar struct {
	title    string
	screen   *screen
	throttle *throttle

	mu    sync.Mutex
	event spared.Event
	begun float64 // when the step began, seconds since the work began
	done  []string
	drawn string // last line outside a notebook
}

// Progress returns a function that shows the events of long work: the step,
// how much of it is done, the time it may still take. In a notebook one output
// changes in place, about twice a second; elsewhere lines go to standard
// error. Give each piece of work its own.
func Progress(title string) spared.Progress { return newProgress(title, newScreen()) }

func newProgress(title string, s *screen) spared.Progress {
	b := &progressBar{title: title, screen: s}
	b.throttle = &throttle{interval: twiceASecond, draw: b.show}
	return b.take
}

// take takes one event.
func (b *progressBar) take(e spared.Event) {
	b.mu.Lock()
	first := b.event == spared.Event{}
	if !first && e.Step != b.event.Step {
		b.done = append(b.done, b.event.Step+"  "+duration(math.Max(0, e.Seconds-b.begun)))
		b.begun = e.Seconds
	}
	changed := first || e.Step != b.event.Step
	b.event = e
	b.mu.Unlock()
	if changed || e.Total > 0 && e.Done >= e.Total {
		b.throttle.now()
		b.screen.sync()
		return
	}
	b.throttle.touch()
}

func (b *progressBar) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.screen.notebook {
		b.screen.html(b.html())
		return
	}
	if line := b.line(); line != b.drawn {
		b.drawn = line
		b.screen.line("%s", line)
	}
}

// left estimates the seconds that the step will still take; NaN = unknown.
func (b *progressBar) left() float64 {
	e := &b.event
	spent := e.Seconds - b.begun
	if e.Total <= 0 || e.Done <= 0 || e.Done >= e.Total || !(spent > 0) {
		return math.NaN()
	}
	return spent / float64(e.Done) * float64(e.Total-e.Done)
}

// words says where the step is.
func (b *progressBar) words() string {
	e := &b.event
	var w []string
	switch {
	case e.Total > 0:
		w = append(w, fmt.Sprintf("%s of %s", count(e.Done), count(e.Total)))
	case e.Done > 0:
		w = append(w, count(e.Done))
	}
	if e.Message != "" {
		w = append(w, clean(e.Message))
	}
	if left := b.left(); finite(left) && left >= 1 {
		w = append(w, "about "+duration(left)+" left")
	}
	return strings.Join(w, ", ")
}

func (b *progressBar) line() string {
	s := clean(b.title) + ": " + clean(b.event.Step)
	if w := b.words(); w != "" {
		s += ": " + w
	}
	return s
}

func (b *progressBar) html() string {
	e := &b.event
	share := 0.0
	if e.Total > 0 {
		share = math.Max(0, math.Min(1, float64(e.Done)/float64(e.Total)))
	}
	var s strings.Builder
	s.WriteString(`<div style="` + cardStyle + `;padding:10px 14px;max-width:640px"><div style="font-weight:600"><bdi>` + html.EscapeString(clean(b.title)) + `</bdi></div>`)
	for _, d := range b.done {
		s.WriteString(`<div style="color:#61707f;font-size:13px">✓ <bdi>` + html.EscapeString(clean(d)) + `</bdi></div>`)
	}
	fmt.Fprintf(&s, `<div style="display:flex;gap:12px;font-size:13px;margin-top:2px"><bdi style="flex:1">%s</bdi><bdi style="color:#61707f">%s</bdi></div>`,
		html.EscapeString(clean(e.Step)), html.EscapeString(b.words()))
	fmt.Fprintf(&s, `<div style="height:6px;border-radius:3px;background:#e6eaee;margin-top:5px;overflow:hidden"><div style="height:6px;width:%.1f%%;background:#2f6fb0"></div></div></div>`, 100*share)
	return s.String()
}

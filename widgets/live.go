package widgets

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// screen is where something that changes is shown: an output of the notebook
// that is replaced in place, or lines of a terminal or log.
type screen struct {
	notebook bool
	id       string
	out      io.Writer
	send     func(*protocol.DisplayData)
	sync     func()
}

func newScreen() *screen {
	s := &screen{notebook: gonbui.IsNotebook, out: os.Stderr, send: gonbui.SendData, sync: gonbui.Sync}
	if s.notebook {
		s.id = "spatialgo_" + gonbui.UniqueId()
	}
	return s
}

// html replaces the output in the notebook.
func (s *screen) html(html string) {
	s.data(map[protocol.MIMEType]any{protocol.MIMETextHTML: html})
}

func (s *screen) data(d map[protocol.MIMEType]any) {
	if s.notebook {
		s.send(&protocol.DisplayData{Data: d, DisplayID: s.id})
	}
}

// line writes a line outside notebooks.
func (s *screen) line(format string, args ...any) {
	if !s.notebook {
		fmt.Fprintf(s.out, format+"\n", args...)
	}
}

// throttle calls draw at most once an interval, and once more after the last
// touch.
type throttle struct {
	interval time.Duration
	draw     func()

	mu    sync.Mutex
	last  time.Time
	timer *time.Timer
	done  bool
}

// touch asks for a drawing soon.
func (t *throttle) touch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done || t.timer != nil {
		return
	}
	wait := t.interval - time.Since(t.last)
	if wait <= 0 {
		t.last = time.Now()
		t.draw()
		return
	}
	t.timer = time.AfterFunc(wait, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.timer = nil
		if !t.done {
			t.last = time.Now()
			t.draw()
		}
	})
}

// now draws at once.
func (t *throttle) now() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if !t.done {
		t.last = time.Now()
		t.draw()
	}
}

// stop ends all drawing.
func (t *throttle) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// twiceASecond is how often live outputs change.
const twiceASecond = 500 * time.Millisecond

// duration writes a time for readers: 8 s, 3 min 20 s, 1 h 5 min.
func duration(seconds float64) string {
	s := int(seconds + 0.5)
	switch {
	case seconds < 10 && seconds != float64(int(seconds)):
		return format(seconds, 1) + " s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
}

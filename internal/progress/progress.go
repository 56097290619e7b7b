// Package progress carries news of long work from a library to whoever shows
// it: libraries call a Func, commands and notebooks draw it.
package progress

// Event is one piece of news.
type Event struct {
	Step    string  // what is being done, e.g. "adaptive median"
	Done    int     // units done
	Total   int     // units in all; 0 = unknown
	Message string  // further text, e.g. "loss 1.23"
	Seconds float64 // since the work began
}

// Func receives events. It is called from one goroutine at a time and must
// return quickly. A nil Func drops them.
type Func func(Event)

// Send calls f unless it is nil.
func (f Func) Send(e Event) {
	if f != nil {
		f(e)
	}
}

package widgets

import (
	"fmt"
	"html"
	"os"

	"github.com/janpfeifer/gonb/gonbui"
)

// Must returns v, or ends the cell with the error where there is one. It is
// for notebooks, where a cell is a program and its reader wants one sentence,
// not a stack of calls:
//
//	ds := widgets.Must(spared.Open("data.h5ad"))
//
// It is the one function of this module that exits the process.
func Must[T any](v T, err error) T {
	if err == nil {
		return v
	}
	if gonbui.IsNotebook {
		gonbui.DisplayHTML(`<div style="` + cardStyle + `;border-color:#c0392b;color:#8e2a1e"><b>This cell stopped.</b> ` + html.EscapeString(clean(err.Error())) + `</div>`)
		gonbui.Sync()
	}
	fmt.Fprintln(os.Stderr, "error:", clean(err.Error()))
	os.Exit(1)
	return v
}

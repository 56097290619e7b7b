package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
	"github.com/spatialgo/spatialgo/spared/simulate"
	"github.com/spatialgo/spatialgo/widgets"
)

// look runs one of the commands that look at a data set.
func look(t *testing.T, cmd *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&bytes.Buffer{})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

func TestEmbedAndQC(t *testing.T) {
	dir := t.TempDir()
	slides, data, page := filepath.Join(dir, "slides"), filepath.Join(dir, "data.h5ad"), filepath.Join(dir, "qc.html")
	o := simulate.Options{Genes: 300, Slides: []simulate.SlideSpec{{Name: "left", Rows: 12, Cols: 11}, {Name: "right", Rows: 11, Cols: 11}}}
	if _, err := simulate.Write(context.Background(), slides, o, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := spared.Build(context.Background(), spared.Recipe{Inputs: []spared.Input{{Dir: slides}}, Genes: 60}, data, nil); err != nil {
		t.Fatal(err)
	}
	text, err := look(t, embedCmd(), data, "--json", "--resolution", "0.5")
	if err != nil {
		t.Fatal(err)
	}
	var got embedded
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Layer == "" || len(got.Clusters) == 0 {
		t.Errorf("embed says %q, %v", text, err)
	}
	d, err := spared.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(explore.Clusters(d, "")); n != got.Spots || n == 0 {
		t.Errorf("the file has clusters of %d spots, of %d", n, got.Spots)
	}

	// The slides are in the file, as far as the page needs them.
	if err := os.RemoveAll(slides); err != nil {
		t.Fatal(err)
	}
	if _, err := look(t, qcCmd(), data, "-o", page, "--gene", d.Genes[5].ID); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"as read: ", "after curation: ", "UMAP and PCA by cluster", d.Genes[5].ID, "slide left"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
	figs, err := qcFigures(context.Background(), d, widgets.QCOptions{}, false, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	for _, f := range figs {
		words.WriteString(f.Text())
	}
	if strings.Contains(words.String(), "as read: ") || !strings.Contains(words.String(), "as asked") {
		t.Errorf("figures that leave the slides out do not say so:\n%s", words.String())
	}
}

func TestLookErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		reason string
		cmd    *cobra.Command
		args   []string
		want   string
	}{
		{"no data set", embedCmd(), []string{filepath.Join(dir, "none.h5ad")}, "none.h5ad"},
		{"no components", embedCmd(), []string{"x.h5ad", "--components", "0"}, "--components 0"},
		{"no page named", qcCmd(), []string{"x.h5ad"}, "output"},
		{"a page in no folder", qcCmd(), []string{"x.h5ad", "-o", filepath.Join(dir, "no", "qc.html")}, "does not exist"},
		{"no data set to show", qcCmd(), []string{filepath.Join(dir, "none.h5ad"), "-o", filepath.Join(dir, "qc.html")}, "none.h5ad"},
	} {
		if _, err := look(t, c.cmd, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || !slices.Equal(left, nil) {
		t.Errorf("a command that failed left %q, %v", left, err)
	}
}

package clitest

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Help compares the help of a program and of all its commands with
// testdata/<program>_<command>.help, so that every word that teaches their use
// is looked at when it changes. Each must show examples, and on stdout.
func Help(t *testing.T, root func() *cobra.Command) {
	t.Helper()
	var visit func(c *cobra.Command, path []string)
	visit = func(c *cobra.Command, path []string) {
		r := Run(root(), append(path[1:], "--help")...).OK(t)
		if r.Stderr != "" || !strings.Contains(r.Stdout, "Examples:\n") {
			t.Errorf("%q: no example, or help on stderr: %s", path, r.Stderr)
		}
		Golden(t, strings.Join(path, "_")+".help", r.Stdout)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
				visit(sub, append(path[:len(path):len(path)], sub.Name()))
			}
		}
	}
	c := root()
	visit(c, []string{c.Name()})
}

// Stat returns what the disk says of a file that must be there.
func Stat(t testing.TB, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

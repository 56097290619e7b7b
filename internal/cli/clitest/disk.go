package clitest

import (
	"os/exec"
	"strconv"
	"testing"
)

// FullDisks calls test with a folder on a disk of that many bytes and with a
// folder whose files may have that many: a process meets the first as a full
// disk and the second as a quota. change prepares the command; it may be nil.
func FullDisks(t *testing.T, bytes int, test func(t *testing.T, dir string, change func(*exec.Cmd))) {
	t.Run("full disk", func(t *testing.T) {
		dir := t.TempDir()
		unmount, err := mount(dir, bytes)
		if err != nil {
			t.Skipf("a small disk cannot be mounted here (root on Linux can): %v", err)
		}
		defer func() {
			if err := unmount(); err != nil {
				t.Errorf("unmounting %s: %v", dir, err)
			}
		}()
		test(t, dir, nil)
	})
	t.Run("file size limit", func(t *testing.T) {
		sh, err := exec.LookPath("sh")
		if err != nil {
			t.Skipf("there is no shell to set a limit with: %v", err)
		}
		test(t, t.TempDir(), func(c *exec.Cmd) {
			// A POSIX shell counts 512 bytes a block.
			c.Args = append([]string{sh, "-c", `ulimit -f "$0" && exec "$@"`, strconv.Itoa(bytes / 512), c.Path}, c.Args[1:]...)
			c.Path = sh
		})
	})
}

//go:build cgo

package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPlainPath(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		reason, file string
		same         bool
	}{
		{reason: "nothing to mistake", file: filepath.Join(dir, "home", "cpu.so"), same: true},
		{reason: "a home folder named after the GPU maker", file: filepath.Join(dir, "nvidia", "cpu.so")},
		{reason: "upper case counts too", file: filepath.Join(dir, "CUDA-box", "cpu.so")},
	} {
		touch(t, tc.file)
		got, remove, err := plainPath(tc.file)
		if err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		if (got == tc.file) != tc.same || !sameFile(got, tc.file) {
			t.Errorf("%s: %q for %q", tc.reason, got, tc.file)
		}
		remove()
		if _, err := os.Stat(tc.file); err != nil {
			t.Errorf("%s: the plugin itself is gone: %v", tc.reason, err)
		}
	}
}

func TestSetGPUFlags(t *testing.T) {
	site := filepath.Join(t.TempDir(), "site-packages")
	plugin := touch(t, filepath.Join(site, gpuPluginPath))
	cuda := filepath.Join(site, "nvidia", "cu13")
	touch(t, filepath.Join(cuda, "bin", "ptxas"))
	const same = " --xla_gpu_deterministic_ops=true"
	for _, tc := range []struct{ reason, flags, want string }{
		{reason: "no flags yet", want: "--xla_gpu_cuda_data_dir=" + cuda + same},
		{reason: "other flags stay", flags: "--xla_x=1", want: "--xla_x=1 --xla_gpu_cuda_data_dir=" + cuda + same},
		{reason: "the user's own folder stays", flags: "--xla_gpu_cuda_data_dir=/opt", want: "--xla_gpu_cuda_data_dir=/opt" + same},
		{reason: "the user's wish for speed stays", flags: "--xla_gpu_deterministic_ops=false", want: "--xla_gpu_deterministic_ops=false --xla_gpu_cuda_data_dir=" + cuda},
	} {
		t.Setenv("XLA_FLAGS", tc.flags)
		t.Setenv("GOPJRT_CUDA_CHECKS", "")
		if err := setGPUFlags(plugin); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv("XLA_FLAGS"); got != tc.want {
			t.Errorf("%s: XLA_FLAGS=%q, want %q", tc.reason, got, tc.want)
		}
		if os.Getenv("GOPJRT_CUDA_CHECKS") != "0" {
			t.Errorf("%s: go-xla would warn in vain", tc.reason)
		}
	}
}

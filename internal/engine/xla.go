//go:build cgo

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

func startCPU() (*Engine, error) {
	file, err := cpuPlugin()
	if err != nil {
		return nil, err
	}
	load, remove, err := plainPath(file)
	if err != nil {
		return nil, err
	}
	defer remove() // the library stays mapped
	b, err := open(load)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Engine{Backend: b, Kind: CPU,
		detail: fmt.Sprintf("XLA on CPU (PJRT plugin %s, %s)", wheel(file), threads())}, nil
}

func startGPU() (*Engine, error) {
	file, err := gpuPlugin()
	if err != nil {
		return nil, err
	}
	if err := setGPUFlags(file); err != nil {
		return nil, err
	}
	b, err := open(file + ",tf32=false")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Engine{Backend: b, Kind: GPU,
		detail: fmt.Sprintf("XLA on GPU (PJRT plugin %s, %s)", wheel(file), b.DeviceDescription(0))}, nil
}

// open starts XLA. The plugin is given by an absolute path, for which go-xla
// neither searches nor installs.
func open(config string) (b compute.Backend, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("the plugin does not start: %v", p)
		}
	}()
	x, err := xla.NewWithOptions(config, nil)
	if err != nil {
		return nil, err
	}
	if x.NumDevices() < 1 {
		x.Finalize()
		return nil, fmt.Errorf("the plugin sees no device")
	}
	return x, nil
}

// plainPath returns a path to file by which go-xla does not mistake a CPU
// plugin for a CUDA one: it goes by the words "cuda" and "nvidia" anywhere in
// the path, a home folder's name included, and then sets options that the CPU
// plugin refuses.
func plainPath(file string) (path string, remove func(), err error) {
	if !pjrt.IsCUDAName(file) {
		return file, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "pjrt")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")
	if err := os.Symlink(file, path); err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return path, func() { os.RemoveAll(dir) }, nil
}

// setGPUFlags tells XLA, through its environment, where the CUDA wheels lie
// that were installed with the plugin, and to choose kernels that give the same
// bits each time rather than those that were fastest in a trial. Flags that the
// user has set are kept.
func setGPUFlags(plugin string) error {
	site := filepath.Dir(filepath.Dir(filepath.Dir(plugin))) // jax_plugins/xla_cuda13/x.so
	if os.Getenv("GOPJRT_CUDA_CHECKS") == "" {
		// go-xla looks for the CUDA wheels in another place and warns in vain.
		if err := os.Setenv("GOPJRT_CUDA_CHECKS", "0"); err != nil {
			return err
		}
	}
	flags := os.Getenv("XLA_FLAGS")
	if cuda := filepath.Join(site, "nvidia", "cu13"); isDir(cuda) && !strings.Contains(flags, "--xla_gpu_cuda_data_dir") {
		flags += " --xla_gpu_cuda_data_dir=" + cuda
	}
	if !strings.Contains(flags, "--xla_gpu_deterministic_ops") {
		flags += " --xla_gpu_deterministic_ops=true"
	}
	return os.Setenv("XLA_FLAGS", strings.TrimSpace(flags))
}

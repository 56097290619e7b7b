package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where the wheels put their plugins, below site-packages.
const (
	cpuPluginPath = "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so"
	gpuPluginPath = "jax_plugins/xla_cuda13/xla_cuda_plugin.so"
)

// hasGPU reports whether the kernel driver of an NVIDIA GPU is loaded. root is
// "" for the machine itself.
func hasGPU(root string) bool {
	if dev, _ := filepath.Glob(filepath.Join(root, "/dev/nvidia[0-9]*")); len(dev) > 0 {
		return true
	}
	return isFile(filepath.Join(root, "/proc/driver/nvidia/version"))
}

// cpuPlugin returns the absolute path of the PJRT plugin for the CPU.
func cpuPlugin() (string, error) {
	if f := os.Getenv(EnvPlugin); f != "" {
		if !isFile(f) {
			return "", fmt.Errorf("%s=%s: no such file", EnvPlugin, f)
		}
		return filepath.Abs(f)
	}
	return inVenvs(cpuPluginPath)
}

// gpuPlugin returns the absolute path of the PJRT plugin for NVIDIA GPUs.
func gpuPlugin() (string, error) { return inVenvs(gpuPluginPath) }

// inVenvs returns the absolute path of a file below the site-packages folder
// of the first virtual environment that has it.
func inVenvs(name string) (string, error) {
	venvs := venvs()
	for _, v := range venvs {
		found, _ := filepath.Glob(filepath.Join(escapeGlob(v), "lib", "python3*", "site-packages", name))
		for _, f := range found {
			if isFile(f) {
				return filepath.Abs(f)
			}
		}
	}
	if len(venvs) == 0 {
		return "", fmt.Errorf("no plugin: %s and %s are not set and there is no folder .venv here or above", EnvPlugin, EnvVenv)
	}
	return "", fmt.Errorf("no plugin %s in %s", name, strings.Join(venvs, ", "))
}

// venvs lists the virtual environments to search: SPATIALGO_VENV alone where
// it is set, else each .venv from the working directory upward, then each from
// the executable's folder upward.
func venvs() []string {
	if v := os.Getenv(EnvVenv); v != "" {
		return []string{v}
	}
	var starts, all []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	seen := map[string]bool{}
	for _, dir := range starts {
		for {
			v := filepath.Join(dir, ".venv")
			if !seen[v] && isDir(v) {
				all = append(all, v)
			}
			seen[v] = true
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return all
}

// wheel names the Python package and version that a plugin came with, e.g.
// "lammps-jax-pjrt-cpu 0.11.2", or its file name where the environment does
// not tell.
func wheel(plugin string) string {
	for dir := filepath.Dir(plugin); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		for _, pattern := range []string{"lammps_jax_pjrt_cpu-*.dist-info", "jax_cuda13_pjrt-*.dist-info"} {
			if strings.Contains(plugin, "cuda13") != strings.Contains(pattern, "cuda13") {
				continue
			}
			if m, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern)); len(m) > 0 {
				name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(m[0]), ".dist-info"), "-")
				return strings.ReplaceAll(name, "_", "-") + " " + version
			}
		}
	}
	return filepath.Base(plugin)
}

// escapeGlob quotes the characters of a folder's name that filepath.Glob
// would read as a pattern.
func escapeGlob(s string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(s)
}

func isFile(p string) bool {
	i, err := os.Stat(p)
	return err == nil && i.Mode().IsRegular()
}

func isDir(p string) bool {
	i, err := os.Stat(p)
	return err == nil && i.IsDir()
}

package engine

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// touch makes an empty file with its folders.
func touch(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHasGPU(t *testing.T) {
	for _, tc := range []struct {
		reason string
		files  []string
		want   bool
	}{
		{reason: "a machine without the driver", want: false},
		{reason: "the driver's device file", files: []string{"dev/nvidia0"}, want: true},
		{reason: "a container may show only the tenth card", files: []string{"dev/nvidia10"}, want: true},
		{reason: "control devices exist without a card", files: []string{"dev/nvidiactl", "dev/nvidia-uvm"}, want: false},
		{reason: "driver loaded, device files not made yet", files: []string{"proc/driver/nvidia/version"}, want: true},
	} {
		root := t.TempDir()
		for _, f := range tc.files {
			touch(t, filepath.Join(root, f))
		}
		if got := hasGPU(root); got != tc.want {
			t.Errorf("%s: hasGPU = %v, want %v", tc.reason, got, tc.want)
		}
	}
}

func TestCPUPlugin(t *testing.T) {
	const site = "lib/python3.11/site-packages"
	base := t.TempDir()
	inVenv := touch(t, filepath.Join(base, "venv [x]", site, cpuPluginPath))
	inRepo := touch(t, filepath.Join(base, "repo", ".venv", site, cpuPluginPath))
	file := touch(t, filepath.Join(base, "own.so"))
	deep := filepath.Join(base, "repo", "notebooks", "work")
	for _, dir := range []string{deep, filepath.Join(deep, ".venv"), filepath.Join(base, "empty")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		reason       string
		plugin, venv string
		wd           string
		want, errHas string
	}{
		{reason: "the file that is named wins", plugin: file, venv: filepath.Join(base, "venv [x]"), wd: deep, want: file},
		{reason: "a wrong name is not passed over in silence", plugin: filepath.Join(base, "no.so"), wd: deep, errHas: EnvPlugin},
		{reason: "the environment that is named, with glob characters in it", venv: filepath.Join(base, "venv [x]"), wd: deep, want: inVenv},
		{reason: "a named environment is the only one searched", venv: filepath.Join(base, "empty"), wd: deep, errHas: "empty"},
		{reason: "upward from the working directory, past a .venv without the plugin", wd: deep, want: inRepo},
		{reason: "nowhere", wd: base, errHas: "no plugin"},
	} {
		t.Setenv(EnvPlugin, tc.plugin)
		t.Setenv(EnvVenv, tc.venv)
		t.Chdir(tc.wd)
		got, err := cpuPlugin()
		switch {
		case tc.errHas != "":
			if err == nil || !strings.Contains(err.Error(), tc.errHas) {
				t.Errorf("%s: got %q, %v; want an error with %q", tc.reason, got, err, tc.errHas)
			}
		case err != nil || !sameFile(got, tc.want):
			t.Errorf("%s: got %q, %v; want %q", tc.reason, got, err, tc.want)
		}
	}
}

func sameFile(a, b string) bool {
	i, err := os.Stat(a)
	j, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(i, j)
}

func TestWheel(t *testing.T) {
	site := filepath.Join(t.TempDir(), "site-packages")
	cpu := touch(t, filepath.Join(site, cpuPluginPath))
	gpu := touch(t, filepath.Join(site, gpuPluginPath))
	if got := wheel(cpu); got != "pjrt_c_api_cpu_plugin.so" {
		t.Errorf("no dist-info: %q, want the file's name", got)
	}
	touch(t, filepath.Join(site, "lammps_jax_pjrt_cpu-0.11.2.dist-info", "METADATA"))
	touch(t, filepath.Join(site, "jax_cuda13_pjrt-0.11.3.dist-info", "METADATA"))
	if got := wheel(cpu); got != "lammps-jax-pjrt-cpu 0.11.2" {
		t.Errorf("CPU plugin: %q", got)
	}
	if got := wheel(gpu); got != "jax-cuda13-pjrt 0.11.3" {
		t.Errorf("GPU plugin: %q", got)
	}
}

func TestOpenChoice(t *testing.T) {
	base := t.TempDir()
	broken := touch(t, filepath.Join(base, "broken.so"))
	root := filepath.Join(base, "root")
	touch(t, filepath.Join(root, "dev/nvidia0"))
	for _, tc := range []struct {
		reason string
		o      Options
		env    string
		want   Kind
		notes  int
		errHas string
	}{
		{reason: "asked for by option", o: Options{Kind: Go}, env: "cpu", want: Go},
		{reason: "asked for by environment", env: "go", want: Go},
		{reason: "a plugin that does not load: go on, and say so", want: Go, notes: 1},
		{reason: "a GPU without its plugin: go on, and say so", o: Options{root: root}, want: Go, notes: 2},
		{reason: "asked for and broken: an error that names the file", env: "cpu", errHas: "broken.so"},
		{reason: "no such kind of engine", env: "tpu", errHas: "tpu"},
		{reason: "no such kind of engine, by option", o: Options{Kind: "metal"}, errHas: "metal"},
	} {
		t.Setenv(EnvEngine, tc.env)
		t.Setenv(EnvPlugin, broken)
		t.Setenv(EnvVenv, base)
		if tc.o.root == "" {
			tc.o.root = base
		}
		e, err := Open(tc.o)
		if tc.errHas != "" {
			if err == nil || !strings.Contains(err.Error(), tc.errHas) {
				t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.errHas)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.reason, err)
			continue
		}
		if e.Kind != tc.want || len(e.Notes) != tc.notes {
			t.Errorf("%s: %s with notes %q, want %s with %d notes", tc.reason, e.Kind, e.Notes, tc.want, tc.notes)
		}
		e.Close()
	}
}

// TestGoUnbounded guards against the deadlock of the Go backend's bounded pool.
func TestGoUnbounded(t *testing.T) {
	e, err := Open(Options{Kind: Go})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if d := e.Backend.Description(); !strings.Contains(d, "parallelism=-1") {
		t.Errorf("Go backend is %q, want parallelism=-1", d)
	}
}

// engines starts every engine of this machine; the caller's test is told which
// are not there.
func engines(t *testing.T) []*Engine {
	var all []*Engine
	for _, k := range []Kind{GPU, CPU, Go} {
		if k == GPU && !hasGPU("") {
			t.Logf("%s: no NVIDIA driver", k)
			continue
		}
		e, err := Open(Options{Kind: k})
		if err != nil {
			if k == Go {
				t.Fatal(err)
			}
			t.Logf("%s: %v", k, err)
			continue
		}
		t.Cleanup(e.Close)
		t.Log(e.Describe())
		all = append(all, e)
	}
	return all
}

// TestEnginesAgree runs softmax(a b) on each engine and checks it against the
// same computation in float64.
func TestEnginesAgree(t *testing.T) {
	const n, k, m = 7, 33, 5
	rng := rand.New(rand.NewPCG(1, 1))
	a, b := make([]float32, n*k), make([]float32, k*m)
	for i := range a {
		a[i] = float32(rng.NormFloat64())
	}
	for i := range b {
		b[i] = float32(rng.NormFloat64())
	}
	want := softmaxProduct(a, b, n, k, m)
	for _, e := range engines(t) {
		exec, err := graph.NewExec(e.Backend, func(a, b *graph.Node) *graph.Node { return graph.Softmax(graph.MatMul(a, b), -1) })
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(a, n, k), tensors.FromFlatDataAndDimensions(b, k, m))
		if err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		got, err := tensors.CopyFlatData[float32](out)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if d := math.Abs(float64(got[i]) - want[i]); d > 2e-6 {
				t.Errorf("%s: element %d is %v, want %v", e.Kind, i, got[i], want[i])
			}
		}
		exec.Finalize()
	}
}

func softmaxProduct(a, b []float32, n, k, m int) []float64 {
	out := make([]float64, n*m)
	for i := range n {
		sum := 0.0
		for j := range m {
			for l := range k {
				out[i*m+j] += float64(a[i*k+l]) * float64(b[l*m+j])
			}
			sum += math.Exp(out[i*m+j])
		}
		for j := range m {
			out[i*m+j] = math.Exp(out[i*m+j]) / sum
		}
	}
	return out
}

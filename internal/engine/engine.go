package engine

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// Kind names a kind of engine.
type Kind string

// The kinds of engine, best first.
const (
	GPU Kind = "xla-gpu" // XLA on an NVIDIA GPU
	CPU Kind = "xla-cpu" // XLA on the processor
	Go  Kind = "go"      // GoMLX's backend in pure Go
)

// The environment variables that Open heeds.
const (
	EnvEngine = "SPATIALGO_ENGINE" // go, cpu or gpu: use this kind or fail
	EnvPlugin = "SPATIALGO_PJRT"   // file of the PJRT plugin for the CPU
	EnvVenv   = "SPATIALGO_VENV"   // Python virtual environment that holds the plugins
)

// Options directs Open. The zero value takes the best engine there is, or the
// one that the environment names.
type Options struct {
	// Kind is the only kind to try; "" heeds SPATIALGO_ENGINE, and where that
	// is not set either, tries all in order.
	Kind Kind

	// root replaces "/" in the search for GPU devices, in tests.
	root string
}

// Engine is a started backend.
type Engine struct {
	Backend compute.Backend
	Kind    Kind
	Notes   []string // why better engines were passed over, for people

	detail string
}

// Open starts the best engine of this machine. It returns an error only where
// one kind was asked for (by Options.Kind or SPATIALGO_ENGINE) and does not
// start. Close the engine when done.
func Open(o Options) (*Engine, error) {
	kind, err := o.wanted()
	if err != nil {
		return nil, err
	}
	if kind != "" {
		e, err := start(kind, o)
		if err != nil {
			return nil, fmt.Errorf("engine: %s: %w", kind, err)
		}
		return e, nil
	}
	var notes []string
	for _, k := range []Kind{GPU, CPU, Go} {
		if k == GPU && !hasGPU(o.root) {
			continue
		}
		e, err := start(k, o)
		if err == nil {
			e.Notes = notes
			return e, nil
		}
		notes = append(notes, fmt.Sprintf("%s not used: %v", k, err))
	}
	return nil, fmt.Errorf("engine: none starts: %s", strings.Join(notes, "; "))
}

// wanted returns the one kind that was asked for, or "".
func (o Options) wanted() (Kind, error) {
	if o.Kind != "" {
		switch o.Kind {
		case GPU, CPU, Go:
			return o.Kind, nil
		}
		return "", fmt.Errorf("engine: unknown kind %q: want %q, %q or %q", o.Kind, GPU, CPU, Go)
	}
	switch v := os.Getenv(EnvEngine); v {
	case "":
		return "", nil
	case "gpu":
		return GPU, nil
	case "cpu":
		return CPU, nil
	case "go":
		return Go, nil
	default:
		return "", fmt.Errorf("engine: %s=%q: want go, cpu or gpu", EnvEngine, v)
	}
}

func start(k Kind, o Options) (*Engine, error) {
	switch k {
	case GPU:
		return startGPU()
	case CPU:
		return startCPU()
	}
	return startGo()
}

func startGo() (*Engine, error) {
	b, err := gobackend.New("")
	if err != nil {
		return nil, err
	}
	// The option string "parallelism=-1" would do, but prints to standard
	// output, which belongs to the command.
	workers, ok := reflect.Indirect(reflect.ValueOf(b)).FieldByName("Workers").Interface().(interface{ SetMaxParallelism(int) })
	if !ok {
		return nil, fmt.Errorf("this version of GoMLX's Go backend has no SetMaxParallelism")
	}
	workers.SetMaxParallelism(-1)
	return &Engine{Backend: b, Kind: Go, detail: fmt.Sprintf("pure Go (GoMLX, %s)", threads())}, nil
}

// Describe returns one line for people: the machinery, its version and how
// much of the machine it may use.
func (e *Engine) Describe() string { return e.detail }

// Close frees the backend. Tensors that live on it must not be used again.
func (e *Engine) Close() { e.Backend.Finalize() }

func threads() string {
	if n := runtime.NumCPU(); n != 1 {
		return fmt.Sprintf("%d threads", n)
	}
	return "1 thread"
}

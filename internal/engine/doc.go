// Package engine chooses the machinery that runs this module's neural
// networks: the best GoMLX backend that the machine at hand can start.
//
// Three kinds of engine are tried in this order:
//
//  1. [GPU]: XLA on an NVIDIA GPU. Tried where the kernel driver shows a
//     device (/dev/nvidia0, ... or /proc/driver/nvidia/version) and the PJRT
//     plugin of the Python wheel jax-cuda13-pjrt is in the virtual
//     environment. Products of float32 matrices are computed in float32, not
//     in TF32, so that numbers agree with the other engines.
//  2. [CPU]: XLA on the processor, by the PJRT plugin of the Python wheel
//     lammps-jax-pjrt-cpu. Only the shared library in the wheel is used;
//     neither Python nor jax has to run.
//  3. [Go]: GoMLX's own backend. Always there, several times slower. Its
//     scheduler is set to one goroutine per ready operation
//     (parallelism=-1): with its default, a bounded pool, independent matrix
//     products can wait for each other for ever.
//
// An engine that does not start is skipped and the reason is kept in
// [Engine.Notes]. The choice can be forced by the environment variable
// SPATIALGO_ENGINE (gpu, cpu or go); then no other is tried and failing to
// start is an error.
//
// # Where plugins are found
//
// The CPU plugin is the first that exists of: the file SPATIALGO_PJRT; the
// site-packages folder of the virtual environment SPATIALGO_VENV; that of a
// folder .venv in the working directory or one of its parents; that of a
// folder .venv beside the executable or in one of its parents. The GPU plugin
// is looked for in the same virtual environments. Nothing is ever downloaded
// or installed by this package.
//
// # Memory
//
// XLA on the CPU takes and returns some hundred megabytes of buffers a step.
// By default glibc hands each of them back to the kernel at once, and a fifth
// of the time goes into page faults. Where the C library is glibc this package
// therefore tells malloc, before Go starts, to keep freed memory.
//
// # Same bytes
//
// On one machine and one kind of engine, the same graph with the same inputs
// gives the same bits, whatever the number of threads. Between kinds of
// engine results differ by rounding.
package engine

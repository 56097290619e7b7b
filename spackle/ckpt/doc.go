// Package ckpt reads the checkpoints of PyTorch and Lightning (.ckpt, .pt)
// without executing anything.
//
// A checkpoint is a Python pickle: a program for a stack machine that may call
// any function of any installed module, so opening a stranger's file with
// torch.load can run the stranger's commands. This package has a stack machine
// of its own that can only build values. It knows the few operations that such
// files need, and a fixed list of names that it builds itself:
//
//	collections.OrderedDict, argparse.Namespace,
//	Lightning's AttributeDict                      dictionaries
//	torch._utils._rebuild_tensor_v2,
//	torch._utils._rebuild_parameter                tensors
//	torch.FloatStorage, DoubleStorage, ...         where their numbers are
//	torch.Size, torch.device                       a list, a text
//
// No module is ever looked up. Any other name ends the reading with an error
// that holds a [*Refused], which says what Python would have executed.
//
// # The format
//
// torch.save writes, since version 1.6, a zip archive of one folder:
//
//	NAME/data.pkl   the pickle, protocol 2
//	NAME/byteorder  "little"
//	NAME/data/0     the elements of storage 0, as they lay in memory
//	NAME/data/1     ...
//
// A tensor in the pickle is a storage, the place of its first element in it,
// its shape and its strides. Lightning saves a dictionary whose entry
// state_dict holds the network's tensors by name; beside it are the step, the
// states of optimisers and callbacks, and the hyper-parameters. [Open] returns
// the tensors of state_dict as File.Tensors and all else as File.Settings. A
// file that is a dictionary of tensors itself (torch.save(net.state_dict()))
// gives File.Tensors alone.
//
// # What is refused
//
// Damage and tricks give a *format.Error. Records must be stored as they are,
// as torch writes them, never compressed, so that no archive unfolds to more
// than its size; their checksums must be right. Tensors must lie inside their
// storage, whatever their strides, have no more elements than it, and all
// together no more than the file has bytes. Values may not contain themselves,
// nor be repeated by reference until they are far larger than the file that
// says so. What is allocated is bounded by the size of the file: numbers by that
// itself, other values by some 200 bytes for each byte of data.pkl, which must not
// have more than 8 MiB.
//
// Not read: what torch wrote before 1.6, the byte order of big-endian
// machines, TorchScript archives, sparse, quantised and complex tensors.
//
// # Differences to torch.load
//
// Tensors are not laid out until [Tensor.Float32s] is called, which converts
// float16, bfloat16 and float64. Devices are ignored. Tuples and lists are
// both []any, and keys of dictionaries become text, as [Settings] says.
//
// Sources: the documentation of Python's pickletools, PyTorch's notes on
// serialization semantics, and the files that torch 2.15 and Lightning 2.6
// write.
package ckpt

package ckpt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
)

// global is a name of Python that the machine stands in for.
type global struct {
	name string
	make maker
	dtype
}

// maker says what comes of calling a global.
type maker int

const (
	makeNothing   maker = iota
	makeDict            // an empty dictionary
	makeNamespace       // one whose attributes are its entries
	makeTensor          // a view of a storage
	makeParameter       // the tensor that it is given
	makeStorage         // not called: names the kind of a storage
	makeTuple           // the tuple that it is given
	makeText            // the parts of a device's name
)

// makers is the list of what may be named, by module and name.
var makers = map[string]maker{
	"collections.OrderedDict":                           makeDict,
	"argparse.Namespace":                                makeNamespace,
	"lightning.fabric.utilities.data.AttributeDict":     makeDict,
	"lightning_fabric.utilities.data.AttributeDict":     makeDict,
	"lightning.pytorch.utilities.parsing.AttributeDict": makeDict,
	"pytorch_lightning.utilities.parsing.AttributeDict": makeDict,
	"torch._utils._rebuild_tensor_v2":                   makeTensor,
	"torch._utils._rebuild_parameter":                   makeParameter,
	"torch.Size":                                        makeTuple,
	"torch.device":                                      makeText,
}

// global looks a name up on the list, and nowhere else.
func (m *machine) global(op byte) error {
	var module, name any
	var err error
	if op == 0x93 { // STACK_GLOBAL
		var names []any
		if names, err = m.popN(2); err == nil {
			module, name = names[0], names[1]
		}
	} else if module, err = m.line(); err == nil {
		name, err = m.line()
	}
	if err != nil {
		return err
	}
	mod, ok1 := module.(string)
	id, ok2 := name.(string)
	if !ok1 || !ok2 {
		return fmt.Errorf("names something by %s and %s, want texts", describe(module), describe(name))
	}
	full := mod + "." + id
	if d, ok := storages[id]; ok && mod == "torch" && op != 'i' {
		m.push(global{full, makeStorage, d})
		return nil
	}
	if k, ok := makers[full]; ok && op != 'i' {
		m.push(global{name: full, make: k})
		return nil
	}
	return &Refused{Name: fmt.Sprintf("%.200s", strings.ToValidUTF8(full, "?"))}
}

// call is REDUCE: what a function gives for its arguments.
func (m *machine) call() error {
	v, err := m.popN(2)
	if err != nil {
		return err
	}
	f, isGlobal := v[0].(global)
	args, isTuple := v[1].(tuple)
	if !isGlobal || !isTuple {
		return fmt.Errorf("calls %s with %s: refused", describe(v[0]), describe(v[1]))
	}
	out, err := f.call(args)
	if err != nil {
		return err
	}
	m.push(out)
	return nil
}

func (f global) call(args tuple) (any, error) {
	switch f.make {
	case makeDict, makeNamespace:
		if len(args) == 0 {
			return &dict{namespace: f.make == makeNamespace}, nil
		}
	case makeTensor:
		if t, err := rebuild(args); err != errArguments {
			return t, err
		}
	case makeParameter: // (tensor, requires_grad, hooks)
		if len(args) == 3 && isTensor(args[0]) {
			return args[0], nil
		}
	case makeTuple:
		if len(args) == 1 {
			if t, ok := args[0].(tuple); ok {
				return t, nil
			}
		}
	case makeText: // ("cuda", 1)
		if n := len(args); n == 1 || n == 2 {
			var parts []string
			for _, a := range args {
				parts = append(parts, fmt.Sprintf("%.40s", keyText(a)))
			}
			return strings.Join(parts, ":"), nil
		}
	}
	return nil, fmt.Errorf("calls %s with %d arguments that do not fit: refused", f.name, len(args))
}

var errArguments = errors.New("other arguments")

// rebuild makes a tensor of (storage, offset, shape, strides, requires_grad,
// hooks[, metadata]).
func rebuild(args tuple) (Tensor, error) {
	if len(args) != 6 && len(args) != 7 {
		return Tensor{}, errArguments
	}
	s, ok1 := args[0].(storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := integers(args[2])
	strides, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Tensor{}, errArguments
	}
	return newTensor(s, offset, shape, strides)
}

// maxRank bounds the axes of a tensor, torch's own bound for most functions.
const maxRank = 64

func integers(v any) ([]int64, bool) {
	t, ok := v.(tuple)
	if !ok || len(t) > maxRank {
		return nil, false
	}
	out := make([]int64, len(t))
	for i := range t {
		if out[i], ok = t[i].(int64); !ok {
			return nil, false
		}
	}
	return out, true
}

// build is BUILD: attributes for an object. Those of a Namespace are its
// entries; those of a dictionary (of a state_dict, the versions of its layers)
// are ignored.
func (m *machine) build() error {
	v, err := m.popN(1)
	if err != nil {
		return err
	}
	state, ok := v[0].(*dict)
	top, err := m.top()
	if err != nil {
		return err
	}
	into, isDict := top.(*dict)
	if !ok || !isDict {
		return fmt.Errorf("sets the state of %s to %s: refused", describe(top), describe(v[0]))
	}
	if into.namespace && len(into.keys) == 0 {
		n := len(state.keys) // shared, not copied: references are two bytes long
		into.keys, into.values = state.keys[:n:n], state.values[:n:n]
	}
	return nil
}

// persistent is BINPERSID: a storage by its id.
func (m *machine) persistent() error {
	id, err := m.popN(1)
	if err != nil {
		return err
	}
	s, err := m.openStorage(id[0])
	if err != nil {
		return err
	}
	m.push(s)
	return nil
}

// plainer turns what the machine built into Settings.
type plainer struct {
	budget int // values left: references can make few bytes name many
}

const maxDepth = 100 // of values in values; a training's state has some ten

func (p *plainer) settings(d *dict, depth int) (Settings, error) {
	s := Settings{}
	for i, k := range d.keys {
		v, err := p.plain(d.values[i], depth+1)
		if err != nil {
			return nil, err
		}
		s[keyText(k)] = v
	}
	return s, nil
}

func (p *plainer) plain(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, format.Errorf("", pickleName, "values in values, %d deep, or one that contains itself: refused", depth)
	}
	if p.budget--; p.budget < 0 {
		return nil, format.Errorf("", pickleName, "repeats values by reference until they are far larger than the file: refused")
	}
	switch v := v.(type) {
	case *dict:
		return p.settings(v, depth)
	case *list:
		return p.plains(v.items, depth)
	case tuple:
		return p.plains(v, depth)
	case global:
		return v.name, nil
	case storage:
		return nil, format.Errorf("", pickleName, "a storage outside a tensor")
	}
	return v, nil
}

func (p *plainer) plains(items []any, depth int) (any, error) {
	out := make([]any, len(items))
	for i := range items {
		var err error
		if out[i], err = p.plain(items[i], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keyText is a key of a dictionary as text.
func keyText(k any) string {
	switch k := k.(type) {
	case string:
		return k
	case int64:
		return strconv.FormatInt(k, 10)
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 64)
	case bool:
		return map[bool]string{true: "True", false: "False"}[k]
	}
	return describe(k)
}

package spared

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
)

// maxRecipe bounds the size of a recipe file in bytes. A gene list of all
// genes takes a tenth of it.
const maxRecipe = 16 << 20

// ReadRecipe reads a recipe from a JSON file, as "spared info --recipe" prints
// it. A key that no recipe has is an error that names it, and so is a value of
// the wrong kind; errors are of type *FormatError.
func ReadRecipe(path string) (Recipe, error) {
	f, err := os.Open(path)
	if err != nil {
		return Recipe{}, format.Errorf(path, "", "cannot be opened: %w", reasonOf(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecipe+1))
	switch {
	case err != nil:
		return Recipe{}, format.Errorf(path, "", "cannot be read: %w", reasonOf(err))
	case len(b) > maxRecipe:
		return Recipe{}, format.Errorf(path, "", "is larger than %d MiB, which no recipe is", maxRecipe>>20)
	}
	return parseRecipe(path, b)
}

func parseRecipe(path string, b []byte) (r Recipe, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return Recipe{}, recipeError(path, b, dec.InputOffset(), err)
	}
	if rest := bytes.TrimSpace(b[dec.InputOffset():]); len(rest) > 0 {
		return Recipe{}, format.Errorf(path, "", "line %d: something follows the recipe: want one JSON object", lineOf(b, dec.InputOffset()))
	}
	return r, nil
}

// recipeError words what the JSON decoder found for people.
func recipeError(path string, b []byte, at int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &syntax):
		return format.Errorf(path, "", "line %d: is not JSON: %w", lineOf(b, syntax.Offset), err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return format.Errorf(path, "", "ends too early: want one JSON object")
	case errors.As(err, &kind):
		return format.Errorf(path, kind.Field, "line %d: holds a %s, want %s", lineOf(b, kind.Offset), kind.Value, kindWords(kind.Type.Kind().String()))
	case isUnknown:
		key := strings.Trim(unknown, `"`)
		return format.Errorf(path, key, "is no part of a recipe; its parts are %s; those of an input are %s", keysOf[Recipe](), keysOf[Input]())
	}
	return format.Errorf(path, "", "line %d: %w", lineOf(b, at), err)
}

func kindWords(kind string) string {
	switch kind {
	case "float64", "int", "uint64":
		return "a number"
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	}
	return "an object"
}

// lineOf returns the line, from 1, that holds byte at.
func lineOf(b []byte, at int64) int {
	return 1 + bytes.Count(b[:min(at, int64(len(b)))], []byte("\n"))
}

// keysOf lists the JSON keys of a struct in order.
func keysOf[T any]() string {
	t := reflect.TypeFor[T]()
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return strings.Join(keys, ", ")
}

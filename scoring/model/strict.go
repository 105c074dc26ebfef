package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// PathError is a fault in a JSON document: where and why.
type PathError struct {
	Path  string // such as card.attributes[3].bins[1]; empty = the document
	Cause error
}

// Error gives the path and the cause.
func (e *PathError) Error() string {
	if e.Path == "" {
		return e.Cause.Error()
	}
	return e.Path + ": " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *PathError) Unwrap() error { return e.Cause }

func faultAt(path, format string, args ...any) error {
	return &PathError{Path: path, Cause: fmt.Errorf(format, args...)}
}

// DecodeStrict reads one JSON document into a struct pointer. Unknown fields,
// values of the wrong type and text after the document are refused with a
// *PathError.
func DecodeStrict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return faultAt("", "no JSON at line %d: %w", 1+bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n")), err)
		}
		return faultAt("", "no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return faultAt("", "text after the document")
	}
	if err := checkFields(document, reflect.TypeOf(into), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return faultAt(wrong.Field, "a %s, want a %s", wrong.Value, wrong.Type)
		}
		return faultAt("", "%w", err)
	}
	return nil
}

// checkFields refuses fields that a type does not have.
func checkFields(value any, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		return checkObject(value, t, path)
	case []any:
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return nil // the decoder says what is wrong
		}
		for i, element := range value {
			if err := checkFields(element, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkObject(value map[string]any, t reflect.Type, path string) error {
	for _, name := range slices.Sorted(maps.Keys(value)) {
		below := strings.TrimPrefix(path+"."+name, ".")
		switch t.Kind() {
		case reflect.Map:
			if err := checkFields(value[name], t.Elem(), below); err != nil {
				return err
			}
		case reflect.Struct:
			field, ok := fieldOf(t, name)
			if !ok {
				return faultAt(below, "no such field")
			}
			if err := checkFields(value[name], field, below); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldOf finds a field by its JSON name, letter by letter.
func fieldOf(t reflect.Type, name string) (reflect.Type, bool) {
	for field := range t.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == "" && field.Anonymous {
			if inner, ok := fieldOf(field.Type, name); ok {
				return inner, true
			}
			continue
		}
		if tag == name || tag == "" && field.Name == name {
			return field.Type, true
		}
	}
	return nil, false
}

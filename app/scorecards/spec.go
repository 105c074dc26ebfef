// Package scorecards trains, applies and validates models on files. The one
// rule: memory stays bounded whatever the size of a file, and an output file is
// there wholly or not at all.
package scorecards

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"loan310/app/fault"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

// CodeRefused is the fault code of data, specs and models that cannot be used.
const CodeRefused fault.Code = "scorecard_refused"

// refused makes an error of the user's input: it names the file, and the cause
// the place in it.
func refused(file string, cause error) error {
	return fault.New(fault.Invalid, CodeRefused, "%s: %s", file, cause).Wrap(cause)
}

// ReadSpec reads a spec of training: JSON, or YAML when the name ends in .yaml
// or .yml. Unknown fields are refused with their path.
func ReadSpec(path string) (train.Spec, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return train.Spec{}, refused("spec", err)
	}
	spec, err := ParseSpec(body, filepath.Ext(path))
	if err != nil {
		return train.Spec{}, refused(path, err)
	}
	return spec, nil
}

// ParseSpec reads a spec; ext is .yaml or .yml for YAML, anything else is JSON.
func ParseSpec(body []byte, ext string) (train.Spec, error) {
	var spec train.Spec
	if ext == ".yaml" || ext == ".yml" {
		var document any
		if err := yaml.Unmarshal(body, &document); err != nil {
			return spec, fmt.Errorf("no YAML: %w", err)
		}
		plain, err := json.Marshal(document)
		if err != nil {
			return spec, fmt.Errorf("YAML that JSON could not say, such as keys that are no texts: %w", err)
		}
		body = plain
	}
	if err := model.DecodeStrict(body, &spec); err != nil {
		return spec, err
	}
	return spec, nil
}

// ReadModel reads and checks a model file.
func ReadModel(path string) (*model.Scorer, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, refused("model", err)
	}
	scorer, err := model.Load(body)
	if err != nil {
		return nil, refused(path, err)
	}
	return scorer, nil
}

// printer says how far a long step is; nil writers hear nothing.
type printer struct{ w io.Writer }

func (p printer) say(format string, args ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, "loan310 scorecard: "+format+"\n", args...)
	}
}

// rows says how many rows were read, at every half million.
func (p printer) rows(what string) func(int) {
	return func(rows int) {
		if rows%500_000 == 0 {
			p.say("%s: %d rows", what, rows)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// strategyPlace adds line and column to what is wrong with a strategy's JSON,
// where the JSON itself is at fault; a fault of content names its path.
func strategyPlace(text []byte, err error) string {
	var offset int64
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return err.Error()
	}
	before := text[:min(max(int(offset)-1, 0), len(text))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d: %s", line, column, err.Error())
}

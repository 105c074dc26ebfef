package model_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/model"
)

func encodeKeepingHash(t *testing.T, m *model.Model) []byte {
	t.Helper()
	body, err := json.Marshal(m)
	require.NoError(t, err)
	return body
}

func sortedCopy(values []float64) []float64 { return slices.Sorted(slices.Values(values)) }

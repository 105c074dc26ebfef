package scorecards_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/scorecards"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

const madeAt = "2026-01-02T03:04:05Z"

// realData gives a file of the public data, or skips when it is not there.
func realData(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("LOAN310_DATA")
	if root == "" {
		dir, err := os.Getwd()
		require.NoError(t, err)
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		t.Skipf("%s does not exist: set LOAN310_DATA to the public data to run this", path)
	}
	return path
}

func specOf(t *testing.T, name string) train.Spec {
	t.Helper()
	spec, err := scorecards.ReadSpec(filepath.Join("..", "validate", "specs", name+".json"))
	require.NoError(t, err)
	return spec
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func fit(t *testing.T, data string, spec train.Spec, kind string) (*model.Model, *train.Report, error) {
	t.Helper()
	return scorecards.Train(t.Context(), scorecards.TrainJob{Data: data, Spec: spec, Kind: kind, Seed: 310, Author: "test", MadeAt: madeAt})
}

// meanAUC is the mean over folds.
func meanAUC(m *model.Metrics) float64 {
	sum := 0.0
	for _, auc := range m.FoldAUCs {
		sum += auc
	}
	return sum / float64(len(m.FoldAUCs))
}

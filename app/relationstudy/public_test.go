package relationstudy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/relationstudy"
)

// public gives the folder of public data; without it the test is skipped.
func public(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LOAN310_DATA"); dir != "" {
		return dir
	}
	for dir := "."; ; dir = filepath.Join(dir, "..") {
		shared := filepath.Join(dir, "shared", "data")
		if _, err := os.Stat(shared); err == nil {
			return shared
		}
		if absolute, err := filepath.Abs(dir); err != nil || absolute == "/" {
			t.Skip("no public data: set LOAN310_DATA to run this")
		}
	}
}

func TestSharedDevicesTellFraudApart(t *testing.T) {
	t.Parallel()
	study, err := relationstudy.Ecom(public(t))
	require.NoError(t, err)
	device := study.Marks[0]
	t.Logf("%+v", study.Marks)
	require.Equal(t, 15_197, device.Rows)
	require.Equal(t, 1_389, device.Positives)
	require.Greater(t, device.AUC.Low, 0.65)
	require.Greater(t, device.Precision, 0.7)
	require.Greater(t, device.Recall, 0.35)
}

func TestBurstsOfLookAlikeLoansAreCounted(t *testing.T) {
	t.Parallel()
	study, err := relationstudy.Xente(public(t))
	require.NoError(t, err)
	t.Logf("%+v", study.Marks)
	for _, mark := range study.Marks {
		require.Equal(t, 615, mark.Rows)
		require.Equal(t, 12, mark.Positives)
		require.Positive(t, mark.Flagged)
	}
	require.NotEmpty(t, study.Notes)
}

func TestASetThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	_, err := relationstudy.Ecom(t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = relationstudy.Xente(t.TempDir())
	require.ErrorContains(t, err, "xente")
}

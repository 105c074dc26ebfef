package tabular_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/tabular"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

func all(t *testing.T, text string) ([][]string, *tabular.Reader, error) {
	t.Helper()
	r, err := tabular.New("loans.csv", strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	var rows [][]string
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, r, nil
		}
		if err != nil {
			return rows, r, err
		}
		rows = append(rows, append([]string(nil), row...))
	}
}

func TestReadsPlainAndGzipWithAndWithoutAMark(t *testing.T) {
	t.Parallel()
	const text = "id, amount ,note\r\n1,\"1,000\",\"two\nlines\"\r\n2,,\"a \"\"b\"\"\"\r\n"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, bytes := range []string{text, "\ufeff" + text, zipped.String()} {
		rows, r, err := all(t, bytes)
		require.NoError(t, err)
		require.Equal(t, []string{"id", "amount", "note"}, r.Header())
		require.Equal(t, [][]string{{"1", "1,000", "two\nlines"}, {"2", "", `a "b"`}}, rows)
		sum, err := r.Sum()
		require.NoError(t, err)
		require.Len(t, sum, 64)
	}
}

func TestBadFilesAreRefusedByPlaceAndReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "loans.csv: empty",
		"a,b,a\n1,2,3\n":          "loans.csv:1 (a): columns 1 and 3 have the same name",
		"a,b\n1,2\n3\n":           "loans.csv:3: the row does not have the 2 cells of the header",
		"a,b\n1,2,3\n":            "loans.csv:2: the row does not have the 2 cells",
		"a,b\n1,2\n3,\"x\"y\n":    "loans.csv:3: character",
		"a,b\n1,x\"y\n":           "loans.csv:2: character",
		"a,b\n1,caf\xe9\n":        "loans.csv:2 (b): not UTF-8",
		"a,caf\xe9\n1,2\n":        "loans.csv:1: the name of column 2 is not UTF-8",
		"\xff\xfea\x00,\x00b\x00": "loans.csv:1: this is UTF-16",
		"\x1f\x8bnonsense":        "loans.csv: gzip",
		"a,b\n1,\"" + strings.Repeat("x\n", 3<<20): "loans.csv:",
	} {
		_, _, err := all(t, text)
		require.ErrorContains(t, err, want)
		_, ok := errors.AsType[*tabular.CellError](err)
		require.True(t, ok)
	}
	rows, r, err := all(t, "a,,c\n1,2,3\n")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "column 2", "c"}, r.Header())
	require.Len(t, rows, 1)
	_, err = tabular.Open(filepath.Join(t.TempDir(), "none.csv"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte("\xef\xbb\xbfa,\"b\nc\"\n,\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := tabular.New("x", bytes.NewReader(data))
		if err != nil {
			return
		}
		_, _ = tabular.Scan(t.Context(), r, nil, nil)
	})
}

func scan(t *testing.T, text string) map[string]train.ColumnProfile {
	t.Helper()
	r, err := tabular.New("loans.csv", strings.NewReader(text))
	require.NoError(t, err)
	columns, err := tabular.Scan(t.Context(), r, model.DefaultMissing(), nil)
	require.NoError(t, err)
	out := map[string]train.ColumnProfile{}
	for _, column := range columns {
		out[column.Name] = column
	}
	return out
}

func TestKindsAreFoundInTheData(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("n,money,word,iso,us,eu,mixed,unclear,nearly,bad\n")
	for i := range 40 {
		odd := fmt.Sprint(i)
		if i == 17 {
			odd = "Weight Captured Separately"
		}
		mixed := fmt.Sprintf("13/%d/2024", 1+i%12)
		if i%2 == 0 {
			mixed = fmt.Sprintf("%d/13/2024", 1+i%12)
		}
		fmt.Fprintf(&b, "%d,\"$1,%03d.50\",w%d,2024-02-%02d,%d/%d/1997,%d-Mar-13,%s,%d/%d/2020,%s,%d\n",
			i, i, i%3, 1+i%28, 1+i%12, 1+i%28, 1+i%28, mixed, 1+i%12, 1+i%12, odd, i%2)
	}
	columns := scan(t, b.String())
	require.Equal(t, model.Number, columns["n"].Kind)
	require.True(t, columns["n"].Whole)
	require.Equal(t, model.Number, columns["money"].Kind)
	require.Equal(t, model.Category, columns["word"].Kind)
	require.Equal(t, []string{"w0", "w1", "w2"}, columns["word"].Values)
	require.Equal(t, []string{"2006-01-02"}, columns["iso"].Layouts)
	require.Equal(t, model.Date, columns["us"].Kind)
	require.Equal(t, []string{"1/2/2006"}, columns["us"].Layouts, "a day above 12 tells")
	require.False(t, columns["us"].Ambiguous)
	require.Equal(t, []string{"2-Jan-06"}, columns["eu"].Layouts)
	require.True(t, columns["mixed"].Mixed)
	require.True(t, columns["unclear"].Ambiguous)
	require.Equal(t, model.Category, columns["nearly"].Kind)
	require.Contains(t, columns["nearly"].Odd, `line 19: "Weight Captured Separately", although 39 of 40 cells are numbers`)
}

func TestDatesWithTheDayFirst(t *testing.T) {
	t.Parallel()
	columns := scan(t, "d\n31/1/19 22:02:19\n5/1/19 9:00:00\n")
	require.Equal(t, []string{"2/1/06 15:04:05"}, columns["d"].Layouts)
	require.False(t, columns["d"].Ambiguous)
}

func TestUnreadableCellsNameFileLineAndColumn(t *testing.T) {
	t.Parallel()
	p, err := model.NewPreparer(&model.Preparation{Inputs: []model.Input{{Name: "x", Kind: model.Number}}})
	require.NoError(t, err)
	r, err := tabular.New("new.csv", strings.NewReader("id,x\n1,2\n2,many\n"))
	require.NoError(t, err)
	rows, err := tabular.NewRows(r, p)
	require.NoError(t, err)
	_, _, err = rows.Next()
	require.NoError(t, err)
	_, _, err = rows.Next()
	require.ErrorContains(t, err, `new.csv:3 (x): "many" cannot be read as a number`)
	r, err = tabular.New("new.csv", strings.NewReader("id,y\n"))
	require.NoError(t, err)
	_, err = tabular.NewRows(r, p)
	require.ErrorContains(t, err, "new.csv:1 (x): no such column; there are id, y")
}

func TestShipmentsWithMixedDatesAndFreeTextWeights(t *testing.T) {
	t.Parallel()
	r, err := tabular.Open(realData(t, "scms/scms_shipments.csv.gz"))
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	columns, err := tabular.Scan(t.Context(), r, model.DefaultMissing(), nil)
	require.NoError(t, err)
	byName := map[string]train.ColumnProfile{}
	for _, column := range columns {
		byName[column.Name] = column
		require.Equal(t, 10_324, column.Rows)
	}
	require.Equal(t, model.Date, byName["Scheduled Delivery Date"].Kind)
	require.Equal(t, []string{"2-Jan-06"}, byName["Scheduled Delivery Date"].Layouts)
	require.Equal(t, model.Category, byName["Weight (Kilograms)"].Kind, "four in ten weights are words")
	require.Equal(t, model.Category, byName["PQ First Sent to Client Date"].Kind)
	require.NotEmpty(t, byName["PQ First Sent to Client Date"].Layouts)
	require.Equal(t, model.Number, byName["Line Item Value"].Kind)
}

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

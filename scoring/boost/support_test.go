package boost_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/boost"
)

// realData reads a gzip CSV of the public data into a matrix: a column whose
// cells are all numbers is numeric, an empty cell or NA is missing. It skips
// the test when the data are not there. A row whose target reads bad is a default.
func realData(tb testing.TB, name, target, bad string, drop ...string) *boost.Matrix {
	tb.Helper()
	root := os.Getenv("LOAN310_DATA")
	if root == "" {
		dir, err := os.Getwd()
		require.NoError(tb, err)
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(root, name))
	if os.IsNotExist(err) {
		tb.Skipf("%s is not in %s: set LOAN310_DATA to the public data to run this", name, root)
	}
	require.NoError(tb, err)
	defer func() { require.NoError(tb, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(tb, err)
	records, err := csv.NewReader(unzipped).ReadAll()
	require.NoError(tb, err)
	return matrixOf(records, target, bad, drop...)
}

func matrixOf(records [][]string, target, bad string, drop ...string) *boost.Matrix {
	header, records := records[0], records[1:]
	data := &boost.Matrix{}
	for at, name := range header {
		if name == target {
			for _, record := range records {
				data.Target = append(data.Target, record[at] == bad)
			}
			continue
		}
		if slices.Contains(drop, name) {
			continue
		}
		column := boost.Column{Name: name, Values: make([]float64, len(records))}
		for row, record := range records {
			value, err := strconv.ParseFloat(record[at], 64)
			if record[at] == "" || record[at] == "NA" {
				value, err = math.NaN(), nil
			}
			if err != nil {
				column = categorical(name, records, at)
				break
			}
			column.Values[row] = value
		}
		data.Columns = append(data.Columns, column)
	}
	return data
}

func categorical(name string, records [][]string, at int) boost.Column {
	column := boost.Column{Name: name, Codes: make([]int32, len(records))}
	numbers := map[string]int32{}
	for row, record := range records {
		if record[at] == "" {
			column.Codes[row] = -1
			continue
		}
		number, ok := numbers[record[at]]
		if !ok {
			number = int32(len(numbers))
			numbers[record[at]] = number
			column.Categories = append(column.Categories, record[at])
		}
		column.Codes[row] = number
	}
	return column
}

func save(tb testing.TB, model *boost.Model) []byte {
	tb.Helper()
	saved, err := json.Marshal(model)
	require.NoError(tb, err)
	return saved
}

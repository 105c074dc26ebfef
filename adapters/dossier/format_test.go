package dossier_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

var update = flag.Bool("update", false, "rewrite the column tables of docs/dossier.md")

const (
	formatDocument = "../../docs/dossier.md"
	tablesBegin    = "<!-- columns: written by `go test ./adapters/dossier -run Document -update` -->\n"
	tablesEnd      = "<!-- end of columns -->\n"
)

// TestTheDocumentListsExactlyTheColumns compares docs/dossier.md with the
// table that reading and writing are driven by.
func TestTheDocumentListsExactlyTheColumns(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(formatDocument)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tablesBegin)
	require.True(t, found)
	tables, after, found := strings.Cut(rest, tablesEnd)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(formatDocument, []byte(before+tablesBegin+formatTables()+tablesEnd+after), 0o644))
		return
	}
	require.Equal(t, formatTables(), tables, "run with -update after changing a column")
}

func formatTables() string {
	var out strings.Builder
	for _, file := range dossier.Format() {
		title := "## " + file.File
		if file.Optional {
			title += " (optional)"
		}
		fmt.Fprintf(&out, "\n%s\n\n%s\n\n| column | type | unit or values | required | meaning |\n|---|---|---|---|---|\n", title, file.About)
		for _, column := range file.Columns {
			required := ""
			if column.Required {
				required = "yes"
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", column.Name, column.Type, column.Unit, required, column.Meaning)
		}
	}
	out.WriteString("\n")
	return out.String()
}

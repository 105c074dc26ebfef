package scoring_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
)

var update = flag.Bool("update", false, "rewrite golden files and the tables of docs/scoring.md")

const document = "../docs/scoring.md"

// section gives the text between two markers of the document and a function
// that replaces it.
func section(t *testing.T, text, name string) (string, func(string) string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, found := strings.Cut(text, begin)
	require.True(t, found, begin)
	inside, after, found := strings.Cut(rest, end)
	require.True(t, found, end)
	return inside, func(fresh string) string { return before + begin + fresh + end + after }
}

// The tables of the document are made from the code, so that they cannot lie.
func TestTheDocumentListsWhatTheCodeHas(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(document)
	require.NoError(t, err)
	text := string(raw)
	for name, table := range map[string]string{"features": featureTable(), "matrix": matrixTable(t), "ladder": ladderTable(t)} {
		inside, replace := section(t, text, name)
		if *update {
			text = replace(table)
			continue
		}
		require.Equal(t, table, inside, "run go test ./scoring -update")
	}
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(text), 0o600))
	}
}

func featureTable() string {
	var out strings.Builder
	out.WriteString("| feature | unit | window | source | what it is | missing although the source was read |\n|---|---|---|---|---|---|\n")
	for _, def := range features.All() {
		missing := def.Missing
		if missing == "" {
			missing = "never"
		}
		source := def.Source
		if def.With != "" {
			source += ", " + def.With
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %s |\n", def.Name, def.Unit, def.Window, source, def.About, missing)
	}
	return out.String()
}

func ladderTable(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| rung | limit at most | times | loans repaid in full | worst days past due with us | days since the first loan |\n|---|---|---|---|---|---|\n")
	for i, rung := range engine(t).Strategy().ThinFile.Ladder {
		worst := fmt.Sprintf("at most %d", rung.WorstDPD)
		if i == 0 {
			worst = "any"
		}
		fmt.Fprintf(&out, "| %d | ¥%s | %d.%d | %d | %s | %d |\n", i+1, rung.MaxLimit, rung.Times/10_000, rung.Times%10_000/1_000, rung.LoansRepaid, worst, rung.FirstLoanDays)
	}
	return out.String()
}

func matrixTable(t *testing.T) string {
	t.Helper()
	strategy := engine(t).Strategy()
	var out strings.Builder
	out.WriteString("| source |")
	for _, state := range policy.States() {
		fmt.Fprintf(&out, " %s |", state)
	}
	out.WriteString("\n|---|---|---|---|---|---|\n")
	for _, source := range evidence.Sources {
		fmt.Fprintf(&out, "| %s |", source)
		for _, state := range policy.States() {
			fmt.Fprintf(&out, " %s |", describe(strategy.Matrix[source][state]))
		}
		out.WriteString("\n")
	}
	return out.String()
}

func describe(effect policy.Effect) string {
	text := effect.Do
	if effect.CapBps > 0 {
		text += fmt.Sprintf(" %d %%", effect.CapBps/100)
	}
	if effect.CapFen > 0 {
		text += " ¥" + effect.CapFen.String()
	}
	if effect.Lane != "" {
		text += " (" + effect.Lane + " only)"
	}
	if effect.Final != nil {
		text += ", finally " + describe(*effect.Final)
	}
	return text
}

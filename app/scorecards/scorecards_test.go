package scorecards_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/scorecards"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

// loans is a made-up file: half of those with debt above 500 default, a tenth
// of the others.
func loans(rows int) string {
	var b strings.Builder
	b.WriteString("loan,debt,town,bad\n")
	for i := range rows {
		debt, bad := (i*7919)%1000, 0
		if debt > 500 && i%2 == 0 || debt <= 500 && i%10 == 0 {
			bad = 1
		}
		fmt.Fprintf(&b, "L%d,%d,%s,%d\n", i, debt, []string{"A", "B", ""}[i%3], bad)
	}
	return b.String()
}

func TestTrainScoreValidate(t *testing.T) {
	t.Parallel()
	data := write(t, "loans.csv", loans(2_000))
	m, _, err := fit(t, data, train.Spec{Target: train.TargetSpec{Column: "bad"}, ID: "loan"}, model.Scorecard)
	require.NoError(t, err)
	body, err := model.Encode(m)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "model.json")
	require.NoError(t, scorecards.WriteFile(file, body))
	scorer, err := scorecards.ReadModel(file)
	require.NoError(t, err)

	out := filepath.Join(t.TempDir(), "scores.csv")
	rows, err := scorecards.Score(t.Context(), scorecards.ScoreJob{Scorer: scorer, Data: data, Out: out, Reasons: 2})
	require.NoError(t, err)
	require.Equal(t, 2_000, rows)
	scores, err := os.ReadFile(out)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(scores)), "\n")
	require.Len(t, lines, 2_001)
	require.Equal(t, "loan,probability_of_default,points,reasons", lines[0])
	require.True(t, strings.HasPrefix(lines[1], "L0,"), lines[1])
	require.Contains(t, lines[2], "debt=-", "row 1 owes 919")

	v, err := scorecards.Validate(t.Context(), scorecards.ValidateJob{Scorer: scorer, Data: data, BadRates: []float64{0.15}})
	require.NoError(t, err)
	require.Equal(t, 2_000, v.Rows)
	require.InDelta(t, m.Metrics.InSample.AUC, v.AUC.AUC, 1e-3)
	require.InDelta(t, 0.5, v.Approval[0].Share, 0.02, "those with little debt")
	require.Less(t, v.ScoreStability.PSI, 0.01)
	var text strings.Builder
	require.NoError(t, scorecards.PrintValidation(&text, v))
	require.Contains(t, text.String(), "AUC")
}

func TestTheSameTrainingGivesTheSameFile(t *testing.T) {
	t.Parallel()
	data := write(t, "loans.csv", loans(1_500))
	var bodies []string
	for range 2 {
		m, _, err := fit(t, data, train.Spec{Target: train.TargetSpec{Column: "bad"}, ID: "loan"}, train.Best)
		require.NoError(t, err)
		body, err := model.Encode(m)
		require.NoError(t, err)
		bodies = append(bodies, string(body))
	}
	require.Equal(t, bodies[0], bodies[1])
}

func TestBadInputIsRefusedByPlaceAndLeavesNoFile(t *testing.T) {
	t.Parallel()
	data := write(t, "loans.csv", loans(1_200))
	m, _, err := fit(t, data, train.Spec{Target: train.TargetSpec{Column: "bad"}, ID: "loan"}, model.Scorecard)
	require.NoError(t, err)
	scorer, err := model.New(m)
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "scores.csv")
	bad := write(t, "new.csv", "loan,debt\nL1,5\nL2,a lot\n")
	_, err = scorecards.Score(t.Context(), scorecards.ScoreJob{Scorer: scorer, Data: bad, Out: out})
	require.ErrorContains(t, err, "new.csv:3 (debt)")
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	left, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Empty(t, left)

	_, err = scorecards.Validate(t.Context(), scorecards.ValidateJob{Scorer: scorer, Data: write(t, "new.csv", "debt,bad\n1,0\n2,maybe\n")})
	require.ErrorContains(t, err, `new.csv:3 (bad): outcome "maybe" is neither positive ["1"] nor negative ["0"]`)
	_, _, err = fit(t, data, train.Spec{}, model.Scorecard)
	require.ErrorContains(t, err, "no target")
	_, _, err = fit(t, data, train.Spec{Target: train.TargetSpec{Column: "nope"}}, model.Scorecard)
	require.ErrorContains(t, err, `target.column: the data has no column "nope"`)
	_, err = scorecards.ReadModel(write(t, "model.json", `{"format": 1, "colour": 2}`))
	require.ErrorContains(t, err, "colour: no such field")
}

func TestSpecsAreJSONOrYAMLAndStrict(t *testing.T) {
	t.Parallel()
	want := train.Spec{Target: train.TargetSpec{Column: "bad", Positive: []string{"1"}}, Columns: map[string]train.ColumnSpec{"x": {Special: []float64{96}}}}
	for _, test := range []struct{ name, text string }{
		{"spec.json", `{"target": {"column": "bad", "positive": ["1"]}, "columns": {"x": {"special": [96]}}}`},
		{"spec.yaml", "target:\n  column: bad\n  positive: [\"1\"]\ncolumns:\n  x: {special: [96]}\n"},
	} {
		spec, err := scorecards.ReadSpec(write(t, test.name, test.text))
		require.NoError(t, err)
		require.Equal(t, want, spec)
	}
	for name, text := range map[string]string{"spec.json": `{"columns": {"x": {"specials": [96]}}}`, "spec.yaml": "columns: {x: {specials: [96]}}"} {
		_, err := scorecards.ReadSpec(write(t, name, text))
		require.ErrorContains(t, err, "columns.x.specials: no such field")
	}
	_, err := scorecards.ReadSpec(write(t, "spec.yaml", "folds: 5\nfolds: 6\n"))
	require.ErrorContains(t, err, "already defined")
}

func TestJoinTakesOnlyWhatWasKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	base := put("base.csv", "loan,who,day\n1,ann,2026-03-01\n2,ann,2026-01-15\n3,bob,2026-03-01\n")
	put("old.csv", "who,closed,late,kind\nann,2026-01-10,4,a\nann,2026-02-10,8,b\nann,2026-03-01,100,c\nann,,500,d\n")
	spec := put("join.json", `{"key": "who", "as_of": "day", "joins": [{"file": "old.csv", "key": "who", "date": "closed", "columns": [
		{"name": "n", "expr": "late", "take": "count"}, {"name": "mean", "expr": "late", "take": "mean"}, {"name": "kind", "expr": "kind", "take": "last"}]}]}`)
	out := filepath.Join(dir, "joined.csv")
	_, err := scorecards.Join(t.Context(), base, spec, out)
	require.NoError(t, err)
	body, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "loan,who,day,n,mean,kind\n1,ann,2026-03-01,2,6,b\n2,ann,2026-01-15,1,4,a\n3,bob,2026-03-01,0,,\n", string(body))
}

package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/model"
)

func inputs() []model.Input {
	return []model.Input{
		{Name: "debt", Kind: model.Number},
		{Name: "income a-year", Kind: model.Number},
		{Name: "due", Kind: model.Date, Layouts: []string{"2006-01-02", "2-Jan-06"}},
		{Name: "paid", Kind: model.Date, Layouts: []string{"2006-01-02 15:04:05", "days:1960-01-01"}},
		{Name: "state", Kind: model.Category},
		{Name: "code", Kind: model.Category},
	}
}

func TestExpressionsByHand(t *testing.T) {
	t.Parallel()
	cells := []string{"50", "$1,200.50", "5-Jan-26", "2026-01-08 12:00:00", "CA", "722410"}
	for expr, want := range map[string]model.Value{
		"ratio(debt, `income a-year`)":     number(50 / 1200.5),
		"ratio(debt, sub(debt, 50))":       {},
		"days(paid, due)":                  number(3.5),
		"log(debt)":                        number(3.9318256327243257),
		"cap(debt, 20)":                    number(20),
		"floor(debt, 60)":                  number(60),
		"max(debt, `income a-year`, 2000)": number(2000),
		"sum(debt, ratio(debt, 0), 1)":     number(51),
		"isnot(debt, 50, 96)":              {},
		"add(isnot(debt, 96), 1)":          number(51),
		"year(due)":                        number(2026),
		"month(due)":                       number(1),
		"day(due)":                         number(5),
		"weekday(due)":                     number(1),
		"hour(paid)":                       number(12),
		"same(state, code)":                number(0),
		`is(state, "NY", "CA")`:            number(1),
		"prefix(code, 2)":                  {Text: "72", Known: true},
		"number(prefix(code, 3))":          number(722),
		"known(state)":                     number(1),
		"abs(sub(debt, 60))":               number(10),
		"mul(debt, -2)":                    number(-100),
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			p, err := model.NewPreparer(&model.Preparation{Inputs: inputs(), Derived: []model.Derived{{Name: "x", Expr: expr}}})
			require.NoError(t, err)
			row := make([]model.Value, p.Slots())
			for i, cell := range cells {
				row[i], err = p.Read(i, cell)
				require.NoError(t, err)
			}
			p.Derive(row)
			got := row[len(row)-1]
			require.Equal(t, want.Known, got.Known)
			require.InDelta(t, want.Num, got.Num, 1e-9)
			require.Equal(t, want.Text, got.Text)
		})
	}
}

func number(num float64) model.Value { return model.Value{Num: num, Known: true} }

func TestBadExpressionsAreRefusedByPlace(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"ratio(debt, x)":   `character 14: no column "x" before this one`,
		"ratio(debt)":      "ratio takes 2 arguments, not 1",
		"ratio(debt, due)": "ratio: argument 2 is a date",
		"divide(debt, 2)":  `no function "divide"`,
		"ratio(debt, 2":    "want a comma or a closing bracket",
		"debt)":            "text after the expression",
		"7":                "reads no column",
		"cap(debt, debt)":  "cap: argument 2 is a number",
		"`debt":            "is not closed",
		"":                 "want a column, a number or a function",
		"x":                `no column "x" before this one`, // itself
	} {
		_, err := model.NewPreparer(&model.Preparation{Inputs: inputs(), Derived: []model.Derived{{Name: "x", Expr: expr}}})
		require.ErrorContains(t, err, "derived[0] (x): ", expr)
		require.ErrorContains(t, err, want, expr)
	}
}

func FuzzExpression(f *testing.F) {
	f.Add("ratio(debt, cap(`income a-year`, 3))")
	f.Add(`is(state, "CA")`)
	f.Fuzz(func(_ *testing.T, expr string) {
		p, err := model.NewPreparer(&model.Preparation{Inputs: inputs(), Derived: []model.Derived{{Name: "x", Expr: expr}}})
		if err == nil {
			p.Derive(make([]model.Value, p.Slots()))
		}
		model.ExprColumns(expr)
	})
}

func TestNumbersAreReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"12": 12, "-1.5e3": -1500, "$60,000.00": 60_000, "¥1,234,567": 1_234_567, "-$5": -5, ".5": 0.5} {
		got, ok := model.ParseNumber(text)
		require.True(t, ok, text)
		require.InDelta(t, want, got, 1e-9, text)
	}
	for _, text := range []string{"", "Inf", "NaN", "0x10", "1_000", "1,00", "12,3456", "$", "1.2.3", "five", "1e999", ",5", "1,,000"} {
		_, ok := model.ParseNumber(text)
		require.False(t, ok, text)
	}
}

func TestCellsOfTheWrongKind(t *testing.T) {
	t.Parallel()
	strict, err := model.NewReader(model.Input{Name: "n", Kind: model.Number, Missing: []string{"Weight Captured Separately"}}, []string{"NA"})
	require.NoError(t, err)
	_, err = strict.Read("heavy")
	require.ErrorIs(t, err, model.ErrUnreadable)
	require.ErrorContains(t, err, `"heavy" cannot be read as a number`)
	for _, text := range []string{"", "  ", "NA", "na", "Weight Captured Separately"} {
		value, err := strict.Read(text)
		require.NoError(t, err)
		require.False(t, value.Known, text)
	}
	lax, err := model.NewReader(model.Input{Name: "d", Kind: model.Date, Layouts: []string{"2006-01-02"}, Unreadable: "missing"}, nil)
	require.NoError(t, err)
	value, err := lax.Read("Date Not Captured")
	require.NoError(t, err)
	require.False(t, value.Known)
	_, err = model.NewReader(model.Input{Name: "d", Kind: model.Date, Layouts: []string{"15:04"}}, nil)
	require.ErrorContains(t, err, "names no date")
	_, err = model.NewReader(model.Input{Name: "d", Kind: model.Date}, nil)
	require.ErrorContains(t, err, "at least one")
}

package train_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/model"
	"loan310/scoring/train"
)

// number repeats the generator of the package, for data that any machine makes
// alike.
type numbers uint64

func (n *numbers) float() float64 {
	*n += 0x9e3779b97f4a7c15
	z := uint64(*n)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}

// cells are rows of texts under named columns.
type cells struct {
	names []string
	kinds []model.Kind
	rows  [][]string
}

// loans are n synthetic loans whose true log-odds of bad are known:
// -2 + 3*(use-0.5) - 2*(age-40)/40, and a town without influence.
func loans(n int, seed uint64) cells {
	random := numbers(seed)
	c := cells{
		names: []string{"use", "age", "town", "bad"},
		kinds: []model.Kind{model.Number, model.Number, model.Category, model.Category},
	}
	for range n {
		use, age, town := random.float(), 20+40*random.float(), int(5*random.float())
		bad := "0"
		if random.float() < model.Probability(-2+3*(use-0.5)-2*(age-40)/40) {
			bad = "1"
		}
		useText := fmt.Sprintf("%.4f", use)
		if random.float() < 0.05 {
			useText = ""
		}
		c.rows = append(c.rows, []string{useText, fmt.Sprintf("%.1f", age), fmt.Sprintf("town%d", town), bad})
	}
	return c
}

func (c *cells) add(name string, kind model.Kind, value func(row []string) string) {
	at := len(c.names) - 1 // before the target
	c.names = slices.Insert(c.names, at, name)
	c.kinds = slices.Insert(c.kinds, at, kind)
	for i, row := range c.rows {
		c.rows[i] = slices.Insert(row, at, value(row))
	}
}

func (c *cells) profiles() []train.ColumnProfile {
	var out []train.ColumnProfile
	for i, name := range c.names {
		p := train.ColumnProfile{Name: name, Kind: c.kinds[i], Rows: len(c.rows)}
		distinct := map[string]bool{}
		for _, row := range c.rows {
			if row[i] == "" {
				p.Missing++
			} else {
				distinct[row[i]] = true
			}
		}
		p.Distinct = len(distinct)
		if p.Kind == model.Date {
			p.Layouts = []string{"2006-01-02"}
		}
		if len(distinct) < 20 {
			for value := range distinct {
				p.Values = append(p.Values, value)
			}
			slices.Sort(p.Values)
		}
		out = append(out, p)
	}
	return out
}

func (c *cells) table(t *testing.T, spec train.Spec) (*train.Table, error) {
	t.Helper()
	spec.Target.Column = "bad"
	plan, err := train.NewPlan(spec, c.profiles(), 310)
	if err != nil {
		return nil, err
	}
	builder, err := train.NewBuilder(plan)
	require.NoError(t, err)
	p := builder.Preparer()
	row := make([]model.Value, p.Slots())
	for _, texts := range c.rows {
		for slot := range p.Inputs() {
			value, err := p.Read(slot, texts[slices.Index(c.names, p.Name(slot))])
			require.NoError(t, err)
			row[slot] = value
		}
		p.Derive(row)
		bad, known, err := plan.Outcome(texts[len(texts)-1])
		require.NoError(t, err)
		require.True(t, known)
		weight := 1.0
		if plan.Weight != "" {
			weight, _ = model.ParseNumber(texts[slices.Index(c.names, plan.Weight)])
		}
		builder.Add(row, bad, weight)
	}
	return builder.Table("hash"), nil
}

func (c *cells) run(t *testing.T, spec train.Spec, kind string) (*model.Model, *train.Report, error) {
	t.Helper()
	table, err := c.table(t, spec)
	if err != nil {
		return nil, nil, err
	}
	return train.Run(t.Context(), table, train.Options{Kind: kind, Author: "test", MadeAt: "2026-01-02T03:04:05Z"})
}

// close asserts that two numbers differ by at most a share.
func isClose(t *testing.T, want, got, share float64) {
	t.Helper()
	require.LessOrEqual(t, math.Abs(got-want), share*math.Abs(want), "want %v, got %v", want, got)
}

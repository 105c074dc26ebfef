package boost_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/boost"
)

// hand is a model small enough to read: debt rising, town of two kinds.
func hand() *boost.Model {
	return &boost.Model{
		Format: boost.Format,
		Features: []boost.Feature{
			{Name: "debt", Kind: boost.KindNumeric, Monotone: boost.Rising},
			{Name: "town", Kind: boost.KindCategorical, Categories: []string{"north", "south"}},
		},
		Base: -2,
		Trees: []boost.Tree{
			{
				Splits: []boost.Split{
					{Feature: 0, Threshold: 1.5, Missing: boost.SideRight, Left: -1, Right: 1, Gain: 3},
					{Feature: 1, Categories: []int{1}, Missing: boost.SideLeft, Left: -2, Right: -3, Gain: 2},
				},
				Leaves: []boost.Leaf{{Value: -0.5, Cover: 50}, {Value: 0.25, Cover: 30}, {Value: 1, Cover: 20}},
			},
			{Leaves: []boost.Leaf{{Value: 0.125, Cover: 100}}, Splits: []boost.Split{}},
		},
		Training: boost.Training{Rows: 100, Defaults: 20, Weight: 100, Params: boost.Defaults()},
	}
}

func TestScoresByHand(t *testing.T) {
	t.Parallel()
	scorer, err := boost.New(hand())
	require.NoError(t, err)
	town := &scorer.Model().Features[1]
	nan := math.NaN()
	for _, c := range []struct {
		debt, town, want float64
	}{
		{1.5, 0, -2.375}, // the threshold itself goes left
		{1.6, town.Code("north"), -0.875},
		{1.6, town.Code("south"), -1.625},
		{1.6, town.Code("elsewhere"), -0.875},
		{1.6, town.Code(""), -1.625}, // missing goes left
		{nan, town.Code("north"), -0.875},
		{math.Inf(-1), nan, -2.375},
		{1.6, 1e9, -0.875},
		{1.6, -3, -0.875},
	} {
		require.InDelta(t, c.want, scorer.Logit([]float64{c.debt, c.town}), 0)
	}
	require.InDelta(t, 1/(1+math.Exp(0.875)), scorer.PD([]float64{2, 0}), 1e-15)
}

func TestBadModelsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(m *boost.Model)
		want  string
	}{
		"format":            {func(m *boost.Model) { m.Format = "xgboost" }, "model.format:"},
		"no features":       {func(m *boost.Model) { m.Features = nil }, "model.features:"},
		"name twice":        {func(m *boost.Model) { m.Features[1].Name = "debt" }, "model.features[1].name:"},
		"kind":              {func(m *boost.Model) { m.Features[0].Kind = "date" }, "model.features[0].kind:"},
		"direction":         {func(m *boost.Model) { m.Features[0].Monotone = "up" }, "model.features[0].monotone:"},
		"ordered category":  {func(m *boost.Model) { m.Features[1].Monotone = boost.Rising }, "model.features[1].monotone:"},
		"category twice":    {func(m *boost.Model) { m.Features[1].Categories[1] = "north" }, "model.features[1].categories[1]:"},
		"categories of one": {func(m *boost.Model) { m.Features[0].Categories = []string{"x"} }, "model.features[0].categories:"},
		"too many":          {func(m *boost.Model) { m.Features[1].Categories = make([]string, 255) }, "model.features[1].categories:"},
		"infinite base":     {func(m *boost.Model) { m.Base = math.Inf(1) }, "model.base_logit:"},
		"a leaf too few":    {func(m *boost.Model) { m.Trees[0].Leaves = m.Trees[0].Leaves[:2] }, "model.trees[0].leaves:"},
		"NaN leaf":          {func(m *boost.Model) { m.Trees[0].Leaves[1].Value = math.NaN() }, "model.trees[0].leaves[1].value:"},
		"empty leaf":        {func(m *boost.Model) { m.Trees[0].Leaves[1].Cover = 0 }, "model.trees[0].leaves[1].cover:"},
		"crowded leaf":      {func(m *boost.Model) { m.Trees[0].Leaves[1].Cover = 1e300 }, "model.trees[0].leaves[1].cover:"},
		"feature":           {func(m *boost.Model) { m.Trees[0].Splits[1].Feature = 2 }, "model.trees[0].splits[1].feature:"},
		"missing":           {func(m *boost.Model) { m.Trees[0].Splits[1].Missing = "" }, "model.trees[0].splits[1].missing:"},
		"gain":              {func(m *boost.Model) { m.Trees[0].Splits[1].Gain = -1 }, "model.trees[0].splits[1].gain:"},
		"threshold":         {func(m *boost.Model) { m.Trees[0].Splits[0].Threshold = math.NaN() }, "model.trees[0].splits[0].threshold:"},
		"number as town":    {func(m *boost.Model) { m.Trees[0].Splits[1].Threshold = 1 }, "model.trees[0].splits[1].threshold:"},
		"towns of a number": {func(m *boost.Model) { m.Trees[0].Splits[0].Categories = []int{0} }, "model.trees[0].splits[0].categories:"},
		"no category": {func(m *boost.Model) {
			m.Trees[0].Splits[1].Categories, m.Trees[0].Splits[1].Missing = nil, boost.SideRight
		}, "model.trees[0].splits[1].categories:"},
		"unknown town":     {func(m *boost.Model) { m.Trees[0].Splits[1].Categories = []int{3} }, "model.trees[0].splits[1].categories[0]:"},
		"unsorted towns":   {func(m *boost.Model) { m.Trees[0].Splits[1].Categories = []int{1, 0} }, "model.trees[0].splits[1].categories[1]:"},
		"a circle":         {func(m *boost.Model) { m.Trees[0].Splits[1].Left = 0 }, "model.trees[0].splits[1].left:"},
		"itself":           {func(m *boost.Model) { m.Trees[0].Splits[1].Right = 1 }, "model.trees[0].splits[1].right:"},
		"no such split":    {func(m *boost.Model) { m.Trees[0].Splits[0].Right = 7 }, "model.trees[0].splits[0].right:"},
		"no such leaf":     {func(m *boost.Model) { m.Trees[0].Splits[1].Right = -4 }, "model.trees[0].splits[1].right:"},
		"leaf hangs twice": {func(m *boost.Model) { m.Trees[0].Splits[1].Right = -1 }, "model.trees[0].splits[1].right:"},
		"falls though rising": {
			func(m *boost.Model) { m.Trees[0].Leaves[0].Value = 0.5 }, "model.trees[0].splits[0]:",
		},
		"rises though falling": {func(m *boost.Model) { m.Features[0].Monotone = boost.Falling }, "model.trees[0].splits[0]:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model := hand()
			c.spoil(model)
			_, err := boost.New(model)
			var refused *boost.ModelError
			require.ErrorAs(t, err, &refused)
			require.True(t, strings.HasPrefix(err.Error(), c.want), err.Error())
		})
	}
}

func TestBadJSONIsRefused(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(hand())
	require.NoError(t, err)
	_, err = boost.Load(good)
	require.NoError(t, err)
	for _, c := range []struct{ old, new, want string }{
		{`"base_logit":-2`, `"base_logit":"-2"`, "base_logit"},
		{`"base_logit":-2`, `"base_logit":-2e999`, "base_logit"},
		{`"base_logit":-2`, `"base":-2`, `unknown field "base"`},
		{`"feature":1`, `"feature":1.5`, "trees.splits.feature"},
		{`}]}`, `}]`, "invalid character"},
		{`{"format"`, `{} {"format"`, "after the document"},
		{`{"format"`, ``, "invalid character"},
	} {
		_, err := boost.Load([]byte(strings.Replace(string(good), c.old, c.new, 1)))
		require.ErrorContains(t, err, c.want, c.new)
	}
	_, err = boost.Load(append(good, "{}"...))
	require.ErrorContains(t, err, "after the document")
}

func FuzzLoad(f *testing.F) {
	good, err := json.Marshal(hand())
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"format":"loan310-boosted-trees/1","features":[{"name":"x","kind":"numeric"}],"base_logit":0,"trees":[{"splits":[],"leaves":[{"value":1,"cover":1}]}]}`))
	f.Fuzz(func(t *testing.T, modelJSON []byte) {
		scorer, err := boost.Load(modelJSON)
		if err != nil {
			var refused *boost.ModelError
			require.ErrorAs(t, err, &refused)
			return
		}
		row := make([]float64, len(scorer.Model().Features))
		for _, value := range []float64{0, 1, -1e300, math.NaN(), math.Inf(1)} {
			for i := range row {
				row[i] = value
			}
			scorer.PD(row) // ends, and touches nothing outside
			scorer.Explainer().Explain(row, make([]float64, len(row)))
		}
		saved, err := json.Marshal(scorer.Model())
		require.NoError(t, err)
		again, err := boost.Load(saved)
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(scorer.Logit(row)), math.Float64bits(again.Logit(row)))
	})
}

package authenticity_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/authenticity"
	"loan310/scoring"
	"loan310/scoring/crosscheck"
)

func rules(t *testing.T) crosscheck.Rules {
	t.Helper()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	return engine.Strategy().Crosscheck
}

// olist converts the public sample where it is there.
func olist(t *testing.T) string {
	t.Helper()
	data := os.Getenv("LOAN310_DATA")
	for dir, _ := os.Getwd(); data == "" && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "data", "olist")); err == nil {
			data = filepath.Join(dir, "shared", "data")
		}
	}
	source := filepath.Join(data, "olist")
	if _, err := os.Stat(source); data == "" || err != nil {
		t.Skip("the Olist sample is not here: set LOAN310_DATA to the folder that holds olist/")
	}
	out := filepath.Join(t.TempDir(), "dossier")
	_, err := dossier.ConvertOlist(source, out)
	require.NoError(t, err)
	return out
}

// The promise of the issue: 10 % fabricated orders, 20 seeds, recall of 0.95
// or more, at most 1 % of the honest flagged.
func TestForgersAmongRealSellersAreFound(t *testing.T) {
	t.Parallel()
	report, err := authenticity.Study(t.Context(), olist(t), authenticity.StudyOptions{Options: authenticity.Options{Rules: rules(t)}, Seed: 1})
	require.NoError(t, err)
	var table bytes.Buffer
	require.NoError(t, report.Print(&table))
	t.Log("\n" + table.String())
	require.Equal(t, 104, report.Merchants)
	require.LessOrEqual(t, len(report.Untouched), 1, "at most one of 104")
	require.GreaterOrEqual(t, report.Pooled.Recall(), 0.95)
	require.LessOrEqual(t, report.Pooled.FalseRate(), 0.01)
	require.GreaterOrEqual(t, report.Pooled.Precision(), 0.90)
	// What a single order cannot tell from honest trade stays below: hand-over
	// before a slow payment, and next to nothing in the place of light goods.
	least := map[string]float64{"before_pay": 0.90, "weight": 0.78}
	for _, kind := range report.Kinds {
		want, lower := least[kind.Kind]
		if !lower {
			want = 0.95
		}
		require.GreaterOrEqual(t, kind.Recall(), want, kind.Kind)
		require.LessOrEqual(t, kind.FalseRate(), 0.01, kind.Kind)
	}
}

func TestRatesMeasuredOnOtherSellersDoAsWell(t *testing.T) {
	t.Parallel()
	report, err := authenticity.Study(t.Context(), olist(t), authenticity.StudyOptions{
		Options: authenticity.Options{Rules: rules(t)}, Seed: 2, Seeds: 3, CrossFit: true,
		Kinds: []authenticity.Kind{authenticity.NoWaybill, authenticity.Reused, authenticity.NoTime, authenticity.Speed, authenticity.Route},
	})
	require.NoError(t, err)
	require.LessOrEqual(t, len(report.Untouched), 1)
	require.GreaterOrEqual(t, report.Pooled.Recall(), 0.95)
	require.LessOrEqual(t, report.Pooled.FalseRate(), 0.01)
}

// On the synthetic population, whose truth is known: brushing is found, honest
// merchants and their seasonal peaks pass.
func TestSyntheticBrushersAreFoundAndPeaksPass(t *testing.T) {
	t.Parallel()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 150, Seed: 7})
	findings, err := authenticity.Examine(t.Context(), book, authenticity.Options{Rules: rules(t)})
	require.NoError(t, err)
	all, flagged := map[string]int{}, map[string]int{}
	for i, merchant := range book.Merchants() {
		require.Equal(t, merchant.ID, findings[i].MerchantID)
		all[merchant.Archetype]++
		if findings[i].Flagged {
			flagged[merchant.Archetype]++
		}
	}
	t.Log("synthetic:", flagged, "of", all)
	require.NotZero(t, all[dossier.ArchetypeBrushingRing])
	require.Equal(t, all[dossier.ArchetypeBrushingRing], flagged[dossier.ArchetypeBrushingRing])
	delete(flagged, dossier.ArchetypeBrushingRing)
	honest := 0
	for _, merchants := range flagged {
		honest += merchants
	}
	require.LessOrEqual(t, honest, 2, "of 138")
}

func TestStudiesRepeatWhateverTheCores(t *testing.T) {
	t.Parallel()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 12, Seed: 3, OrdersScale: 0.2})
	var reports []authenticity.Report
	for _, workers := range []int{1, 4} {
		done := 0
		report, err := authenticity.StudyBook(t.Context(), book, authenticity.StudyOptions{
			Options: authenticity.Options{Rules: rules(t), Workers: workers, Progress: func(at, of int) { done = at; require.LessOrEqual(t, at, of) }},
			Kinds:   authenticity.Kinds(), Seeds: 3, Seed: 5, Share: 0.2,
		})
		require.NoError(t, err)
		require.Equal(t, 12*3*len(authenticity.Kinds()), done)
		for _, kind := range report.Kinds {
			require.Equal(t, 36, kind.Forgers+kind.Honest, kind.Kind)
			require.NotZero(t, kind.Fabricated, kind.Kind)
		}
		reports = append(reports, report)
	}
	require.Equal(t, reports[0], reports[1])
}

func TestMeasuredRatesAreRulesThatLoad(t *testing.T) {
	t.Parallel()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 40, Seed: 9, OrdersScale: 0.3})
	measured, err := authenticity.Measure(t.Context(), book, "here", authenticity.Options{Rules: rules(t)})
	require.NoError(t, err)
	require.Len(t, measured.SeasonBps, 12)
	require.Greater(t, measured.SeasonBps[10], measured.SeasonBps[8], "Double Eleven")
	with := rules(t)
	with.Peers, with.Season = measured.Peers, measured.SeasonBps
	require.NoError(t, with.Validate())
	require.Positive(t, measured.Peers[0].HonestPPM["unshipped"])
	require.Positive(t, measured.Peers[0].DensityMax)
}

func TestFindingsAsCSV(t *testing.T) {
	t.Parallel()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 40, Seed: 7, OrdersScale: 0.3})
	findings, err := authenticity.Examine(t.Context(), book, authenticity.Options{Rules: rules(t)})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, authenticity.WriteCSV(&out, findings))
	lines, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 41)
	flagged := 0
	for _, line := range lines[1:] {
		if line[2] == "true" {
			flagged++
			require.NotEmpty(t, line[4], "reasons")
			require.NotEmpty(t, line[12], "orders")
		}
	}
	require.Positive(t, flagged)
	require.NoError(t, authenticity.Summarise(&out, findings, 1))
	require.Contains(t, out.String(), "merchants=40 flagged=")
}

func TestUnknownKindsAreRefused(t *testing.T) {
	t.Parallel()
	_, err := authenticity.ParseKinds("no_waybill,teleport")
	require.ErrorContains(t, err, `no such kind of fabrication: "teleport"`)
	kinds, err := authenticity.ParseKinds("no_waybill, speed")
	require.NoError(t, err)
	require.Equal(t, []authenticity.Kind{authenticity.NoWaybill, authenticity.Speed}, kinds)
}

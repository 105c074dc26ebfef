package page_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/backtest"
	"loan310/app/backtest/page"
	"loan310/scoring/metrics"
)

// report is small but has something of everything.
func report() *backtest.Report {
	tally := backtest.Tally{Applications: 10, Approved: 6, Declined: 4, Mature: 5, Bad: 1, AllMature: 8, AllBad: 3, Limits: 600_000, LimitMature: 500_000, LimitBad: 100_000}
	discrimination := &backtest.Discrimination{
		AUC: metrics.Interval{AUC: 0.8, Low: 0.7, High: 0.9}, Gini: 0.6, KS: 0.5, Rows: 8, Bad: 3,
		ROC: []metrics.Point{{}, {Refused: 0.4, GoodLost: 0.2, BadFound: 0.7}, {Refused: 1, GoodLost: 1, BadFound: 1}},
	}
	side := backtest.Side{Tally: tally, Discrimination: discrimination, Calibration: &metrics.Calibrated{
		Bins: []metrics.CalibrationBin{{From: 0.01, To: 0.02, Rows: 4, Expected: 0.015}, {From: 0.02, To: 0.5, Rows: 4, Bad: 3, Expected: 0.3, Observed: 0.75}},
	}}
	side.Versions.Strategy, side.Versions.StrategyHash = "<b>standard</b>@1", "abc"
	return &backtest.Report{
		About: backtest.About{Name: "set & <more>", Hash: "123", Merchants: 10, Applications: 10, Synthetic: 10}, Code: "1",
		Setting: backtest.Setting{WindowDays: 365, Until: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Economics: backtest.DefaultEconomics()},
		Counts:  backtest.Counts{Applications: 10, Mature: 8, Bad: 3, Immature: 1, NoOutcome: 1}, Main: side, Base: side,
		Lanes: []backtest.Slice{{Name: "standard", Tally: tally, Discrimination: discrimination}}, Months: []backtest.Slice{{Name: "2025-01", Tally: tally}, {Name: "2025-02"}},
		Features: []backtest.FeatureStates{{Name: "orders_90d", Known: 9, Missing: 1}},
		Declines: []backtest.ReasonCount{{Code: "bureau_overdue", First: 4, Any: 4}},
		Scores:   []backtest.ScoreBin{{From: 580, To: 600, Good: 5, Bad: 3, Unknown: 2}}, Later: backtest.Later{Bureau: 2, Registry: 1},
	}
}

func render(t *testing.T, r *backtest.Report, lang string) (html, text string) {
	t.Helper()
	document := page.Build(r, lang)
	var a, b strings.Builder
	require.NoError(t, document.HTML(&a))
	require.NoError(t, document.Text(&b))
	return a.String(), b.String()
}

// TestPageAlone: the file needs nothing else, runs nothing, and escapes what
// it is given.
func TestPageAlone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"en", "zh-CN"} {
		html, _ := render(t, report(), lang)
		require.Contains(t, html, `lang="`+lang+`"`)
		require.NotContains(t, html, "<script")
		require.NotContains(t, html, "<b>standard")
		require.NotContains(t, html, "<more>")
		require.NotContains(t, html, "ZgotmplZ")
		require.NotContains(t, html, "%!")
		for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
			require.Truef(t, strings.HasPrefix(link[1], "#"), "%s leaves the page", link[1])
		}
		require.Equal(t, strings.Count(html, "http"), strings.Count(html, "http-equiv")+strings.Count(html, `xmlns="http://www.w3.org/2000/svg"`))
	}
}

// TestChartsAccessible: each chart is well-formed XML with a title, a
// description and a table behind it.
func TestChartsAccessible(t *testing.T) {
	t.Parallel()
	html, _ := render(t, report(), "en")
	charts := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(html, -1)
	require.Len(t, charts, 6)
	for _, svg := range charts {
		decoder := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, svg)
		}
		require.Regexp(t, `<title id="[a-z]+-title">[^<]+</title><desc id="[a-z]+-desc">[^<]+</desc>`, svg)
		require.NotContains(t, svg, "NaN")
		require.NotContains(t, svg, ">-0<")
	}
	require.Equal(t, 6, strings.Count(html, "</svg><details>"))
}

// TestSaysWhatLimits: warnings stand in both forms and both languages.
func TestSaysWhatLimits(t *testing.T) {
	t.Parallel()
	html, text := render(t, report(), "en")
	for _, words := range []string{"SYNTHETIC", "1 outcomes are immature", "compared with itself", "credit report was pulled after", "record was changed after"} {
		require.Contains(t, html, words)
		require.Contains(t, text, words)
	}
	html, text = render(t, report(), "zh-CN")
	for _, words := range []string{"合成数据", "尚未成熟", "与自身比较"} {
		require.Contains(t, html, words)
		require.Contains(t, text, words)
	}
	require.NotContains(t, html, "Approval rate")
}

// TestNothingKnown: a set without outcomes has no bad rate, not a zero.
func TestNothingKnown(t *testing.T) {
	t.Parallel()
	empty := &backtest.Report{About: backtest.About{Name: "empty"}, Setting: backtest.Setting{Economics: backtest.DefaultEconomics()}}
	html, text := render(t, empty, "en")
	require.Contains(t, text, "No application has a mature outcome")
	require.NotContains(t, html, "NaN")
	require.NotContains(t, text, " 0.00\u00a0%")
}

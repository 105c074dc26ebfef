package validate

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"loan310/scoring"
)

// Markdown writes the report as docs/validation.md. It holds no time of the
// clock and no duration, so that it can be made again byte for byte.
func (r *Report) Markdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	p("# Validation")
	p("")
	p("Written by `loan310 validate --data ../shared/data --out docs/validation.md`; do not edit. The same data and code give the same bytes (seed %d). Version of the rules' code: %s. The data are public, never shipped with the software, and named by their SHA-256.", seed, scoring.CodeVersion)
	p("")
	p("Every figure is on rows the model was not fitted on. AUC with DeLong's 95 %% interval; KS and Gini of the same rows; *approval at 2 %% bad* is the largest share, safest first, of whom at most 2 %% turned bad; *expected* and *observed* are mean probability and bad rate, *gap* their mean absolute difference over ten groups, *p* that of Hosmer and Lemeshow (small: not calibrated). An AUC above 0.9 on default data is believable on synthetic data only.")
	p("")
	r.summary(p)
	for i := range r.Sets {
		r.Sets[i].markdown(p)
	}
	p("")
	p("## What is not shown here")
	p("")
	p("- The sealed halves of these sets, on which releases are judged.")
	p("- `restaurants`, `electricity`, `scms`: series and import robustness, no loans.")
	return out.Flush()
}

func (r *Report) summary(p func(string, ...any)) {
	p("| set | checked | asked for | here | |")
	p("|---|---|---|---|---|")
	for i := range r.Sets {
		for _, check := range r.Sets[i].Checks {
			p("| %s | %s | %s | %s | %s |", r.Sets[i].ID, check.What, check.Want, check.Got, passed(check.Pass))
		}
	}
}

func passed(pass bool) string {
	if pass {
		return "holds"
	}
	return "**missed**"
}

func (s *Set) markdown(p func(string, ...any)) {
	p("")
	p("## %s", s.Title)
	p("")
	for _, file := range s.Data {
		p("- Data: `%s`, %d rows, SHA-256 `%s…`", file.Name, file.Rows, file.Hash[:16])
	}
	for _, line := range s.Protocol {
		p("- %s", line)
	}
	if len(s.Results) > 0 {
		p("")
		p("| model | sample | rows | bad | AUC (95 %%) | Gini | KS | approval at 2 %% bad | expected | observed | gap | p |")
		p("|---|---|---|---|---|---|---|---|---|---|---|---|")
		for i := range s.Results {
			x := &s.Results[i]
			p("| %s | %s | %d | %d | %.4f (%.4f to %.4f) | %.4f | %.4f | %s | %s | %s | %s | %.3f |", x.Model, x.Sample, x.Rows, x.Bad,
				x.AUC.AUC, x.AUC.Low, x.AUC.High, x.Gini, x.KS, percent(x.At2.Share, 1), percent(x.Fit.Expected, 2), percent(x.Fit.Observed, 2), percent(x.Fit.MeanGap, 2), x.Fit.PValue)
		}
	}
	for _, table := range s.Tables {
		p("")
		p("%s:", table.Title)
		p("")
		p("| %s |", strings.Join(table.Head, " | "))
		p("|%s", strings.Repeat("---|", len(table.Head)))
		for _, row := range table.Rows {
			p("| %s |", strings.Join(row, " | "))
		}
	}
	if len(s.Remarks) > 0 {
		p("")
		for _, remark := range s.Remarks {
			p("%s", remark)
		}
	}
}

// Times prints what was measured by the clock.
func (r *Report) Times(w io.Writer) {
	for i := range r.Sets {
		for _, timing := range r.Sets[i].Timings {
			fmt.Fprintf(w, "%-12s %-40s %6.1f s\n", r.Sets[i].ID, timing.What, timing.Took.Seconds())
		}
	}
}

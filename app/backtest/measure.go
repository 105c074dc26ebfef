package backtest

import (
	"cmp"
	"slices"
	"time"

	"loan310/scoring"
	"loan310/scoring/metrics"
)

// Measure reports on a run. Program names the binary's version.
func Measure(run *Run, program string) *Report {
	options := &run.Options
	report := &Report{
		About: run.About, Program: program, Compared: options.Challenger != nil, Features: run.Features, Later: run.Later,
		Setting: Setting{Until: options.Until, WindowDays: int(options.Window / (24 * time.Hour)), Relations: options.Relations, Economics: options.Economics},
	}
	if len(options.Assume) > 0 {
		report.Setting.Assumed = map[string]string{}
		for source, state := range options.Assume {
			report.Setting.Assumed[string(source)] = string(state)
		}
	}
	for i := range run.Cases {
		c := &run.Cases[i]
		report.Counts.Applications++
		switch {
		case !c.Known:
			report.Counts.NoOutcome++
		case !c.Mature:
			report.Counts.Immature++
		default:
			report.Counts.Mature++
			report.Counts.Bad += one(c.Outcome.Bad)
		}
	}
	engine := options.Champion
	report.Base = side(run.Cases, engine.Versions(), championOf)
	report.Main = report.Base
	if report.Compared {
		engine = options.Challenger
		report.Main = side(run.Cases, engine.Versions(), challengerOf)
	}
	report.Code = report.Main.Versions.Code
	report.Swap = swap(run.Cases)
	report.Lanes = slicesBy(run.Cases, func(c *Case) string { return c.Challenger.Lane }, true)
	report.Months = slicesBy(run.Cases, func(c *Case) string { return c.AppliedAt.UTC().Format("2006-01") }, false)
	report.Declines = reasonsOf(run.Cases, func(a *Answer) bool { return !a.Approved() })
	report.Offers = reasonsOf(run.Cases, (*Answer).Approved)
	report.Scores = scoresOf(run.Cases)
	return report
}

func championOf(c *Case) *Answer   { return &c.Champion }
func challengerOf(c *Case) *Answer { return &c.Challenger }

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func side(cases []Case, versions scoring.Versions, of func(*Case) *Answer) Side {
	result := Side{Versions: versions}
	var sample sample
	for i := range cases {
		c := &cases[i]
		answer := of(c)
		result.add(c, answer)
		sample.add(c, answer)
	}
	result.Discrimination = sample.discrimination()
	if table, err := metrics.Calibration(sample.pd, sample.bad, nil, deciles); err == nil {
		result.Calibration = &table
	}
	return result
}

// add counts one answer.
func (t *Tally) add(c *Case, answer *Answer) {
	t.Applications++
	t.Waited += one(answer.Waited)
	t.AllMature += one(c.Mature)
	t.AllBad += one(c.Mature && c.Outcome.Bad)
	switch answer.Outcome {
	case scoring.Declined:
		t.Declined++
	case scoring.Deferred:
		t.Deferred++
	case scoring.Approved:
		t.Approved++
		t.Limits += answer.Limit
		if !c.Mature {
			return
		}
		t.Mature++
		t.LimitMature += answer.Limit
		t.Money = t.Money.Add(answer.Money)
		if c.Outcome.Bad {
			t.Bad++
			t.LimitBad += answer.Limit
		}
	}
}

// sample is the probabilities of default whose outcome is known.
type sample struct {
	pd  []float64
	bad []bool
}

func (s *sample) add(c *Case, answer *Answer) {
	if c.Mature {
		s.pd = append(s.pd, float64(answer.PDPpm)/1e6)
		s.bad = append(s.bad, c.Outcome.Bad)
	}
}

// discrimination is nil where all outcomes are alike.
func (s *sample) discrimination() *Discrimination {
	curve, err := metrics.NewCurve(s.pd, s.bad, nil)
	if err != nil {
		return nil
	}
	auc, err := metrics.DeLong(s.pd, s.bad)
	if err != nil {
		return nil
	}
	ks, at := curve.KS()
	result := &Discrimination{
		AUC: auc, Gini: metrics.Gini(auc.AUC), KS: ks, KSAtPD: at, At2Percent: curve.ApprovalAt(0.02), ROC: curve.ROC(rocPoints), Rows: curve.Rows(),
	}
	for _, bad := range s.bad {
		result.Bad += one(bad)
	}
	return result
}

func swap(cases []Case) [4]SwapCell {
	cells := [4]SwapCell{{Champion: true, Challenger: true}, {Champion: true}, {Challenger: true}, {}}
	for i := range cases {
		c := &cases[i]
		at := 2*one(!c.Champion.Approved()) + one(!c.Challenger.Approved())
		cell := &cells[at]
		cell.Count++
		if !c.Mature {
			continue
		}
		cell.Mature++
		cell.Bad += one(c.Outcome.Bad)
		if cell.Challenger {
			cell.Profit += c.Challenger.Money.Profit()
		} else {
			cell.Profit += c.Champion.Money.Profit()
		}
	}
	return cells
}

// slicesBy reports by a key of the challenger's answers, sorted by key.
func slicesBy(cases []Case, key func(*Case) string, discriminate bool) []Slice {
	index := map[string]int{}
	var list []Slice
	var samples []sample
	for i := range cases {
		c := &cases[i]
		name := key(c)
		at, there := index[name]
		if !there {
			at = len(list)
			index[name] = at
			list, samples = append(list, Slice{Name: name}), append(samples, sample{})
		}
		list[at].add(c, &c.Challenger)
		list[at].Immature += one(c.Challenger.Approved() && !c.Mature)
		samples[at].add(c, &c.Challenger)
	}
	for i := range list {
		if discriminate {
			list[i].Discrimination = samples[i].discrimination()
		}
	}
	slices.SortFunc(list, func(a, b Slice) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// reasonsOf counts the challenger's reasons, most frequent first ones first.
func reasonsOf(cases []Case, counts func(*Answer) bool) []ReasonCount {
	index := map[string]*ReasonCount{}
	for i := range cases {
		answer := &cases[i].Challenger
		if !counts(answer) {
			continue
		}
		for place, code := range answer.Reasons {
			count, there := index[code]
			if !there {
				count = &ReasonCount{Code: code}
				index[code] = count
			}
			count.Any++
			count.First += one(place == 0)
		}
	}
	list := make([]ReasonCount, 0, len(index))
	for _, count := range index {
		list = append(list, *count)
	}
	slices.SortFunc(list, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.First, a.First), cmp.Compare(b.Any, a.Any), cmp.Compare(a.Code, b.Code))
	})
	return list
}

// scoresOf counts the challenger's scores in steps of scoreStep points.
func scoresOf(cases []Case) []ScoreBin {
	if len(cases) == 0 {
		return nil
	}
	lowest, highest := cases[0].Challenger.Score, cases[0].Challenger.Score
	for i := range cases {
		lowest, highest = min(lowest, cases[i].Challenger.Score), max(highest, cases[i].Challenger.Score)
	}
	start := floorTo(lowest, scoreStep)
	bins := make([]ScoreBin, (highest-start)/scoreStep+1)
	for i := range bins {
		bins[i].From = start + int64(i)*scoreStep
		bins[i].To = bins[i].From + scoreStep
	}
	for i := range cases {
		c := &cases[i]
		bin := &bins[(c.Challenger.Score-start)/scoreStep]
		switch {
		case !c.Mature:
			bin.Unknown++
		case c.Outcome.Bad:
			bin.Bad++
		default:
			bin.Good++
		}
	}
	return bins
}

func floorTo(value, step int64) int64 {
	rest := value % step
	if rest < 0 {
		rest += step
	}
	return value - rest
}

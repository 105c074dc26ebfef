package backtest

import (
	"cmp"
	"math"
	"slices"
	"time"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/metrics"
)

// Report is what a run comes to. Rates are 0 to 1, money is fen; what cannot be
// computed is nil or absent, never zero.
type Report struct {
	About    About  `json:"dossier"`
	Program  string `json:"program"` // version of the binary
	Code     string `json:"code"`    // version of the scoring rules
	Compared bool   `json:"compared"`
	Setting  Setting
	Counts   Counts      `json:"counts"`
	Main     Side        `json:"strategy"` // the challenger, or the champion when it is alone
	Base     Side        `json:"champion"`
	Swap     [4]SwapCell `json:"swap"` // in/in, in/out, out/in, out/out: champion first
	Lanes    []Slice     `json:"lanes"`
	Months   []Slice     `json:"months"`
	Features []FeatureStates
	Declines []ReasonCount `json:"decline_reasons"`
	Offers   []ReasonCount `json:"offer_reasons"`
	Scores   []ScoreBin    `json:"scores"`
	Later    Later         `json:"later"`
}

// Setting repeats what was asked.
type Setting struct {
	Until      time.Time         `json:"until"`
	WindowDays int               `json:"window_days"`
	Assumed    map[string]string `json:"assumed,omitempty"` // source -> state
	Economics  Economics         `json:"economics"`
}

// Counts say on how many applications each figure stands.
type Counts struct {
	Applications int `json:"applications"`
	NoOutcome    int `json:"no_outcome"` // unknown, or observed after Until
	Immature     int `json:"immature"`   // outcome known, but the window has not passed: left out
	Mature       int `json:"mature"`     // every bad rate below stands on these
	Bad          int `json:"bad"`        // of the mature ones
}

// Side is one strategy's result.
type Side struct {
	Versions scoring.Versions `json:"versions"`
	Tally
	Discrimination *Discrimination     `json:"discrimination,omitempty"` // over all mature applications, declined ones too
	Calibration    *metrics.Calibrated `json:"calibration,omitempty"`
}

// Tally counts answers and what became of them.
type Tally struct {
	Applications int          `json:"applications"`
	Approved     int          `json:"approved"`
	Declined     int          `json:"declined"`
	Waited       int          `json:"waited"` // deferred first, then answered finally; part of the two above
	Deferred     int          `json:"deferred"`
	Limits       money.Amount `json:"limits_fen"`
	Mature       int          `json:"mature"`          // approved and mature
	Bad          int          `json:"bad"`             // of those
	AllMature    int          `json:"all_mature"`      // mature, whatever the answer
	AllBad       int          `json:"all_bad"`         //
	LimitMature  money.Amount `json:"mature_fen"`      // limits of the approved and mature
	LimitBad     money.Amount `json:"bad_balance_fen"` // and of those that turned bad
	Money        Money        `json:"money"`
}

// Discrimination is how well the probability of default sorts.
type Discrimination struct {
	AUC        metrics.Interval `json:"auc"`
	Gini       float64          `json:"gini"`
	KS         float64          `json:"ks"`
	KSAtPD     float64          `json:"ks_at_pd"`
	At2Percent metrics.Approval `json:"approval_at_2_percent"`
	ROC        []metrics.Point  `json:"roc"`
	Rows       int              `json:"rows"`
	Bad        int              `json:"bad"`
}

// SwapCell is one quarter of the swap set.
type SwapCell struct {
	Champion   bool         `json:"champion_approves"`
	Challenger bool         `json:"challenger_approves"`
	Count      int          `json:"count"`
	Mature     int          `json:"mature"`
	Bad        int          `json:"bad"`
	Profit     money.Amount `json:"profit_fen"` // of the strategy that approves; of the challenger where both do
}

// Slice is the result of one lane or one month of application.
type Slice struct {
	Name string `json:"name"` // lane, or 2006-01
	Tally
	Immature       int             `json:"immature"` // approved, without a mature outcome
	Discrimination *Discrimination `json:"discrimination,omitempty"`
}

// ReasonCount is how often a reason was given.
type ReasonCount struct {
	Code  string `json:"code"`
	First int    `json:"first"` // as the first reason
	Any   int    `json:"any"`
}

// ScoreBin is the applications of a range of scores.
type ScoreBin struct {
	From    int64 `json:"from"`
	To      int64 `json:"to"` // below
	Good    int   `json:"good"`
	Bad     int   `json:"bad"`
	Unknown int   `json:"unknown"` // no mature outcome
}

const (
	deciles   = 10
	rocPoints = 200
	scoreStep = 20
)

// BadRate is the share of approved, mature applications that turned bad; false
// when there is none.
func (t *Tally) BadRate() (float64, bool) { return share(int64(t.Bad), int64(t.Mature)) }

// BadBalance is BadRate by limit.
func (t *Tally) BadBalance() (float64, bool) { return share(int64(t.LimitBad), int64(t.LimitMature)) }

// ApprovalRate is the share of applications that got an offer.
func (t *Tally) ApprovalRate() (float64, bool) {
	return share(int64(t.Approved), int64(t.Applications))
}

func share(part, whole int64) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}

// Wilson is the 95 % confidence interval of a share of n by Wilson's score
// method, which holds for few and for rare cases.
func Wilson(part, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p, count := float64(part)/float64(n), float64(n)
	middle := (p + z*z/(2*count)) / (1 + z*z/count)
	half := z / (1 + z*z/count) * math.Sqrt(p*(1-p)/count+z*z/(4*count*count))
	return max(middle-half, 0), min(middle+half, 1)
}

// Measure reports on a run. Program names the binary's version.
func Measure(run *Run, program string) *Report {
	options := &run.Options
	report := &Report{
		About: run.About, Program: program, Compared: options.Challenger != nil, Features: run.Features, Later: run.Later,
		Setting: Setting{Until: options.Until, WindowDays: int(options.Window / (24 * time.Hour)), Economics: options.Economics},
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

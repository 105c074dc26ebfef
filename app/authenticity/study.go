package authenticity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"loan310/adapters/dossier"
	"loan310/scoring/crosscheck"
)

// StudyOptions say what to inject. The zero value of each field is usable, but
// for the rules.
type StudyOptions struct {
	Options
	Kinds []Kind  // nil = Plain
	Share float64 // of a forger's orders that are fabricated; 0 = 0.10
	Seed  uint64
	Seeds int // 0 = 20
	// CrossFit judges each tenth of the merchants by rates measured on the
	// other nine, without injection, instead of the rules' own.
	CrossFit bool
}

// Tally counts one kind over all seeds.
type Tally struct {
	Kind       string `json:"kind"`
	Forgers    int    `json:"forgers"`     // merchants with fabricated orders
	Found      int    `json:"found"`       // of them, flagged
	Single     int    `json:"single"`      // of the forgers, those with one fabricated order
	SingleHit  int    `json:"single_hit"`  // of these, flagged
	Honest     int    `json:"honest"`      // merchants left alone
	FalseFlags int    `json:"false_flags"` // of them, flagged
	Fabricated int    `json:"fabricated"`  // orders
	Shown      int    `json:"shown"`       // orders shown as flagged, of forgers
	ShownRight int    `json:"shown_right"` // of them, fabricated
}

// Recall is the share of forgers found.
func (t Tally) Recall() float64 { return ratio(t.Found, t.Forgers) }

// FalseRate is the share of honest merchants flagged.
func (t Tally) FalseRate() float64 { return ratio(t.FalseFlags, t.Honest) }

// Precision is the share of the orders shown that were fabricated.
func (t Tally) Precision() float64 { return ratio(t.ShownRight, t.Shown) }

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Report is the result of a study.
type Report struct {
	Merchants int
	Orders    int
	Seeds     int
	Share     float64
	Untouched []string // merchants flagged without any injection
	Kinds     []Tally
	Pooled    Tally // all kinds together
}

// Study opens a dossier, checks it as it is, and then injects: for each kind
// and seed a fair coin chooses the merchants that forge.
func Study(ctx context.Context, dir string, options StudyOptions) (Report, error) {
	book, err := dossier.Open(dir)
	if err != nil {
		return Report{}, err
	}
	return StudyBook(ctx, book, options)
}

// StudyBook is Study of a book in memory.
func StudyBook(ctx context.Context, book dossier.Book, options StudyOptions) (Report, error) {
	s := study{StudyOptions: options, list: shops(book)}
	if len(s.Kinds) == 0 {
		s.Kinds = Plain()
	}
	if s.Share <= 0 {
		s.Share = 0.10
	}
	if s.Seeds <= 0 {
		s.Seeds = 20
	}
	if s.Share >= 1 {
		return Report{}, fmt.Errorf("share %v: want less than 1", s.Share)
	}
	s.Show = 1 << 20
	if err := s.prepare(ctx); err != nil {
		return Report{}, err
	}
	report := Report{Merchants: len(s.list), Seeds: s.Seeds, Share: s.Share, Pooled: Tally{Kind: "pooled"}}
	for i := range s.list {
		report.Orders += len(s.rows[i].orders)
		finding, err := s.list[i].check(s.optionsOf(i))
		if err != nil {
			return Report{}, err
		}
		if finding.Flagged {
			report.Untouched = append(report.Untouched, finding.MerchantID)
		}
	}
	for at, kind := range s.Kinds {
		tally, err := s.run(ctx, at, kind)
		if err != nil {
			return Report{}, err
		}
		report.Kinds = append(report.Kinds, tally)
		report.Pooled.add(tally)
	}
	return report, nil
}

func (t *Tally) add(other Tally) {
	t.Forgers, t.Found = t.Forgers+other.Forgers, t.Found+other.Found
	t.Single, t.SingleHit = t.Single+other.Single, t.SingleHit+other.SingleHit
	t.Honest, t.FalseFlags = t.Honest+other.Honest, t.FalseFlags+other.FalseFlags
	t.Fabricated += other.Fabricated
	t.Shown, t.ShownRight = t.Shown+other.Shown, t.ShownRight+other.ShownRight
}

type study struct {
	StudyOptions
	list  []shop
	rows  []*rows
	folds [folds]Options // how to judge merchants by number
}

// folds is how many parts cross-fitting makes.
const folds = 10

// prepare reads the rows and, for cross-fitting, measures each part's others.
func (s *study) prepare(ctx context.Context) error {
	s.rows = make([]*rows, len(s.list))
	for i := range s.list {
		var err error
		if s.rows[i], err = s.list[i].collect(); err != nil {
			return err
		}
	}
	quiet := s.Options
	quiet.Progress = nil
	for fold := range s.folds {
		s.folds[fold] = quiet
	}
	if !s.CrossFit {
		return nil
	}
	findings, err := examine(ctx, s.list, &quiet)
	if err != nil {
		return err
	}
	for fold := range s.folds {
		var others []Finding
		for i := range findings {
			if i%folds != fold {
				others = append(others, findings[i])
			}
		}
		rules := s.Rules
		rules.Peers = nil
		rules.Tests = slices.Clone(s.Rules.Tests)
		measured := rates(s.Rules.Tests, others)
		for i := range rules.Tests {
			rules.Tests[i].HonestPPM = measured[rules.Tests[i].Name]
		}
		s.folds[fold].Rules = rules
	}
	return nil
}

func (s *study) optionsOf(merchant int) *Options { return &s.folds[merchant%folds] }

// run injects one kind over all seeds.
func (s *study) run(ctx context.Context, at int, kind Kind) (Tally, error) {
	count := len(s.list) * s.Seeds
	tallies := make([]Tally, count)
	shift := Options{Workers: s.Workers}
	if s.Progress != nil {
		shift.Progress = func(done, _ int) { s.Progress(at*count+done, len(s.Kinds)*count) }
	}
	err := spread(ctx, count, &shift, func(i int) (err error) {
		tallies[i], err = s.one(kind, i%len(s.list), uint64(i/len(s.list))) //nolint:gosec // never negative
		return err
	})
	if err != nil {
		return Tally{}, err
	}
	sum := Tally{Kind: string(kind)}
	for _, tally := range tallies {
		sum.add(tally)
	}
	return sum, nil
}

// one draws for one merchant whether it forges, and checks it.
func (s *study) one(kind Kind, merchant int, seed uint64) (Tally, error) {
	draw := rand.New(rand.NewPCG(s.Seed+seed, uint64(merchant)*31+uint64(len(kind))<<32+uint64(kind[0])<<40+uint64(kind[len(kind)-1])<<48)) //nolint:gosec // never negative
	forger := forger{Rand: draw, rows: s.rows[merchant], asOf: s.list[merchant].asOf, kind: kind, share: s.Share}
	forged, able := shop{}, false
	if draw.IntN(2) == 0 {
		forged, able = forger.forge(&s.list[merchant])
	}
	checked := &s.list[merchant]
	if able {
		checked = &forged
	}
	finding, err := checked.check(s.optionsOf(merchant))
	if err != nil {
		return Tally{}, err
	}
	if !able {
		return Tally{Honest: 1, FalseFlags: one(finding.Flagged)}, nil
	}
	tally := Tally{Forgers: 1, Found: one(finding.Flagged), Fabricated: len(forger.made), Shown: len(finding.FlaggedSample)}
	if len(forger.made) == 1 {
		tally.Single, tally.SingleHit = 1, tally.Found
	}
	for _, id := range finding.FlaggedSample {
		if slices.Contains(forger.made, id) {
			tally.ShownRight++
		}
	}
	return tally, nil
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// rates gives each test's natural rate over merchants taken as honest, per
// million orders: (found + 1/2) / (orders + 1), Jeffreys' estimate, which does
// not call impossible what was merely not seen. Where nothing was seen the
// test's own rate stands if it is higher: a source without weights or payers
// has no mark of them, and proves nothing.
func rates(tests []crosscheck.Test, findings []Finding) map[string]int64 {
	measured := map[string]int64{}
	for at, test := range tests {
		var found, orders int64
		for i := range findings {
			found += findings[i].Tests[at].Found
			orders += findings[i].Tests[at].Orders
		}
		rate := (2*found + 1) * 1_000_000 / (2*orders + 2)
		if found == 0 {
			rate = max(rate, test.HonestPPM)
		}
		measured[test.Name] = rate
	}
	return measured
}

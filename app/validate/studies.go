package validate

import (
	"fmt"
	"strconv"

	"loan310/adapters/dossier"
	"loan310/app/authenticity"
	"loan310/app/relationstudy"
	"loan310/scoring"
)

// olist asks whether fabricated orders are found among real ones.
func olist(r *runner, set *Set) error {
	set.Title = "Olist: fabricated orders among real ones"
	set.Protocol = []string{
		"The 104 sellers with ten orders or more. Half of them get 10 % fabricated orders of one kind (at least one), 20 seeds a kind; a seller is found when the cross-check flags it. The other half is left alone: whoever of them is flagged is a false alarm.",
		"Real orders and parcels; only the fabricated ones are ours. Run by hand: `loan310 dossier crosscheck --inject plain`.",
	}
	for _, name := range []string{"olist/orders.csv.gz", "olist/order_items.csv.gz", "olist/sellers.csv.gz"} {
		if _, err := r.use(set, name); err != nil {
			return err
		}
	}
	dir, done, err := r.scratch()
	if err != nil {
		return err
	}
	defer done()
	if _, err := dossier.ConvertOlist(r.path("olist"), dir); err != nil {
		return err
	}
	engine, err := scoring.Load(scoring.Default())
	if err != nil {
		return err
	}
	r.say("%s: injecting and judging", set.ID)
	started := r.options.Now()
	report, err := authenticity.Study(r.ctx, dir, authenticity.StudyOptions{Options: authenticity.Options{Rules: engine.Strategy().Crosscheck}, Seed: seed})
	if err != nil {
		return err
	}
	crossed, err := authenticity.Study(r.ctx, dir, authenticity.StudyOptions{Options: authenticity.Options{Rules: engine.Strategy().Crosscheck}, Seed: seed, CrossFit: true})
	if err != nil {
		return err
	}
	crossed.Pooled.Kind = "pooled, rates measured on the other nine tenths of the sellers"
	set.Timings = append(set.Timings, Timing{"injecting and judging", r.options.Now().Sub(started)})
	table := Table{
		Title: fmt.Sprintf("%d sellers with %d orders, %d seeds, %s of a forger's orders fabricated", report.Merchants, report.Orders, report.Seeds, percent(report.Share, 0)),
		Head:  []string{"kind", "forgers", "found", "recall", "honest", "flagged", "false alarms", "orders shown", "right", "precision"},
	}
	for _, t := range append(report.Kinds, report.Pooled, crossed.Pooled) {
		table.Rows = append(table.Rows, []string{
			t.Kind, strconv.Itoa(t.Forgers), strconv.Itoa(t.Found), percent(t.Recall(), 2), strconv.Itoa(t.Honest), strconv.Itoa(t.FalseFlags), percent(t.FalseRate(), 2),
			strconv.Itoa(t.Shown), strconv.Itoa(t.ShownRight), percent(t.Precision(), 1),
		})
	}
	set.Tables = append(set.Tables, table)
	untouched := float64(len(report.Untouched)) / float64(max(report.Merchants, 1))
	set.atLeast("recall of all kinds together", report.Pooled.Recall(), 0.95)
	set.atLeast("recall of all kinds together, rates measured on other sellers", crossed.Pooled.Recall(), 0.95)
	set.atMost("false alarms, all kinds together", report.Pooled.FalseRate(), 0.01)
	set.atMost("sellers flagged without any injection", untouched, 0.01)
	set.Remarks = []string{
		fmt.Sprintf("Without injection %d of %d sellers are flagged. Nobody knows that all real sellers are honest: such a flag may be right.", len(report.Untouched), report.Merchants),
		"The recall asked for holds for all kinds together, not for each: goods that weigh next to nothing and hand-overs shortly before a slow payment are also honest sellers' habits, so fabricated ones are found less often.",
		"Kinds that leave a trace in single orders. What cannot be told apart from an honest order, such as a payment put minutes after an honest hand-over, is not found and not claimed.",
	}
	return nil
}

// ecom and xente hold the relations detector against public sets.
func ecom(r *runner, set *Set) error {
	set.Title = "Sign-ups and purchases: shared devices (ecom_fraud)"
	return r.related(set, "ecom_fraud/fraud_half_a.csv.gz", relationstudy.Ecom)
}

func xente(r *runner, set *Set) error {
	set.Title = "Xente: bursts of look-alike loans"
	return r.related(set, "xente/loans_2018-09_to_2019-01.csv.gz", relationstudy.Xente)
}

func (r *runner) related(set *Set, file string, run func(string) (relationstudy.Study, error)) error {
	set.Protocol = []string{"Each row is judged by what came before it and nothing else; one number, no model."}
	if _, err := r.use(set, file); err != nil {
		return err
	}
	started := r.options.Now()
	study, err := run(r.options.Data)
	if err != nil {
		return err
	}
	set.Timings = append(set.Timings, Timing{"walking the rows", r.options.Now().Sub(started)})
	table := Table{Title: "What one number tells apart", Head: []string{"number", "rows", "positive", "AUC (95 %)", "flagged from", "flagged", "right", "precision", "recall", "false alarms"}}
	for _, m := range study.Marks {
		table.Rows = append(table.Rows, []string{
			m.Name, strconv.Itoa(m.Rows), strconv.Itoa(m.Positives), fmt.Sprintf("%.4f (%.4f to %.4f)", m.AUC.AUC, m.AUC.Low, m.AUC.High),
			strconv.FormatFloat(m.Cut, 'g', -1, 64), strconv.Itoa(m.Flagged), strconv.Itoa(m.Hits), percent(m.Precision, 1), percent(m.Recall, 1), percent(m.FalseRate, 2),
		})
	}
	set.Tables, set.Remarks = append(set.Tables, table), study.Notes
	return nil
}

// atMost checks a figure against a ceiling.
func (s *Set) atMost(what string, got, want float64) {
	s.Checks = append(s.Checks, Check{what, fmt.Sprintf("at most %.4g", want), fmt.Sprintf("%.4f", got), got <= want})
}

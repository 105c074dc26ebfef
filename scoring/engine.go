package scoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
	"loan310/scoring/pricing"
	"loan310/scoring/reasons"
	"loan310/scoring/relations"
	"loan310/scoring/scorecard"
)

// CodeVersion names the rules in this package's code; it changes whenever the
// same input and strategy would give another verdict.
const CodeVersion = "2"

// Engine decides by one strategy. Safe for concurrent use.
type Engine struct {
	strategy  Strategy
	canonical []byte
	versions  Versions
	standard  *scorecard.Scorer
	thinFile  *scorecard.Scorer
	policy    *policy.Policy
	cells     *policy.Cells // the matrix
}

// Versions names the strategy and the code; lane and scorecard are those of a
// verdict and empty here.
func (e *Engine) Versions() Versions { return e.versions }

// Strategy gives a copy of the strategy.
func (e *Engine) Strategy() Strategy {
	var copied Strategy
	if err := json.Unmarshal(e.canonical, &copied); err != nil {
		return e.strategy // not reached: the bytes were made from a Strategy
	}
	return copied
}

// KnockOut runs the checks that need no source. Nil means go on; otherwise the
// application is declined for these reasons, most important first.
func (e *Engine) KnockOut(applicant Applicant) []Reason {
	var list []Reason
	for _, fired := range e.policy.Run(policy.KnockOut, &policy.Facts{Applicant: applicant}) {
		list = append(list, fired.Reason)
	}
	return list
}

// ReasonText gives a reason in words for lang ("zh-CN"; anything else is
// English), its arguments filled in and written in their units. An unknown
// code gives the code itself.
func ReasonText(code, lang string, args map[string]int64) string {
	return reasons.Text(code, lang, args)
}

// ErrInput reports an input no decision can be made of.
var ErrInput = errors.New("impossible input")

// Decide gives the verdict on an application. It is pure: the same input gives
// the same verdict bit for bit, and nothing dated after Evidence.AsOf changes
// it. The error is ErrInput, or that of a sequence that could not be read.
func (e *Engine) Decide(in Input) (Verdict, error) {
	if err := check(&in); err != nil {
		return Verdict{}, err
	}
	states := e.states(&in.Evidence)
	gathered, err := e.gather(&in.Evidence, states)
	if err != nil {
		return Verdict{}, err
	}
	connected := relations.Assess(e.strategy.Relations, in.Evidence.Relations)
	vector := gathered.collector.Vector(features.Facts{
		States: states, Report: gathered.report, Bureau: in.Evidence.Bureau, Registry: in.Evidence.Registry, Applicant: in.Applicant,
		OrdersAsOf: in.Evidence.Meta[evidence.Marketplace].DataAsOf, BankAsOf: in.Evidence.Meta[evidence.Bank].DataAsOf, Relations: connected,
	})
	decision := &decision{engine: e, in: &in, states: states, vector: vector, report: &gathered.report, relations: connected}
	return decision.run(), nil
}

func check(in *Input) error {
	applicant := &in.Applicant
	switch {
	case in.Evidence.AsOf.IsZero():
		return fmt.Errorf("%w: no moment of decision (evidence as of)", ErrInput)
	case applicant.AmountWanted < 0 || applicant.AmountWanted > maxRow || applicant.OpenExposure < 0 || applicant.OpenExposure > maxRow:
		return fmt.Errorf("%w: amount wanted or owed out of range", ErrInput)
	case applicant.LoansRepaid < 0 || applicant.WorstDPD < 0 || applicant.CurrentDPD < 0 || applicant.OtherOpen < 0 || applicant.DeclinedRecents < 0 ||
		applicant.LoansRestructured < 0 || applicant.LoansChargedOff < 0:
		return fmt.Errorf("%w: a negative count in the applicant", ErrInput)
	}
	for source, meta := range in.Evidence.Meta {
		switch meta.State {
		case "", evidence.Known, evidence.Stale, evidence.Empty, evidence.Down, evidence.Withheld:
		default:
			return fmt.Errorf("%w: source %s in state %q", ErrInput, source, meta.State)
		}
	}
	if bureau := in.Evidence.Bureau; bureau != nil && (!inRange(bureau.Outstanding) || !inRange(bureau.MonthlyDebt)) {
		return fmt.Errorf("%w: amount in the bureau report out of range", ErrInput)
	}
	return nil
}

func inRange(amount money.Amount) bool { return amount >= -maxRow && amount <= maxRow }

// states gives each source's effective state: what was recorded, stale when
// older than the strategy's horizon, and empty when it was read but says
// nothing up to the moment of decision (rows are counted later).
func (e *Engine) states(bundle *evidence.Bundle) map[evidence.Source]evidence.State {
	states := make(map[evidence.Source]evidence.State, len(evidence.Sources))
	for _, source := range evidence.Sources {
		state := bundle.State(source)
		asOf := bundle.Meta[source].DataAsOf
		horizon := time.Duration(e.strategy.FreshnessDays[source]) * 24 * time.Hour
		if state == evidence.Known && !asOf.IsZero() && bundle.AsOf.Sub(asOf) > horizon {
			state = evidence.Stale
		}
		states[source] = state
	}
	bureau, registry := bundle.Bureau, bundle.Registry
	if read(states[evidence.Bureau]) && (bureau == nil || !bureau.Found || bureau.PulledAt.After(bundle.AsOf)) {
		states[evidence.Bureau] = evidence.Empty
	}
	if read(states[evidence.Registry]) && (registry == nil || registry.EstablishedAt.After(bundle.AsOf)) {
		states[evidence.Registry] = evidence.Empty
	}
	return states
}

func read(state evidence.State) bool { return state == evidence.Known || state == evidence.Stale }

// gathered is what the rows add up to.
type gathered struct {
	collector *features.Collector
	report    crosscheck.Report
}

// gather walks each readable sequence once. A fresh source that has no row up to
// the moment of decision becomes empty.
func (e *Engine) gather(bundle *evidence.Bundle, states map[evidence.Source]evidence.State) (gathered, error) {
	collector := features.NewCollector(bundle.AsOf)
	join := crosscheck.New(bundle.AsOf, crosscheck.Options{
		Rules: e.strategy.Crosscheck, Logistics: states[evidence.Logistics], LogisticsAsOf: bundle.Meta[evidence.Logistics].DataAsOf,
		Orders: bundle.Meta[evidence.Marketplace].Rows, Waybills: bundle.Meta[evidence.Logistics].Rows,
	})
	err := errors.Join(
		walk(states, evidence.Logistics, bundle.Waybills, func(row *evidence.Waybill) error {
			join.AddWaybill(row)
			collector.AddWaybill(row)
			return nil
		}),
		e.walkOrders(bundle, states, join, collector),
		walk(states, evidence.Bank, bundle.Transactions, func(row *evidence.Transaction) error {
			if !inRange(row.Amount) || row.Balance != nil && !inRange(*row.Balance) {
				return fmt.Errorf("%w: amount of transaction %s out of range", ErrInput, row.ID)
			}
			join.AddTransaction(row)
			collector.AddTransaction(row)
			return nil
		}),
		walk(states, evidence.Utility, bundle.Bills, func(row *evidence.UtilityBill) error {
			if !inRange(money.Amount(row.Quantity)) {
				return fmt.Errorf("%w: quantity of bill %s out of range", ErrInput, row.ID)
			}
			join.AddBill(row)
			collector.AddBill(row)
			return nil
		}),
	)
	if err != nil {
		return gathered{}, err
	}
	rows := collector.Rows()
	for source, count := range map[evidence.Source]int64{
		evidence.Marketplace: rows.Orders, evidence.Logistics: rows.Waybills, evidence.Bank: rows.Transactions, evidence.Utility: rows.Bills,
	} {
		// Only a fresh answer of nothing means that there is nothing.
		if states[source] == evidence.Known && count == 0 {
			states[source] = evidence.Empty
		}
	}
	report := join.Result()
	if !read(states[evidence.Marketplace]) {
		return gathered{collector, report}, nil
	}
	return gathered{collector, report}, join.Name(&report, bundle.Orders)
}

// Orders are taken together, so many at a time, once the table of their ids no
// longer fits a cache: see crosscheck's AddOrders. Before, copying rows costs
// more than it saves.
const fromTogether = 20_000

// walkOrders feeds the orders to the join, and to the collector those that
// count.
func (e *Engine) walkOrders(bundle *evidence.Bundle, states map[evidence.Source]evidence.State, join *crosscheck.Join, collector *features.Collector) error {
	var rows []evidence.Order
	if bundle.Meta[evidence.Marketplace].Rows >= fromTogether {
		rows = make([]evidence.Order, 0, crosscheck.Batch)
	}
	err := walk(states, evidence.Marketplace, bundle.Orders, func(row *evidence.Order) error {
		if !inRange(row.Amount) || !inRange(row.Refund) {
			return fmt.Errorf("%w: amount of order %s out of range", ErrInput, row.ID)
		}
		if rows == nil {
			if join.AddOrder(row) {
				collector.AddOrder(row)
			}
			return nil
		}
		if rows = append(rows, *row); len(rows) == cap(rows) {
			join.AddOrders(rows, collector.AddOrder)
			rows = rows[:0]
		}
		return nil
	})
	join.AddOrders(rows, collector.AddOrder)
	return err
}

// walk feeds one source's rows to add, unless the source was not read: rows of
// a withheld source must not be looked at even when somebody left them there.
func walk[T any](states map[evidence.Source]evidence.State, source evidence.Source, rows iter.Seq2[*T, error], add func(*T) error) error {
	if !read(states[source]) || rows == nil {
		return nil
	}
	for row, err := range rows {
		if err != nil {
			return fmt.Errorf("reading %s: %w", source, err)
		}
		if err := add(row); err != nil {
			return err
		}
	}
	return nil
}

// capacityOf reads a merchant's means from the features.
func capacityOf(vector features.Vector, applicant *Applicant) pricing.Capacity {
	amount := func(id features.ID) *money.Amount {
		value, known := vector.Get(id)
		if !known {
			return nil
		}
		return new(money.Amount(max(value, 0)))
	}
	debt := money.Amount(0)
	for _, id := range []features.ID{features.BureauMonthlyDebt, features.DebtService} {
		// The two often describe the same loans: the larger counts.
		if value, known := vector.Get(id); known {
			debt = max(debt, money.Amount(value))
		}
	}
	return pricing.Capacity{
		VerifiedMonthly: amount(features.VerifiedMonthly), InflowMonthly: amount(features.Inflow),
		DebtMonthly: debt, Exposure: applicant.OpenExposure, Wanted: applicant.AmountWanted,
	}
}

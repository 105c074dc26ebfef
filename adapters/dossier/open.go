package dossier

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"loan310/scoring/evidence"
)

// Dossier is a dossier directory in memory. It implements Book and is safe
// for concurrent reading.
type Dossier struct {
	merchants    []Merchant
	applications []Application
	outcomes     []Outcome
	orders       map[string][]evidence.Order
	waybills     map[string][]evidence.Waybill
	transactions map[string][]evidence.Transaction
	bills        map[string][]evidence.UtilityBill
	bureau       map[string]evidence.BureauReport
	registry     map[string]evidence.RegistryRecord
	asOf         time.Time
}

var _ Book = (*Dossier)(nil)

// Open reads a dossier into memory, grouped by merchant. The first broken rule
// ends it with a *RowError naming file, line and column (Validate lists them
// all).
func Open(dir string) (*Dossier, error) {
	d := newDossier()
	l := &loader{dir: dir, register: newRegister(), report: func(bad *RowError) error { return bad }}
	if err := l.readAll(context.Background(), d.sinks()); err != nil {
		return nil, fmt.Errorf("open dossier %s: %w", dir, err)
	}
	d.arrange()
	return d, nil
}

func newDossier() *Dossier {
	return &Dossier{
		orders: map[string][]evidence.Order{}, waybills: map[string][]evidence.Waybill{},
		transactions: map[string][]evidence.Transaction{}, bills: map[string][]evidence.UtilityBill{},
		bureau: map[string]evidence.BureauReport{}, registry: map[string]evidence.RegistryRecord{},
	}
}

func (d *Dossier) sinks() sinks {
	return sinks{
		merchant:    func(row *Merchant) { d.merchants = append(d.merchants, *row) },
		application: func(row *Application) { d.applications = append(d.applications, *row) },
		order:       gather(d.orders),
		waybill:     gather(d.waybills),
		transaction: gather(d.transactions),
		bill:        gather(d.bills),
		bureau:      func(row *owned[evidence.BureauReport]) { d.bureau[row.merchant] = row.row },
		registry:    func(row *evidence.RegistryRecord) { d.registry[row.LicenceNumber] = *row },
		outcome:     func(row *Outcome) { d.outcomes = append(d.outcomes, *row) },
	}
}

func gather[R any](into map[string][]R) func(*owned[R]) {
	return func(row *owned[R]) { into[row.merchant] = append(into[row.merchant], row.row) }
}

// arrange sorts each merchant's rows by time, keeping the file's order among
// rows of one moment, and finds the newest application.
func (d *Dossier) arrange() {
	for _, rows := range d.orders {
		byTime(rows, orderedAt)
	}
	for _, rows := range d.transactions {
		byTime(rows, bookedAt)
	}
	for _, rows := range d.bills {
		byTime(rows, billedAt)
	}
	for _, application := range d.applications {
		if application.AppliedAt.After(d.asOf) {
			d.asOf = application.AppliedAt
		}
	}
}

// byTime sorts, and costs one look where the rows are in order already, as
// they mostly are.
func byTime[R any](rows []R, of func(*R) time.Time) {
	sorted := true
	for i := 1; i < len(rows) && sorted; i++ {
		sorted = !of(&rows[i]).Before(of(&rows[i-1]))
	}
	if sorted {
		return
	}
	slices.SortStableFunc(rows, func(a, b R) int { return of(&a).Compare(of(&b)) })
}

func orderedAt(row *evidence.Order) time.Time      { return row.CreatedAt }
func bookedAt(row *evidence.Transaction) time.Time { return row.BookedAt }
func billedAt(row *evidence.UtilityBill) time.Time { return row.PeriodStart }

// Merchants lists the merchants as the file does.
func (d *Dossier) Merchants() []Merchant { return slices.Clone(d.merchants) }

// Applications lists the applications as the file does.
func (d *Dossier) Applications() []Application { return slices.Clone(d.applications) }

// Outcomes lists the outcomes as the file does.
func (d *Dossier) Outcomes() []Outcome { return slices.Clone(d.outcomes) }

// Orders walks a merchant's orders by time of creation.
func (d *Dossier) Orders(merchantID string) iter.Seq2[*evidence.Order, error] {
	return evidence.Slice(d.orders[merchantID])
}

// Waybills walks a merchant's waybills as the file does.
func (d *Dossier) Waybills(merchantID string) iter.Seq2[*evidence.Waybill, error] {
	return evidence.Slice(d.waybills[merchantID])
}

// Transactions walks a merchant's bank rows by time of booking.
func (d *Dossier) Transactions(merchantID string) iter.Seq2[*evidence.Transaction, error] {
	return evidence.Slice(d.transactions[merchantID])
}

// Bills walks a merchant's utility bills by start of period.
func (d *Dossier) Bills(merchantID string) iter.Seq2[*evidence.UtilityBill, error] {
	return evidence.Slice(d.bills[merchantID])
}

// Bureau gives a merchant's credit report.
func (d *Dossier) Bureau(merchantID string) (evidence.BureauReport, bool) {
	report, ok := d.bureau[merchantID]
	return report, ok
}

// Registry gives the registry's record of a licence.
func (d *Dossier) Registry(licence string) (evidence.RegistryRecord, bool) {
	record, ok := d.registry[licence]
	return record, ok
}

// AsOf is the latest application time; zero when there is no application.
func (d *Dossier) AsOf() time.Time { return d.asOf }

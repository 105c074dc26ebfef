package features

import (
	"time"

	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

const (
	orderDays    = 820 // by day: two years and the same months before
	deliveryCap  = 1_000
	balanceDays  = 180
	yearDays     = 365
	daySeconds   = 24 * 3600
	meterDays    = 455
	matureDays   = 15 // a waybill younger than this may still be on its way
	shippingDays = 84
)

// Collector sums rows into what the features need: fixed arrays and, for the
// bank, one entry per counterparty. Rows dated after the moment of decision,
// or not dated, are not there; stamps after it have not happened. Not for
// concurrent use.
type Collector struct {
	asOf    time.Time
	second  int64 // asOf, whole seconds and the rest
	nano    int
	orders  orderSums
	parcels parcelSums
	bank    bankSums
	bills   billSums
}

// NewCollector starts a collection as of a moment.
func NewCollector(asOf time.Time) *Collector {
	return &Collector{asOf: asOf, second: asOf.Unix(), nano: asOf.Nanosecond()}
}

// days gives the whole days from t to the moment; false when t was not said
// or lies after it.
func (c *Collector) days(t time.Time) (int64, bool) {
	seconds := c.second - t.Unix()
	if t.Nanosecond() > c.nano {
		seconds--
	}
	if seconds < 0 || t.IsZero() {
		return 0, false
	}
	return seconds / daySeconds, true
}

// Rows says what was seen of a source, so that "read, but nothing before the
// moment" can be told from "read".
type Rows struct{ Orders, Waybills, Transactions, Bills int64 }

// Rows counts the rows taken so far.
func (c *Collector) Rows() Rows {
	return Rows{c.orders.rows, c.parcels.rows, c.bank.rows, c.bills.rows}
}

// Facts are what a vector needs beside the rows.
type Facts struct {
	States    map[evidence.Source]evidence.State // effective state of each source
	Report    crosscheck.Report
	Bureau    *evidence.BureauReport
	Registry  *evidence.RegistryRecord
	Applicant verdict.Applicant
	// OrdersAsOf is up to when the marketplace vouches for its orders; zero,
	// or after the moment: up to the moment. What counts from the last order
	// counts from there: a provider that lags is no shop that stands still.
	OrdersAsOf time.Time
	Relations  *verdict.Relations // nil = not read
	BankAsOf   time.Time          // the same for the bank's rows
}

// Vector computes every feature. A source that is empty, down or withheld, or
// stale without a row, leaves its features missing; a stale one with rows
// marks them stale.
func (c *Collector) Vector(facts Facts) Vector {
	vector := newVector()
	source := func(name evidence.Source, rows int64) (writer, bool) {
		state := stateOf(facts.States[name])
		if state == verdict.FeatureStale && rows == 0 {
			state = verdict.FeatureMissing // of old, nothing: that says nothing of now
		}
		return writer{vector, state}, state != verdict.FeatureMissing
	}
	rows := c.Rows()
	if out, read := source(evidence.Marketplace, rows.Orders); read {
		c.orders.write(out)
		c.writeSinceOrder(out, c.vouched(facts.OrdersAsOf))
		writeBuyers(out, &facts.Report.Stats)
		if state := facts.States[evidence.Logistics]; state == evidence.Stale {
			out.state = verdict.FeatureStale
		}
		writeCheck(out, &facts.Report)
	}
	if out, read := source(evidence.Logistics, rows.Waybills); read {
		c.parcels.write(out)
	}
	if out, read := source(evidence.Bank, rows.Transactions); read {
		c.bank.write(out, c.vouched(facts.BankAsOf))
	}
	if out, read := source(evidence.Utility, rows.Bills); read {
		c.bills.write(out)
	}
	if facts.States[evidence.Bureau] == evidence.Empty {
		vector[BureauFound].State = verdict.FeatureKnown // 0: it has answered
	} else if out, read := source(evidence.Bureau, 1); read && facts.Bureau != nil {
		c.writeBureau(out, facts.Bureau)
	}
	if out, read := source(evidence.Registry, 1); read && facts.Registry != nil {
		c.writeRegistry(out, facts.Registry)
	}
	c.writeOwn(writer{vector, verdict.FeatureKnown}, &facts.Applicant)
	writeRelations(writer{vector, verdict.FeatureKnown}, facts.Relations)
	c.writeJoined(vector, &facts)
	return vector
}

func writeBuyers(out writer, stats *crosscheck.Stats) {
	known := stats.Top10Bps >= 0
	out.setIf(known, Buyers365, stats.Buyers)
	out.setIf(known, RepeatBuyers, int64(stats.RepeatBps))
	out.setIf(known, Top10Buyers, int64(stats.Top10Bps))
	out.setIf(known, BuyerHHI, int64(stats.HHIBps))
	out.setIf(known, RepeatRevenue, int64(stats.RepeatRevenueBps))
}

func writeCheck(out writer, report *crosscheck.Report) {
	stats := &report.Stats
	if stats.Orders == 0 {
		return
	}
	out.setIf(stats.BaseTimesBps >= 0, SalesVsBase, int64(stats.BaseTimesBps))
	out.set(VerifiedMonthly, monthly(int64(report.VerifiedRevenue), max(stats.WindowDays, 30)))
	out.set(Verified90, int64(stats.Verified90))
	out.set(FlaggedShare, int64(stats.FlaggedBps))
	if !stats.LogisticsRead {
		return
	}
	claimed := int64(report.ClaimedRevenue)
	for _, deduction := range report.Deductions {
		if deduction.Code == crosscheck.CodeRefunded {
			claimed -= int64(deduction.Amount)
		}
	}
	out.setIf(claimed > 0, VerifiedShare, ratio(int64(report.VerifiedRevenue), max(claimed, 1)))
	out.set(Authenticity, int64(report.ScoreBps))
	out.setIf(stats.CoverageBps >= 0, Coverage, int64(stats.CoverageBps))
}

func (c *Collector) writeBureau(out writer, report *evidence.BureauReport) {
	if !report.Found {
		out.set(BureauFound, 0)
		return
	}
	out.set(BureauFound, 1)
	out.set(BureauOpenLoans, int64(report.OpenLoans))
	out.set(BureauOutstanding, int64(report.Outstanding))
	out.set(BureauMonthlyDebt, int64(report.MonthlyDebt))
	out.set(BureauMaxDPD, int64(report.MaxDPD24M))
	out.set(BureauCurrentDPD, int64(report.CurrentDPD))
	out.set(BureauWrittenOff, int64(report.WrittenOff))
	out.set(BureauInquiries, int64(report.Inquiries90D))
	out.set(BureauCourt, int64(report.CourtRecords))
	age, known := c.days(report.OldestOpenedAt)
	out.setIf(known, BureauAge, age)
}

// noEnd stands for a licence without an end: a hundred years.
const noEnd = 36_500

func (c *Collector) writeRegistry(out writer, record *evidence.RegistryRecord) {
	status := map[evidence.RegistryStatus]int64{
		evidence.RegistryActive: 0, evidence.RegistryAbnormal: 1, evidence.RegistryRevoked: 2, evidence.RegistryClosed: 3,
	}
	code, known := status[record.Status]
	out.setIf(known, LicenceStatus, code)
	age, known := c.days(record.EstablishedAt)
	out.setIf(known, LicenceAge, age)
	left := int64(noEnd)
	if !record.ExpiresAt.IsZero() {
		left = int64(record.ExpiresAt.Sub(c.asOf) / (24 * time.Hour))
	}
	out.set(LicenceLeft, left)
	changed, known := c.days(record.ChangedAt)
	out.setIf(known, LicenceChanged, changed)
	out.setIf(record.RegisteredCapital > 0, LicenceCapital, int64(record.RegisteredCapital))
	for kind, name := range [...]string{"individual", "company", "cooperative"} {
		out.setIf(record.Kind == name, LicenceKind, int64(kind))
	}
}

func (c *Collector) writeOwn(out writer, applicant *verdict.Applicant) {
	out.set(OwnRepaid, applicant.LoansRepaid)
	out.set(OwnExposure, int64(applicant.OpenExposure))
	out.set(OwnDeclines, applicant.DeclinedRecents)
	since, lent := c.days(applicant.FirstLoanAt)
	out.setIf(lent, OwnFirstLoan, since)
	borrowed := lent || applicant.LoansRepaid > 0 || applicant.OpenExposure > 0 || applicant.WorstDPD > 0
	out.setIf(borrowed, OwnWorstDPD, applicant.WorstDPD)
	days, known := c.days(applicant.RegisteredAt)
	out.setIf(known, RegisteredDays, days)
}

package loan

import (
	"slices"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

// CodeProduct marks product data that cannot stand; the fault's field is the
// JSON path.
const CodeProduct fault.Code = "product_invalid"

// DefaultIRRCap is the highest all-in IRR of a product that names none: 24 %.
const DefaultIRRCap money.BasisPoints = 2_400

// Stub says how the first period's interest is counted.
type Stub string

// Stub rules.
const (
	WholeMonth Stub = "whole_month" // one month, however many days
	ActualDays Stub = "actual_days" // its days over the day-count base, where it is not one whole month
)

// Relay says what an early repayment does to the lines that remain.
type Relay string

// Relay rules.
const (
	KeepTenor Relay = "keep_tenor" // as many lines, each smaller
	Shorten   Relay = "shorten"    // lines as large, fewer of them
)

// By says what an allocation goes through first.
type By string

// Ways to go through what is due.
const (
	ByInstalment By = "instalment" // the oldest line in full, in the order of components
	ByComponent  By = "component"  // the first component of all lines, oldest first
)

// Allocation is the order in which money pays what is due.
type Allocation struct {
	By    By          `json:"by"`
	Order []Component `json:"order"` // each component once
}

// Fees of a product; none by default.
type Fees struct {
	UpfrontBps    money.BasisPoints `json:"upfront_bps"`    // of the principal, kept back at payout
	PeriodicBps   money.BasisPoints `json:"periodic_bps"`   // of the principal, with every line
	PrepaymentBps money.BasisPoints `json:"prepayment_bps"` // of the principal repaid early
}

// PenaltyRule is late interest: the contract's rate raised by MarkupBps, on
// overdue principal, by the day.
type PenaltyRule struct {
	MarkupBps  money.BasisPoints `json:"markup_bps"`  // 3,000 to 5,000 of the rate (PBOC [2003] 251); 0 = no late interest
	OnInterest bool              `json:"on_interest"` // also on overdue interest (复利)
	GraceDays  int               `json:"grace_days"`  // days past due that stay free if all is paid within them
}

// Product is a way of lending as data: everything about a loan that is not
// the merchant's. A contract keeps a snapshot, so a new version changes no
// loan.
type Product struct {
	ID           string                `json:"id"`
	Version      int                   `json:"version"` // 1..
	Name         Name                  `json:"name"`
	Repayment    verdict.RepaymentType `json:"repayment"`
	DayCountBase int                   `json:"day_count_base"` // 360 or 365
	MinTenor     int                   `json:"min_tenor_months"`
	MaxTenor     int                   `json:"max_tenor_months"`
	Stub         Stub                  `json:"stub"`
	Penalty      PenaltyRule           `json:"penalty"`
	Fees         Fees                  `json:"fees"`
	Allocation   Allocation            `json:"allocation"`
	// NonPerforming is the order once the loan is over 90 days past due or
	// charged off; absent = the same.
	NonPerforming *Allocation       `json:"non_performing,omitempty"`
	Excess        Excess            `json:"excess"` // of a repayment that does not say
	Relay         Relay             `json:"relay"`
	IRRCapBps     money.BasisPoints `json:"irr_cap_bps"` // all-in, fees included; 0 = DefaultIRRCap
}

// Name is a text in both languages.
type Name struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// IRRCap is the highest all-in IRR a contract may have, in basis points.
func (p *Product) IRRCap() money.BasisPoints {
	if p.IRRCapBps == 0 {
		return DefaultIRRCap
	}
	return p.IRRCapBps
}

// Check reports the first thing wrong with the product as fault.Invalid with
// CodeProduct, its field the JSON path.
func (p *Product) Check() error {
	switch {
	case p.ID == "":
		return fault.Field("id", CodeProduct, "empty")
	case p.Version < 1:
		return fault.Field("version", CodeProduct, "want 1 or more")
	case p.Name.Zh == "" || p.Name.En == "":
		return fault.Field("name", CodeProduct, "want zh and en")
	case p.DayCountBase != 360 && p.DayCountBase != 365:
		return fault.Field("day_count_base", CodeProduct, "want 360 or 365, not %d", p.DayCountBase)
	case p.MinTenor < 1 || p.MinTenor > pricing.MaxTenor:
		return fault.Field("min_tenor_months", CodeProduct, "want 1 to %d, not %d", pricing.MaxTenor, p.MinTenor)
	case p.MaxTenor < p.MinTenor || p.MaxTenor > pricing.MaxTenor:
		return fault.Field("max_tenor_months", CodeProduct, "want %d to %d, not %d", p.MinTenor, pricing.MaxTenor, p.MaxTenor)
	case p.IRRCapBps < 0 || p.IRRCapBps > 10_000:
		return fault.Field("irr_cap_bps", CodeProduct, "want 0 (the default of %d) to 10000, not %d", DefaultIRRCap, p.IRRCapBps)
	}
	if err := p.checkWords(); err != nil {
		return err
	}
	if err := p.checkRates(); err != nil {
		return err
	}
	if err := p.Allocation.check("allocation"); err != nil {
		return err
	}
	if p.NonPerforming != nil {
		return p.NonPerforming.check("non_performing")
	}
	return nil
}

// checkWords checks the fields that hold one of a few words.
func (p *Product) checkWords() error {
	kinds := []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime}
	switch {
	case !slices.Contains(kinds, p.Repayment):
		return fault.Field("repayment", CodeProduct, "want one of %q, not %q", kinds, p.Repayment)
	case p.Stub != WholeMonth && p.Stub != ActualDays:
		return fault.Field("stub", CodeProduct, "want %q or %q, not %q", WholeMonth, ActualDays, p.Stub)
	case p.Repayment == verdict.AnyTime && p.Stub != ActualDays:
		return fault.Field("stub", CodeProduct, "want %q for %q", ActualDays, verdict.AnyTime)
	case !p.Excess.known():
		return fault.Field("excess", CodeProduct, "want %q, %q or %q, not %q", Advance, Prepay, Hold, p.Excess)
	case p.Relay != KeepTenor && p.Relay != Shorten:
		return fault.Field("relay", CodeProduct, "want %q or %q, not %q", KeepTenor, Shorten, p.Relay)
	}
	return nil
}

// checkRates checks fees and penalty.
func (p *Product) checkRates() error {
	switch {
	case p.Penalty.MarkupBps != 0 && (p.Penalty.MarkupBps < 3_000 || p.Penalty.MarkupBps > 5_000):
		return fault.Field("penalty.markup_bps", CodeProduct, "want 0, or 3000 to 5000 of the contract's rate, not %d", p.Penalty.MarkupBps)
	case p.Penalty.GraceDays < 0 || p.Penalty.GraceDays > 30:
		return fault.Field("penalty.grace_days", CodeProduct, "want 0 to 30, not %d", p.Penalty.GraceDays)
	case p.Fees.UpfrontBps < 0 || p.Fees.UpfrontBps > 1_000:
		return fault.Field("fees.upfront_bps", CodeProduct, "want 0 to 1000, not %d", p.Fees.UpfrontBps)
	case p.Fees.PeriodicBps < 0 || p.Fees.PeriodicBps > 200:
		return fault.Field("fees.periodic_bps", CodeProduct, "want 0 to 200, not %d", p.Fees.PeriodicBps)
	case p.Fees.PrepaymentBps < 0 || p.Fees.PrepaymentBps > 500:
		return fault.Field("fees.prepayment_bps", CodeProduct, "want 0 to 500, not %d", p.Fees.PrepaymentBps)
	case p.Repayment == verdict.AnyTime && p.Fees.PrepaymentBps != 0:
		return fault.Field("fees.prepayment_bps", CodeProduct, "want 0: repaying at any time is free")
	}
	return nil
}

func (a *Allocation) check(path string) error {
	if a.By != ByInstalment && a.By != ByComponent {
		return fault.Field(path+".by", CodeProduct, "want %q or %q, not %q", ByInstalment, ByComponent, a.By)
	}
	all := []Component{Penalty, Fee, Interest, Principal}
	sorted := slices.Sorted(slices.Values(a.Order))
	if !slices.Equal(sorted, slices.Sorted(slices.Values(all))) {
		return fault.Field(path+".order", CodeProduct, "want each of %q once, not %q", all, a.Order)
	}
	return nil
}

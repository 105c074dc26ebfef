package loan

import (
	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

// monthParts is the denominator of a month's share of an annual rate in basis
// points.
const monthParts = 120_000

// lay spreads undue over the lines that are not demanded, at the current rate,
// and sets their interest. Fees stay as they are but for lines that are new.
func (r *replay) lay() error {
	rest := r.lines[r.next:]
	var buffer [pricing.MaxTenor]pricing.Line
	laid := buffer[:min(len(rest), len(buffer))]
	if err := pricing.Lay(laid, r.product.Repayment, r.undue, r.rate); err != nil {
		return err
	}
	r.level = laid[0].Total
	if r.product.Repayment == verdict.EqualPrincipal {
		r.level = laid[0].Principal
	}
	periodic := r.contract.Principal.Share(r.product.Fees.PeriodicBps)
	for k := range rest {
		rest[k].owed = Amounts{Principal: laid[k].Principal, Interest: laid[k].Interest, Fee: periodic}
	}
	r.interest()
	return nil
}

// relay spreads undue, less than before, over the lines that remain: as many
// and smaller, or as large and fewer.
func (r *replay) relay() {
	rest := r.lines[r.next:]
	kind := r.product.Repayment
	if r.product.Relay == Shorten && (kind == verdict.EqualInstalments || kind == verdict.EqualPrincipal) {
		out := r.undue
		for k := range rest {
			part := r.level
			if kind == verdict.EqualInstalments {
				part -= r.month(out)
			}
			part = min(max(part, 0), out)
			if k == len(rest)-1 {
				part = out
			}
			rest[k].owed.Principal = part
			out -= part
			if out == 0 {
				r.lines = r.lines[:r.next+k+1]
				break
			}
		}
		r.interest()
		return
	}
	var buffer [pricing.MaxTenor]pricing.Line
	laid := buffer[:len(rest)]
	if pricing.Lay(laid, kind, r.undue, r.rate) != nil {
		return // never: the same terms were laid before, for more
	}
	for k := range rest {
		rest[k].owed.Principal = laid[k].Principal
	}
	r.interest()
}

// interest sets what each line that is not demanded will ask for, as things
// stand.
func (r *replay) interest() {
	out := r.undue
	for k := r.next; k < len(r.lines); k++ {
		at := &r.lines[k]
		at.rate = r.rate
		switch {
		case k == r.next:
			at.owed.Interest = r.fixed + r.running(at.due)
		case r.daily:
			at.owed.Interest = pricing.DailyInterest(out, r.rate, int64(at.due-at.from), r.product.DayCountBase)
		default:
			at.owed.Interest = r.month(out)
		}
		out -= at.owed.Principal
	}
}

// month is a whole month's interest, rounded half up.
func (r *replay) month(out money.Amount) money.Amount {
	return money.MulDiv(out, int64(r.rate), monthParts)
}

// running is the interest of the running period from seg to a day of it: by
// actual days, or as its days' share of a month, rounded half up.
func (r *replay) running(to Date) money.Amount {
	if r.next == len(r.lines) || to <= r.seg || r.undue == 0 {
		return 0
	}
	days := int64(to - r.seg)
	if r.daily || r.stub {
		return pricing.DailyInterest(r.undue, r.rate, days, r.product.DayCountBase)
	}
	at := &r.lines[r.next]
	return money.MulDiv(r.undue, int64(r.rate)*days, monthParts*int64(at.due-at.from))
}

// accrued is the interest of the running period up to a day that is neither
// paid nor forgiven.
func (r *replay) accrued(to Date) money.Amount {
	if r.next == len(r.lines) {
		return 0
	}
	at := &r.lines[r.next]
	return r.fixed + r.running(min(to, at.due)) - at.paid.Interest - at.waived.Interest
}

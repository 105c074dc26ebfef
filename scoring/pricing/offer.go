package pricing

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"loan310/app/money"
	"loan310/scoring/verdict"
)

// Codes of what bounded a limit or ended an offer.
const (
	CodeRevenue     = "limit_revenue"       // verified revenue
	CodeInflow      = "limit_inflow"        // bank inflow
	CodeDebtService = "limit_debt_service"  // what is left for debt service
	CodeAbsolute    = "limit_absolute"      // the lane's highest limit, less what is owed
	CodeEntry       = "limit_entry"         // revenue and inflow are small or not known
	CodeWanted      = "limit_wanted"        // the merchant asked for less
	CodeTooSmall    = "limit_below_minimum" // declines
	CodeNoCapacity  = "no_repay_capacity"   // declines
	CodePriceCap    = "price_capped"        // the rate was lowered to the all-in cap
)

// Codes lists every code above.
func Codes() []string {
	return []string{
		CodeRevenue, CodeInflow, CodeDebtService, CodeAbsolute, CodeEntry, CodeWanted,
		CodeTooSmall, CodeNoCapacity, CodePriceCap,
		CodeLadder, CodeLadderNext, CodeLadderTop, CodeLadderHeld, CodeLadderFell,
	}
}

// Band prices the scores from MinScore up to the next band's.
type Band struct {
	MinScore     int64             `json:"min_score"`
	AnnualRate   money.BasisPoints `json:"annual_rate_bps"`
	RevenueTimes money.BasisPoints `json:"revenue_times_bps"` // limit over verified monthly revenue: 10,000 = one month
	InflowTimes  money.BasisPoints `json:"inflow_times_bps"`  // limit over monthly bank inflow
	// Entry is the limit when neither is known, and the floor where both are
	// small: debt service still bounds it then. 0 = neither.
	Entry money.Amount `json:"entry_fen"`
}

// Plan is a lane's limits.
type Plan struct {
	Bands []Band `json:"bands"` // highest score first; below the last: declined
	// Basis joins revenue and inflow where both are known: "lower", or
	// "higher" for merchants who are weak in one of them by nature.
	Basis        string            `json:"basis"`
	MaxLimit     money.Amount      `json:"max_limit_fen"`
	Margin       money.BasisPoints `json:"margin_bps"`   // of income, free for debt service
	ServiceMonth int               `json:"service_term"` // months over which the limit must be payable
}

// Product is what every offer has in common.
type Product struct {
	MinimumOffer money.Amount            `json:"minimum_offer_fen"`
	Step         money.Amount            `json:"step_fen"` // limits are rounded down to this
	IRRCap       money.BasisPoints       `json:"irr_cap_bps"`
	Fee          money.BasisPoints       `json:"fee_bps"` // of the principal, kept back at payout
	DayCountBase int                     `json:"day_count_base"`
	TenorMonths  []int                   `json:"tenor_months"`
	Repayment    []verdict.RepaymentType `json:"repayment"`
	ValidDays    int                     `json:"valid_days"`
}

// Bases of a plan.
const (
	Lower  = "lower"
	Higher = "higher"
)

// Capacity is what is known of a merchant's means. Nil = not known.
type Capacity struct {
	VerifiedMonthly *money.Amount
	InflowMonthly   *money.Amount
	DebtMonthly     money.Amount // scheduled payments elsewhere
	Exposure        money.Amount // owed to us
	Wanted          money.Amount // 0 = as much as there is
	Ladder          money.Amount // the rung's highest limit; 0 = no ladder
}

// Cap is a limit set from outside: by a rule or a cell of the matrix. One of
// Fen and Bps is set; Bps is of the limit the capacity allows.
type Cap struct {
	Fen    money.Amount
	Bps    money.BasisPoints
	Floor  money.Amount // a share is never less than this
	Reason verdict.Reason
}

// Band gives the band of a score; false below the last.
func (p *Plan) Band(score int64) (Band, bool) {
	for _, band := range p.Bands {
		if score >= band.MinScore {
			return band, true
		}
	}
	return Band{}, false
}

// Limit computes the limit: the least of what revenue, inflow, debt service,
// the lane, the caps and the request allow, rounded down to the step. The
// reasons say what bounded it, caps first. Below the minimum offer the limit
// is 0 and the first reason says so.
func (p *Plan) Limit(product *Product, band Band, capacity Capacity, caps []Cap) (money.Amount, []verdict.Reason) {
	limit, reason := p.basis(band, capacity)
	lower := func(to money.Amount, code string) {
		if to < limit {
			limit, reason = to, verdict.Reason{Code: code}
		}
	}
	if service, known := p.debtService(band, capacity); known {
		lower(service, CodeDebtService)
	}
	lower(max(p.MaxLimit-capacity.Exposure, 0), CodeAbsolute)
	if capacity.Ladder > 0 {
		lower(max(capacity.Ladder-capacity.Exposure, 0), CodeLadder)
	}
	free := limit
	var reasons []verdict.Reason
	for _, outer := range caps {
		to := outer.Fen
		if outer.Bps > 0 {
			to = max(free.Share(outer.Bps), outer.Floor)
		}
		if to >= free {
			continue // this cap took nothing
		}
		limit = min(limit, to)
		capped := outer.Reason
		capped.Args = withArg(capped.Args, "cap_fen", int64(to))
		reasons = append(reasons, capped)
	}
	if limit < free {
		reason.Code = ""
	}
	if capacity.Wanted > 0 {
		// Who wants less than the smallest line may draw less of it.
		lower(max(capacity.Wanted, product.MinimumOffer), CodeWanted)
	}
	limit = limit.FloorTo(product.Step)
	if reason.Code != "" {
		reason.Args = withArg(reason.Args, "limit_fen", int64(limit))
		reasons = append(reasons, reason)
	}
	if limit >= product.MinimumOffer {
		return limit, reasons
	}
	short := verdict.Reason{Code: CodeTooSmall, Args: map[string]int64{"limit_fen": int64(max(limit, 0)), "minimum_fen": int64(product.MinimumOffer)}}
	if limit <= 0 {
		short = verdict.Reason{Code: CodeNoCapacity}
	}
	return 0, append([]verdict.Reason{short}, reasons...)
}

// basis gives what revenue and inflow allow, at least the band's entry limit.
func (p *Plan) basis(band Band, capacity Capacity) (money.Amount, verdict.Reason) {
	limit, reason := p.means(band, capacity)
	if limit < band.Entry {
		return band.Entry, verdict.Reason{Code: CodeEntry}
	}
	return limit, reason
}

func (p *Plan) means(band Band, capacity Capacity) (money.Amount, verdict.Reason) {
	revenue, inflow := capacity.VerifiedMonthly, capacity.InflowMonthly
	switch {
	case revenue == nil && inflow == nil:
		return band.Entry, verdict.Reason{Code: CodeEntry}
	case inflow == nil:
		return revenue.Share(band.RevenueTimes), verdict.Reason{Code: CodeRevenue}
	case revenue == nil:
		return inflow.Share(band.InflowTimes), verdict.Reason{Code: CodeInflow}
	}
	byRevenue, byInflow := revenue.Share(band.RevenueTimes), inflow.Share(band.InflowTimes)
	if (byRevenue <= byInflow) == (p.Basis == Lower) {
		return byRevenue, verdict.Reason{Code: CodeRevenue}
	}
	return byInflow, verdict.Reason{Code: CodeInflow}
}

// debtService gives the limit whose equal monthly payments over the service
// term, simple interest for the whole term included, fit into what income
// leaves after other debt: free * term / (1 + rate * term / 12). Income is the
// bank's word where known, else verified revenue.
func (p *Plan) debtService(band Band, capacity Capacity) (money.Amount, bool) {
	income := capacity.InflowMonthly
	if income == nil || p.Basis == Higher && capacity.VerifiedMonthly != nil && *capacity.VerifiedMonthly > *income {
		income = capacity.VerifiedMonthly
	}
	if income == nil {
		return 0, false
	}
	free := income.Share(p.Margin) - capacity.DebtMonthly
	if free <= 0 {
		return 0, true
	}
	term := int64(p.ServiceMonth)
	return money.MulDiv(free, term*monthlyParts, monthlyParts+int64(band.AnnualRate)*term), true
}

// Price makes the terms of a limit: the band's rate, lowered where the all-in
// IRR of any tenor and repayment type on offer would pass the cap. ErrSchedule
// when no rate keeps the cap.
func (p *Product) Price(limit money.Amount, band Band) (verdict.Terms, []verdict.Reason, error) {
	rate := band.AnnualRate
	for rate >= 0 {
		irr, err := p.allIn(limit, rate)
		if err != nil {
			return verdict.Terms{}, nil, err
		}
		if irr > p.IRRCap {
			rate -= irr - p.IRRCap
			continue
		}
		var reasons []verdict.Reason
		if rate < band.AnnualRate {
			reasons = append(reasons, verdict.Reason{Code: CodePriceCap, Args: map[string]int64{"irr_cap_bps": int64(p.IRRCap)}})
		}
		return verdict.Terms{
			Limit: limit, AnnualRateBps: rate, IRRBps: irr, DayCountBase: p.DayCountBase, ValidDays: p.ValidDays,
			TenorMonths: append([]int(nil), p.TenorMonths...), Repayment: append([]verdict.RepaymentType(nil), p.Repayment...),
		}, reasons, nil
	}
	return verdict.Terms{}, nil, fmt.Errorf("%w: fees alone pass the cap of %d basis points", ErrSchedule, p.IRRCap)
}

// allIn gives the highest IRR among the tenors and repayment types on offer.
// Repayment at any time is simple daily interest, so without fees its rate is
// the nominal one by 365 over the day-count base; with fees its schedule
// decides as well.
func (p *Product) allIn(limit money.Amount, rate money.BasisPoints) (money.BasisPoints, error) {
	var highest money.BasisPoints
	received := limit - limit.Share(p.Fee)
	if slices.Contains(p.Repayment, verdict.AnyTime) { // first: without fees nothing else passes it, which saves schedules
		highest = money.BasisPoints(money.MulDiv(money.Amount(rate), 365, int64(p.DayCountBase)))
	}
	for _, kind := range p.Repayment {
		shape := kind
		if kind == verdict.AnyTime {
			if p.Fee == 0 {
				continue
			}
			shape = verdict.Bullet
		}
		for _, tenor := range p.TenorMonths {
			if err := checkSchedule(shape, limit, rate, tenor, p.DayCountBase); err != nil {
				return 0, err
			}
			if err := checkReceived(received, tenor); err != nil {
				return 0, err
			}
			if received == limit && neverAbove(limit, rate, tenor, highest) {
				continue
			}
			var buffer [MaxTenor]Line
			lines := buffer[:tenor]
			lay(lines, shape, limit, rate)
			if highest < maxIRR && above(received, lines, highest) {
				highest = search(received, lines, max(rate, highest))
			}
		}
	}
	return highest, nil
}

// Validate says what is wrong with the product, naming the field.
func (p *Product) Validate() error {
	switch {
	case p.Step <= 0:
		return errors.New("step_fen: want more than 0")
	case p.MinimumOffer < p.Step:
		return errors.New("minimum_offer_fen: want a step or more")
	case p.IRRCap <= 0 || p.IRRCap > 10_000:
		return errors.New("irr_cap_bps: want 1 to 10000")
	case p.Fee < 0 || p.Fee > 1_000:
		return errors.New("fee_bps: want 0 to 1000")
	case p.DayCountBase != 360 && p.DayCountBase != 365:
		return errors.New("day_count_base: want 360 or 365")
	case len(p.TenorMonths) == 0 || len(p.Repayment) == 0:
		return errors.New("tenor_months and repayment: want one or more of each")
	case p.ValidDays <= 0:
		return errors.New("valid_days: want 1 or more")
	}
	if _, _, err := p.Price(p.MinimumOffer, Band{}); err != nil {
		return fmt.Errorf("tenor_months and repayment: %w", err)
	}
	return nil
}

// Validate says what is wrong with the plan, naming the field.
func (p *Plan) Validate() error {
	switch {
	case len(p.Bands) == 0:
		return errors.New("bands: none")
	case p.Basis != Lower && p.Basis != Higher:
		return fmt.Errorf("basis: want %q or %q", Lower, Higher)
	case p.MaxLimit <= 0 || p.MaxLimit > maxPrincipal:
		return errors.New("max_limit_fen: want more than 0, at most 100000000000")
	case p.Margin <= 0 || p.Margin > 10_000:
		return errors.New("margin_bps: want 1 to 10000")
	case p.ServiceMonth < 1 || p.ServiceMonth > MaxTenor:
		return errors.New("service_term: want 1 to 120")
	}
	for i, band := range p.Bands {
		switch {
		case band.AnnualRate <= 0 || band.AnnualRate > 3_600:
			return fmt.Errorf("bands[%d].annual_rate_bps: want 1 to 3600", i)
		case band.RevenueTimes < 0 || band.InflowTimes < 0 || band.Entry < 0:
			return fmt.Errorf("bands[%d]: negative multiple or entry limit", i)
		case i == 0:
		case band.MinScore >= p.Bands[i-1].MinScore:
			return fmt.Errorf("bands[%d].min_score: must fall from band to band", i)
		case band.AnnualRate < p.Bands[i-1].AnnualRate:
			return fmt.Errorf("bands[%d].annual_rate_bps: a worse score must not pay less", i)
		}
	}
	return nil
}

func withArg(args map[string]int64, name string, value int64) map[string]int64 {
	with := make(map[string]int64, len(args)+1)
	maps.Copy(with, args)
	with[name] = value
	return with
}

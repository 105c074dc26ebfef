package pricing

import (
	"errors"
	"fmt"

	"loan310/app/money"
	"loan310/scoring/verdict"
)

// Codes of where a merchant stands on a ladder.
const (
	CodeLadder     = "limit_ladder" // bounded the limit
	CodeLadderNext = "ladder_next"  // what the next rung needs
	CodeLadderTop  = "ladder_top"
	CodeLadderHeld = "ladder_held" // arrears of old bar the next rung
	CodeLadderFell = "ladder_fell" // a rung lower for as long as something is overdue
)

// Rung is one step of a ladder: what it lends, and the behaviour with us that
// earns it. The first rung asks for nothing.
type Rung struct {
	MaxLimit      money.Amount      `json:"max_limit_fen"`
	Times         money.BasisPoints `json:"times_bps"`       // of the band's multiples and entry limit; 10,000 = as they stand
	LoansRepaid   int64             `json:"loans_repaid"`    // at least, in full
	WorstDPD      int64             `json:"worst_dpd_days"`  // at most, ever with us; not read on the first rung
	FirstLoanDays int64             `json:"first_loan_days"` // at least, since the first loan was paid out
}

// Ladder grows a limit on behaviour, rung by rung. Empty = none.
type Ladder []Rung

// Behaviour is what a merchant did with our loans.
type Behaviour struct {
	LoansRepaid   int64
	WorstDPD      int64
	CurrentDPD    int64
	FirstLoanDays int64 // 0 = none yet
}

func (r *Rung) earned(by Behaviour) bool {
	return by.LoansRepaid >= r.LoansRepaid && by.WorstDPD <= r.WorstDPD && by.FirstLoanDays >= r.FirstLoanDays
}

// Stand gives the highest rung whose conditions hold, one lower while anything
// is overdue, and what the next one needs; with the reason that says so. The
// ladder must not be empty.
func (l Ladder) Stand(by Behaviour) (Rung, verdict.Ladder, verdict.Reason) {
	at := 0
	for at+1 < len(l) && l[at+1].earned(by) {
		at++
	}
	overdue := by.CurrentDPD > 0
	if overdue && at > 0 {
		at--
	}
	rung := l[at]
	stand := verdict.Ladder{Rung: int64(at + 1), Rungs: int64(len(l)), MaxLimit: rung.MaxLimit}
	args := map[string]int64{"rung": stand.Rung, "rungs": stand.Rungs, "max_limit_fen": int64(rung.MaxLimit)}
	switch {
	case overdue:
		args["current_dpd_days"] = by.CurrentDPD
		return rung, stand, verdict.Reason{Code: CodeLadderFell, Args: args}
	case at+1 == len(l):
		return rung, stand, verdict.Reason{Code: CodeLadderTop, Args: args}
	}
	next := &l[at+1]
	args["worst_dpd_days"] = next.WorstDPD
	if by.WorstDPD > next.WorstDPD {
		args["own_worst_dpd_days"] = by.WorstDPD
		return rung, stand, verdict.Reason{Code: CodeLadderHeld, Args: args}
	}
	stand.Next = &verdict.NextRung{
		MaxLimit: next.MaxLimit, WorstDPD: next.WorstDPD,
		LoansToGo: max(next.LoansRepaid-by.LoansRepaid, 0), DaysToGo: max(next.FirstLoanDays-by.FirstLoanDays, 0),
	}
	args["next_limit_fen"], args["loans_to_go"], args["to_go_days"] = int64(next.MaxLimit), stand.Next.LoansToGo, stand.Next.DaysToGo
	return rung, stand, verdict.Reason{Code: CodeLadderNext, Args: args}
}

// Raise gives a band with the rung's multiples.
func (r *Rung) Raise(band Band) Band {
	band.RevenueTimes = raised(band.RevenueTimes, r.Times)
	band.InflowTimes = raised(band.InflowTimes, r.Times)
	band.Entry = money.Amount(raised(money.BasisPoints(band.Entry), r.Times))
	return band
}

func raised(value, times money.BasisPoints) money.BasisPoints {
	return money.BasisPoints(money.MulDiv(money.Amount(value), int64(times), 10_000))
}

const maxTimes = 100_000 // a rung multiplies by ten at most

// Validate says what is wrong with the ladder, naming the rung; highest is the
// plan's limit.
func (l Ladder) Validate(highest money.Amount) error {
	for i, rung := range l {
		var below Rung
		if i > 0 {
			below = l[i-1]
		}
		switch {
		case rung.MaxLimit <= below.MaxLimit || rung.MaxLimit > highest:
			return fmt.Errorf("[%d].max_limit_fen: want more than the rung below and at most the plan's %d", i, highest)
		case rung.Times <= 0 || rung.Times < below.Times || rung.Times > maxTimes:
			return fmt.Errorf("[%d].times_bps: want 1 to %d, no less than the rung below", i, maxTimes)
		case rung.LoansRepaid < below.LoansRepaid || rung.FirstLoanDays < below.FirstLoanDays:
			return fmt.Errorf("[%d]: a higher rung must not ask for fewer loans repaid or days", i)
		case rung.WorstDPD < 0 || i > 1 && rung.WorstDPD > below.WorstDPD:
			return fmt.Errorf("[%d].worst_dpd_days: a higher rung must not forgive more", i)
		}
	}
	if len(l) > 0 && (l[0].LoansRepaid != 0 || l[0].WorstDPD != 0 || l[0].FirstLoanDays != 0) {
		return errors.New("[0]: the first rung asks for nothing: loans_repaid, worst_dpd_days and first_loan_days must be 0")
	}
	return nil
}

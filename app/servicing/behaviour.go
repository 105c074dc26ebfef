package servicing

import (
	"time"

	"loan310/app/clock"
	"loan310/app/servicing/loan"
)

// badDPD is from how many days past due a loan counts as gone bad: it is
// non-performing from the day after.
const badDPD = 90

// Behaviour is what a borrower did with its loans, as was known at a moment.
type Behaviour struct {
	Loans        int // paid out, those whose payout came back left out
	Repaid       int // in full and as agreed: never restructured, never charged off
	DPD          int // days past due, the worst of the loans on which something is owed
	WorstDPD     int // the worst ever, of all loans
	Restructured int // loans ever restructured
	ChargedOff   int // loans ever charged off, recovered or written back since or not
	Bad          int // loans ever charged off or more than 90 days past due
}

// Add counts another loan as it was known at a moment: by events recorded by
// then that count from its day or an earlier one. What was recorded or
// happened later changes nothing. A loan opened later, or whose payout came
// back, is left out.
func (b *Behaviour) Add(record *Record, at time.Time) error {
	if record.Loan.State == StateCancelled || record.Loan.OpenedAt.After(at) {
		return nil
	}
	day := max(loan.DateOf(at, clock.Lender()), record.Loan.Contract.DisbursedOn)
	var events []loan.Event
	for i := range record.Events {
		if event := &record.Events[i].Event; event.On <= day && !event.At.After(at) {
			events = append(events, *event)
		}
	}
	position, _, err := loan.Replay(record.Loan.Contract, events, day)
	if err != nil {
		return err
	}
	worst := max(position.WorstDPD, position.DPD)
	b.Loans++
	b.WorstDPD = max(b.WorstDPD, worst)
	chargedOff := position.ChargedOffOn != 0
	if position.State != loan.Closed {
		b.DPD = max(b.DPD, position.DPD)
	} else if position.Restructured == 0 && !chargedOff {
		b.Repaid++
	}
	b.Restructured += one(position.Restructured > 0)
	b.ChargedOff += one(chargedOff)
	b.Bad += one(chargedOff || worst > badDPD)
	return nil
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

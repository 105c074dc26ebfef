package servicing

import (
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// Open gives the first state of a loan whose drawdown was paid, to be stored
// with it. It books nothing: the payout's journals are the drawdown's.
func Open(contract loan.Contract, lineID string, at time.Time) (Update, error) {
	record := Record{Loan: Loan{
		ID: contract.LoanID, LineID: lineID, MerchantID: contract.MerchantID, Contract: contract, OpenedAt: at, Version: 1,
	}}
	return plan(&record, nil, contract.DisbursedOn, at, "opened")
}

// plan replays a record with one more event (nil: none) through a day and
// gives what is to be stored. It is pure: the same record gives the same plan.
func plan(record *Record, event *Recorded, through loan.Date, at time.Time, cause string) (Update, error) {
	if record.Loan.State == StateCancelled {
		return Update{}, fault.New(fault.Conflict, CodeCancelled, "the payout of this loan came back; it never was")
	}
	through = max(through, record.Loan.Through)
	events := record.events()
	if event != nil {
		events = append(events, event.Event)
	}
	position, entries, err := loan.Replay(record.Loan.Contract, events, through)
	if err != nil {
		return Update{}, err
	}
	return Update{
		Event: event, Position: position, Loan: stand(record.Loan, &position), Journals: journals(record, entries, at, cause),
	}, nil
}

// Cancel gives what becomes of a loan whose payout came back: it never was.
// All it has booked is reversed; money that moved nevertheless is the
// merchant's credit.
func Cancel(record *Record, at time.Time) Update { return cancel(record, at, "cancelled") }

func cancel(record *Record, at time.Time, cause string) Update {
	entries := cancelledEntries(record)
	position := loan.Position{
		LoanID: record.Loan.ID, On: max(loan.DateOf(at, clock.Lender()), record.Loan.Through), State: StateCancelled, Class: loan.Normal,
		Credit: creditOf(entries),
	}
	return Update{Position: position, Loan: stand(record.Loan, &position), Journals: journals(record, entries, at, cause)}
}

// cancelledEntries are what a loan that never was has booked: the money that
// moved.
func cancelledEntries(record *Record) []loan.Entry {
	gone := map[string]bool{}
	for i := range record.Events {
		if record.Events[i].Kind == loan.Reversal {
			gone[record.Events[i].ReversesID] = true
		}
	}
	var entries []loan.Entry
	for i := range record.Events {
		event := &record.Events[i]
		amount := event.Amount
		switch event.Kind {
		case loan.Repayment, loan.Recovered:
		case loan.Refund:
			amount = -amount
		default:
			continue
		}
		if gone[event.ID] {
			continue
		}
		account := event.Account
		if account == "" {
			account = ledger.Settlement
		}
		entries = append(entries, loan.Entry{Key: "cancelled:" + event.ID, On: event.On, Kind: "cancelled", Postings: []ledger.Posting{
			{Account: account, Amount: amount}, {Account: ledger.BorrowerCredit, Amount: -amount},
		}})
	}
	return entries
}

// Recompute tells how a loan's standing journals differ from what its events
// say up to the day it is booked through, nothing where the books are right,
// and what principal is outstanding by them.
func Recompute(record *Record) (loan.Changes, money.Amount, error) {
	if record.Loan.State == StateCancelled {
		return loan.Diff(record.Booked, cancelledEntries(record)), 0, nil
	}
	position, entries, err := loan.Replay(record.Loan.Contract, record.events(), record.Loan.Through)
	if err != nil {
		return loan.Changes{}, 0, err
	}
	return loan.Diff(record.Booked, entries), position.Outstanding.Principal, nil
}

// journals brings a loan's books to the entries that are wanted.
func journals(record *Record, entries []loan.Entry, at time.Time, cause string) []Journal {
	var made []Journal
	changes := loan.Diff(record.Booked, entries)
	subject := "loan/" + record.Loan.ID
	for _, old := range changes.Reverse {
		original := ledger.Journal{ID: old.JournalID, Key: loan.JournalKey(record.Loan.ID, old.Key, old.Revision), Subject: subject, Postings: old.Postings}
		made = append(made, Journal{
			Journal:  original.Reverse(ident.DerivedID(old.JournalID, "reversed"), at),
			EntryKey: old.Key, Revision: old.Revision, On: old.On, Cause: cause,
		})
	}
	for _, wanted := range changes.Book {
		key := loan.JournalKey(record.Loan.ID, wanted.Key, wanted.Revision)
		made = append(made, Journal{
			Journal: ledger.Journal{
				ID: ident.DerivedID("journal", key), Key: key, Subject: subject, Kind: wanted.Kind, BookedAt: at, Postings: wanted.Postings,
			},
			EntryKey: wanted.Key, Revision: wanted.Revision, On: wanted.On, Cause: cause,
		})
	}
	return made
}

// stand brings a loan's stored position up to date.
func stand(l Loan, p *loan.Position) Loan {
	l.Through, l.Wake, l.State = p.On, wake(p), p.State
	l.Outstanding, l.Due, l.Overdue = p.Outstanding.Principal, p.Due.Total(), p.Overdue.Total()
	l.Credit, l.WrittenOff, l.Recovered = p.Credit, p.WrittenOff.Principal, p.Recovered
	l.ChargedOff, l.RecoveredPrincipal = p.ChargedOff, p.RecoveredPrincipal
	l.DPD, l.WorstDPD, l.Class = p.DPD, p.WorstDPD, p.Class
	l.NextDue, l.NextAmount = p.NextDue, p.NextAmount
	return l
}

// Headroom gives how much of a loan's principal the line should have back:
// what is no longer owed, on the books or off them.
func Headroom(l *Loan) money.Amount {
	if l.State == StateCancelled {
		return l.Released // the drawdown's own reversal gives back the rest
	}
	principal := l.Contract.Principal
	return principal - min(principal, l.Outstanding+l.WrittenOff)
}

// wake gives the first day after the position's on which books or position
// change by themselves: daily while anything is overdue, at the next demand,
// and when an observation ends. 0 = never.
func wake(p *loan.Position) loan.Date {
	var day loan.Date
	sooner := func(other loan.Date) {
		if other > p.On && (day == 0 || other < day) {
			day = other
		}
	}
	for i := range p.Instalments {
		if !p.Instalments[i].Demanded {
			sooner(p.Instalments[i].DueOn)
			break
		}
	}
	if p.State == loan.Closed {
		return day // lines prepaid in full may still be demanded
	}
	if p.Due.Total() > 0 || p.WrittenOff.Total() > 0 {
		sooner(p.On + 1)
	}
	if p.ObservedUntil != 0 {
		sooner(p.ObservedUntil + 1)
	}
	return day
}

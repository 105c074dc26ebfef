package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/portfolio"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// standRow is what a month's end asks of a loan.
type standRow struct {
	ID                    string
	MerchantID            string
	PrincipalFen          int64
	DisbursedOn           int32
	ThroughOn             int32
	WakeOn                *int32
	State                 string
	OutstandingFen        int64
	ChargedOffFen         int64
	RecoveredPrincipalFen int64
	DPD                   int `gorm:"column:dpd"`
	WorstDPD              int `gorm:"column:worst_dpd"`
	Class                 string
}

const standColumns = `id, merchant_id, principal_fen, disbursed_on, through_on, wake_on, state, outstanding_fen, charged_off_fen,
	recovered_principal_fen, dpd, worst_dpd, class`

// domain gives the row as a loan, with what a month's end asks.
func (r *standRow) domain() servicing.Loan {
	return servicing.Loan{
		ID: r.ID, MerchantID: r.MerchantID, State: loan.State(r.State), Outstanding: money.Amount(r.OutstandingFen),
		ChargedOff: money.Amount(r.ChargedOffFen), RecoveredPrincipal: money.Amount(r.RecoveredPrincipalFen),
		DPD: r.DPD, WorstDPD: r.WorstDPD, Class: loan.Class(r.Class),
	}
}

// stands tells whether the stored row is how the loan stood at the end of a
// day: it was not brought further, and nothing happens to it by itself up to
// then.
func (r *standRow) stands(day loan.Date) bool {
	wake := dateOf(r.WakeOn)
	return loan.Date(r.ThroughOn) <= day && (wake == 0 || wake > day)
}

// Keep stores how loans of a part stood at the end of its day, with the class
// of their borrowers then. Events are never changed, so that a loan brought
// further is replayed without being locked.
func (s days) Keep(ctx context.Context, part servicing.DayPart, after string, limit int, now, until time.Time, stand func(*servicing.Record) (servicing.Loan, error)) (servicing.Kept, error) {
	var kept servicing.Kept
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		kept = servicing.Kept{Last: after}
		year, month, _ := part.Day.Civil()
		before := loan.NewDate(year, month, 1) - 1
		rows, err := query[standRow](ctx, tx, "SELECT "+standColumns+` FROM loans WHERE id IN (SELECT id FROM (
			SELECT id FROM loans WHERE part = ? AND state IN ('active', 'charged_off') AND id > ?
			UNION ALL SELECT id FROM loans WHERE part = ? AND state = 'closed' AND through_on > ? AND id > ?) AS due ORDER BY id`+limited(limit)+`)
			ORDER BY id`, part.Part, after, part.Part, int32(before), after)
		if err != nil {
			return err
		}
		problem := ""
		if len(rows) > 0 {
			kept.Last, kept.More = rows[len(rows)-1].ID, len(rows) == limit
			if problem, err = s.keep(ctx, tx, rows, part.Day, stand, &kept); err != nil {
				return err
			}
		}
		leased, err := exec(ctx, tx, `UPDATE eod_runs SET lease_until = ?, snapshots = snapshots + ?, failed = failed + ?,
			error = CASE WHEN CAST(? AS TEXT) = '' THEN error ELSE CAST(? AS TEXT) END WHERE day = ? AND part = ? AND owner = ? AND state = 'open'`,
			until.UnixMicro(), kept.Loans, kept.Failed, problem, problem, int32(part.Day), part.Part, part.Owner)
		if err == nil && leased == 0 {
			err = fault.New(fault.Conflict, servicing.CodeLeaseLost, "another process closes this part of the day")
		}
		return err
	})
	return kept, failed("keeping a month's end", err)
}

// keep stores the month's end of loans; one that cannot be replayed is left
// out, and is given as text.
func (s days) keep(ctx context.Context, tx *gorm.DB, rows []standRow, day loan.Date, stand func(*servicing.Record) (servicing.Loan, error), kept *servicing.Kept) (string, error) {
	merchants := make([]string, len(rows))
	for i := range rows {
		merchants[i] = rows[i].MerchantID
	}
	in, args := among(merchants)
	// The borrower's class is that of all its loans, which are of other parts.
	all, err := query[standRow](ctx, tx, "SELECT "+standColumns+" FROM loans WHERE merchant_id IN "+in+
		" AND disbursed_on <= ? AND (state IN ('active', 'charged_off') OR (state = 'closed' AND through_on > ?))", append(args, int32(day), int32(day))...)
	if err != nil {
		return "", err
	}
	stood, problem, err := s.stood(ctx, tx, append(all, rows...), day, stand)
	if err != nil {
		return "", err
	}
	standings := map[string][]loan.Standing{}
	for i := range all {
		if l, ok := stood[all[i].ID]; ok {
			standings[l.MerchantID] = append(standings[l.MerchantID], loan.Standing{Open: l.State != loan.Closed, DPD: l.DPD, WorstDPD: l.WorstDPD, Class: l.Class})
		}
	}
	month := monthOf(day)
	snapshots := make([]portfolio.Snapshot, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		if loan.Date(row.DisbursedOn) > day {
			continue
		}
		l, ok := stood[row.ID]
		if !ok {
			kept.Failed++
			continue
		}
		class := loan.Normal
		if l.State != loan.Closed {
			class = loan.ClassifyBorrower(standings[l.MerchantID]).Class
		}
		snapshots = append(snapshots, portfolio.Snapshot{
			LoanID: l.ID, Month: month, Cohort: monthOf(loan.Date(row.DisbursedOn)), OnDay: int(day), Disbursed: money.Amount(row.PrincipalFen),
			Outstanding: l.Outstanding, DPD: l.DPD, Class: portfolio.Class(class), State: snapshotState(l.State),
			ChargedOff: l.ChargedOff, Recovered: l.RecoveredPrincipal,
		})
	}
	kept.Loans = len(snapshots)
	return problem, putSnapshots(ctx, tx, snapshots)
}

// stood gives loans as they stood at the end of a day, by id: as stored where
// that is it, else by replay. What cannot be replayed is missing and given as
// text.
func (s days) stood(ctx context.Context, tx *gorm.DB, rows []standRow, day loan.Date, stand func(*servicing.Record) (servicing.Loan, error)) (map[string]servicing.Loan, string, error) {
	stood := make(map[string]servicing.Loan, len(rows))
	var moved []string
	for i := range rows {
		switch row := &rows[i]; {
		case loan.Date(row.DisbursedOn) > day:
		case row.stands(day):
			stood[row.ID] = row.domain()
		default:
			moved = append(moved, row.ID)
		}
	}
	if len(moved) == 0 {
		return stood, "", nil
	}
	in, args := among(moved)
	found, err := query[loanRow](ctx, tx, "SELECT * FROM loans WHERE id IN "+in, args...)
	if err != nil {
		return nil, "", err
	}
	records, _, err := eventsOf(ctx, tx, found)
	if err != nil {
		return nil, "", err
	}
	problem := ""
	for i := range records {
		id := records[i].Loan.ID
		if stood[id], err = stand(&records[i]); err != nil {
			delete(stood, id)
			problem = "loan " + id + ": " + string(fault.CodeOf(err))
			s.db.logger.ErrorContext(ctx, "a loan's month end was not kept", "loan_id", id, "error", err)
		}
	}
	return stood, problem, nil
}

// monthOf gives the month of a day.
func monthOf(day loan.Date) portfolio.Month {
	year, month, _ := day.Civil()
	return portfolio.MonthOf(time.Date(year, time.Month(month), 1, 0, 0, 0, 0, clock.Lender()))
}

func snapshotState(state loan.State) portfolio.State {
	switch state {
	case loan.Closed:
		return portfolio.Settled
	case loan.WrittenOff:
		return portfolio.ChargedOff
	default:
		return portfolio.Active
	}
}

package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/money"
	"loan310/app/servicing/collection"
	"loan310/app/servicing/loan"
)

type debitCaseRow struct {
	ID         string
	Key        string
	LoanID     string
	Reason     string
	State      string
	Owner      string
	OpenedAt   moment
	Outcome    string
	Reference  string
	Note       string
	ProposedBy string
	ProposedAt moment
	ClosedBy   string
	ClosedAt   moment
}

func (r *debitCaseRow) domain() collection.Case {
	return collection.Case{
		ID: r.ID, Key: r.Key, LoanID: r.LoanID, Reason: collection.CaseReason(r.Reason), State: collection.CaseState(r.State), Owner: r.Owner,
		OpenedAt: r.OpenedAt.Time, Outcome: collection.Outcome(r.Outcome), Reference: r.Reference, Note: r.Note,
		ProposedBy: r.ProposedBy, ProposedAt: r.ProposedAt.Time, ClosedBy: r.ClosedBy, ClosedAt: r.ClosedAt.Time,
	}
}

// storeCase opens the case of a step, and closes that of a debit the rail has
// answered for.
func (s debits) storeCase(ctx context.Context, tx *gorm.DB, step *collection.Step) error {
	if c := step.Case; c != nil {
		_, err := exec(ctx, tx, `INSERT INTO debit_cases (id, key, loan_id, reason, state, owner, opened_at, outcome, reference, note, proposed_by, closed_by)
			VALUES (?, ?, ?, ?, 'open', '', ?, '', '', '', '', '') ON CONFLICT DO NOTHING`, c.ID, c.Key, c.LoanID, string(c.Reason), at(c.OpenedAt))
		return err
	}
	if !step.Settled || step.Debit == nil {
		return nil
	}
	_, err := exec(ctx, tx, `UPDATE debit_cases SET state = 'closed', outcome = 'rail_answered', closed_by = 'rail', closed_at = ?
		WHERE key = ? AND state <> 'closed'`, at(step.Debit.SettledAt), step.Debit.Key)
	return err
}

// Case gives one case.
func (s debits) Case(ctx context.Context, id string) (collection.Case, error) {
	row, err := queryOne[debitCaseRow](ctx, s.db.engine.reader(), "SELECT * FROM debit_cases WHERE id = ?", id)
	if err != nil {
		return collection.Case{}, failed("reading a case", missing("case", err))
	}
	return row.domain(), nil
}

// Cases lists those not closed, oldest first.
func (s debits) Cases(ctx context.Context, limit int) ([]collection.Case, error) {
	rows, err := query[debitCaseRow](ctx, s.db.engine.reader(), "SELECT * FROM debit_cases WHERE state <> 'closed' ORDER BY opened_at, id"+limited(limit))
	list := make([]collection.Case, len(rows))
	for i := range rows {
		list[i] = rows[i].domain()
	}
	return list, failed("listing cases", err)
}

// ChangeCase stores a case where it still stands as the caller saw it.
func (s debits) ChangeCase(ctx context.Context, c collection.Case, from collection.CaseState, entry audit.Entry) error {
	return s.db.changeCase(ctx, "debit_cases", c.ID, string(from), caseChange{
		State: string(c.State), Owner: c.Owner, Outcome: string(c.Outcome), Reference: c.Reference, Note: c.Note,
		ProposedBy: c.ProposedBy, ProposedAt: c.ProposedAt, ClosedBy: c.ClosedBy, ClosedAt: c.ClosedAt,
	}, entry)
}

type noticeRow struct {
	LoanID     string
	Line       int
	Kind       string
	MerchantID string
	Template   string
	DueOn      int32
	AmountFen  int64
	State      string
	PlannedAt  moment
	SentAt     moment
}

func notices(rows []noticeRow) []collection.Notice {
	list := make([]collection.Notice, len(rows))
	for i, r := range rows {
		list[i] = collection.Notice{
			LoanID: r.LoanID, MerchantID: r.MerchantID, Line: r.Line, Kind: r.Kind, Template: r.Template, DueOn: loan.Date(r.DueOn),
			Amount: money.Amount(r.AmountFen), State: collection.NoticeState(r.State), At: r.PlannedAt.Time, SentAt: r.SentAt.Time,
		}
	}
	return list
}

// storeNotice plans a reminder once.
func storeNotice(ctx context.Context, tx *gorm.DB, n *collection.Notice) error {
	_, err := exec(ctx, tx, `INSERT INTO loan_notices (loan_id, line, kind, merchant_id, template, due_on, amount_fen, state, planned_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, 'planned', ?) ON CONFLICT DO NOTHING`,
		n.LoanID, n.Line, n.Kind, n.MerchantID, n.Template, int32(n.DueOn), int64(n.Amount), at(n.At))
	return err
}

// LinesDue lists lines due on a day that a kind was not planned for.
func (s debits) LinesDue(ctx context.Context, on loan.Date, kind string, after collection.LineRef, limit int) ([]collection.LineRef, error) {
	type refRow struct {
		LoanID string
		Number int
	}
	rows, err := query[refRow](ctx, s.db.engine.reader(), `SELECT i.loan_id, i.number FROM loan_instalments i JOIN loans l ON l.id = i.loan_id
		WHERE i.due_on = ? AND i.unpaid_fen > 0 AND l.state = 'active' AND (i.loan_id, i.number) > (?, ?)
		AND NOT EXISTS (SELECT 1 FROM loan_notices n WHERE n.loan_id = i.loan_id AND n.line = i.number AND n.kind = ?)
		ORDER BY i.loan_id, i.number`+limited(limit), int32(on), after.LoanID, after.Line, kind)
	list := make([]collection.LineRef, len(rows))
	for i, r := range rows {
		list[i] = collection.LineRef{LoanID: r.LoanID, Line: r.Number}
	}
	return list, failed("looking for lines to remind of", err)
}

// PlannedNotices lists those not known to be sent.
func (s debits) PlannedNotices(ctx context.Context, limit int) ([]collection.Notice, error) {
	rows, err := query[noticeRow](ctx, s.db.engine.reader(), "SELECT * FROM loan_notices WHERE state = 'planned' ORDER BY planned_at, loan_id, line, kind"+limited(limit))
	return notices(rows), failed("listing planned reminders", err)
}

// MarkNotice moves a planned notice on; one moved already stays.
func (s debits) MarkNotice(ctx context.Context, n collection.Notice, state collection.NoticeState, now time.Time) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "UPDATE loan_notices SET state = ?, sent_at = ? WHERE loan_id = ? AND line = ? AND kind = ? AND state = 'planned'",
			string(state), at(now), n.LoanID, n.Line, n.Kind)
		return err
	})
	return failed("marking a reminder", err)
}

// NoticesOf lists a loan's reminders, oldest first.
func (s debits) NoticesOf(ctx context.Context, loanID string) ([]collection.Notice, error) {
	rows, err := query[noticeRow](ctx, s.db.engine.reader(), "SELECT * FROM loan_notices WHERE loan_id = ? ORDER BY planned_at, line, kind", loanID)
	return notices(rows), failed("listing reminders", err)
}

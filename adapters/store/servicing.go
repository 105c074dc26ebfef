package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/migrations"
)

// Servicing gives the store of loans. Rows are always locked in one order:
// drawdown, payout, loan, line, borrower; several of a kind by id.
func (db *DB) Servicing() servicing.Store { return loans{db} }

type loans struct{ db *DB }

type loanRow struct {
	ID             string
	Version        int64
	LineID         string
	MerchantID     string
	Part           int
	Contract       document[loan.Contract]
	PrincipalFen   int64
	ReleasedFen    int64
	DisbursedOn    int32
	OpenedAt       moment
	ThroughOn      int32
	WakeOn         *int32
	State          string
	OutstandingFen int64
	DueFen         int64
	OverdueFen     int64
	CreditFen      int64
	WrittenOffFen  int64
	RecoveredFen   int64
	ChargedOffFen  int64
	DPD            int `gorm:"column:dpd"`
	WorstDPD       int `gorm:"column:worst_dpd"`
	Class          string
	NextDue        *int32
	NextDueFen     int64

	RecoveredPrincipalFen int64
}

func (loanRow) TableName() string { return "loans" }

func (r *loanRow) domain() servicing.Loan {
	return servicing.Loan{
		ID: r.ID, Version: r.Version, LineID: r.LineID, MerchantID: r.MerchantID, Contract: r.Contract.of,
		Released: money.Amount(r.ReleasedFen), OpenedAt: r.OpenedAt.Time, Through: loan.Date(r.ThroughOn), Wake: dateOf(r.WakeOn),
		State: loan.State(r.State), Outstanding: money.Amount(r.OutstandingFen), Due: money.Amount(r.DueFen), Overdue: money.Amount(r.OverdueFen),
		Credit: money.Amount(r.CreditFen), WrittenOff: money.Amount(r.WrittenOffFen), Recovered: money.Amount(r.RecoveredFen),
		DPD: r.DPD, WorstDPD: r.WorstDPD, Class: loan.Class(r.Class), NextDue: dateOf(r.NextDue), NextAmount: money.Amount(r.NextDueFen),
		ChargedOff: money.Amount(r.ChargedOffFen), RecoveredPrincipal: money.Amount(r.RecoveredPrincipalFen),
	}
}

// dateOf reads a day that may be none.
func dateOf(stored *int32) loan.Date {
	if stored == nil {
		return 0
	}
	return loan.Date(*stored)
}

// dayOrNull stores a day, NULL for none.
func dayOrNull(day loan.Date) *int32 {
	if day == 0 {
		return nil
	}
	stored := int32(day)
	return &stored
}

// forUpdate locks what a query reads; SQLite has one writer at a time.
func (db *DB) forUpdate(how string) string {
	if db.dialect == migrations.Postgres {
		return " FOR UPDATE" + how
	}
	return ""
}

// Loan gives one loan.
func (s loans) Loan(ctx context.Context, id string) (servicing.Loan, error) {
	row, err := queryOne[loanRow](ctx, s.db.engine.reader(), "SELECT * FROM loans WHERE id = ?", id)
	if err != nil {
		return servicing.Loan{}, failed("reading a loan", missing("loan", err))
	}
	return row.domain(), nil
}

// LoansOf lists a merchant's loans, newest first.
func (s loans) LoansOf(ctx context.Context, merchantID string, p servicing.Page) ([]servicing.Loan, string, error) {
	page, err := newPage(p.Cursor, p.Limit)
	if err != nil {
		return nil, "", failed("listing loans", err)
	}
	where, args := page.where([]string{"merchant_id = ?"}, []any{merchantID}, "opened_at")
	rows, err := query[loanRow](ctx, s.db.engine.reader(),
		"SELECT * FROM loans"+and(where)+" ORDER BY opened_at DESC, id DESC"+limited(page.limit+1), args...)
	if err != nil {
		return nil, "", failed("listing loans", err)
	}
	next := ""
	if len(rows) > page.limit {
		rows = rows[:page.limit]
		last := &rows[len(rows)-1]
		next = cursor(last.OpenedAt.Time, last.ID)
	}
	list := make([]servicing.Loan, len(rows))
	for i := range rows {
		list[i] = rows[i].domain()
	}
	return list, next, nil
}

// Record gives a loan with its events and journals.
func (s loans) Record(ctx context.Context, id string) (servicing.Record, error) {
	var record servicing.Record
	err := s.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[loanRow](ctx, tx, "SELECT * FROM loans WHERE id = ?", id)
		if err != nil {
			return missing("loan", err)
		}
		records, err := recordsOf(ctx, tx, []loanRow{row})
		if err == nil {
			record = records[0]
		}
		return err
	})
	return record, failed("reading a loan", err)
}

type loanEventRow struct {
	LoanID      string
	PayloadHash string
	Event       document[loan.Event]
}

type bookedRow struct {
	LoanID        string
	JournalID     string
	EntryKey      string
	Revision      int
	OnDay         int32
	ReversedCause *string
	Account       *string
	AmountFen     *int64
}

// eventsOf reads loans with their events, and gives them by id as well.
func eventsOf(ctx context.Context, tx *gorm.DB, rows []loanRow) ([]servicing.Record, map[string]*servicing.Record, error) {
	records := make([]servicing.Record, len(rows))
	byID := make(map[string]*servicing.Record, len(rows))
	ids := make([]string, len(rows))
	for i := range rows {
		records[i].Loan = rows[i].domain()
		byID[rows[i].ID], ids[i] = &records[i], rows[i].ID
	}
	in, args := among(ids)
	events, err := query[loanEventRow](ctx, tx, "SELECT loan_id, payload_hash, event FROM loan_events WHERE loan_id IN "+in+" ORDER BY loan_id, seq", args...)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range events {
		record := byID[row.LoanID]
		record.Events = append(record.Events, servicing.Recorded{Event: row.Event.of, PayloadHash: row.PayloadHash})
	}
	return records, byID, nil
}

// recordsOf reads events and journals of locked or frozen loans.
func recordsOf(ctx context.Context, tx *gorm.DB, rows []loanRow) ([]servicing.Record, error) {
	records, byID, err := eventsOf(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	in, args := among(ids)
	booked, err := query[bookedRow](ctx, tx, `SELECT b.loan_id, b.journal_id, b.entry_key, b.revision, b.on_day, b.reversed_cause, p.account, p.amount_fen
		FROM loan_journals b LEFT JOIN postings p ON p.journal_id = b.journal_id AND b.reversed_cause IS NULL
		WHERE b.loan_id IN `+in+" ORDER BY b.loan_id, b.entry_key, b.revision, p.n", args...)
	if err != nil {
		return nil, err
	}
	for _, row := range booked {
		record := byID[row.LoanID]
		last := len(record.Booked) - 1
		if last < 0 || record.Booked[last].JournalID != row.JournalID {
			record.Booked = append(record.Booked, loan.Booked{
				JournalID: row.JournalID, Key: row.EntryKey, Revision: row.Revision, On: loan.Date(row.OnDay), Reversed: row.ReversedCause != nil,
			})
			last++
		}
		if row.Account != nil && row.AmountFen != nil {
			record.Booked[last].Postings = append(record.Booked[last].Postings,
				ledger.Posting{Account: ledger.Account(*row.Account), Amount: money.Amount(*row.AmountFen)})
		}
	}
	return records, nil
}

// among gives "(?, ?, …)" and its values, for one id or padded to a power of
// two, so that few different statements are prepared.
func among(ids []string) (string, []any) {
	size := 1
	for size < len(ids) {
		size *= 2
	}
	args := make([]any, size)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	return "(?" + strings.Repeat(", ?", size-1) + ")", args
}

// Journals lists what was booked about a loan.
func (s loans) Journals(ctx context.Context, id string) ([]servicing.Journal, error) {
	type lineRow struct {
		ID         string
		Key        string
		Subject    string
		Kind       string
		ReversesID *string
		BookedAt   moment
		EntryKey   string
		Revision   int
		OnDay      int32
		Cause      string
		Account    string
		AmountFen  int64
	}
	rows, err := query[lineRow](ctx, s.db.engine.reader(), `SELECT j.id, j.key, j.subject, j.kind, j.reverses_id, j.booked_at,
		b.entry_key, b.revision, b.on_day, CASE WHEN j.reverses_id IS NULL THEN b.cause ELSE COALESCE(b.reversed_cause, '') END AS cause,
		p.account, p.amount_fen
		FROM journals j JOIN loan_journals b ON b.journal_id = COALESCE(j.reverses_id, j.id) JOIN postings p ON p.journal_id = j.id
		WHERE j.subject = ? ORDER BY j.booked_at, CASE WHEN j.reverses_id IS NULL THEN 1 ELSE 0 END, b.on_day, b.entry_key, j.id, p.n`, "loan/"+id)
	if err != nil {
		return nil, failed("listing a loan's journals", err)
	}
	journals := []servicing.Journal{}
	for _, row := range rows {
		if last := len(journals) - 1; last < 0 || journals[last].ID != row.ID {
			journals = append(journals, servicing.Journal{
				Journal: journalOf(journalRow{row.ID, row.Key, row.Subject, row.Kind, row.ReversesID, row.BookedAt}, nil), EntryKey: row.EntryKey, Revision: row.Revision, On: loan.Date(row.OnDay), Cause: row.Cause,
			})
		}
		last := &journals[len(journals)-1]
		last.Postings = append(last.Postings, ledger.Posting{Account: ledger.Account(row.Account), Amount: money.Amount(row.AmountFen)})
	}
	return journals, nil
}

type borrowerRow struct {
	MerchantID   string
	Class        string
	DPD          int `gorm:"column:dpd"`
	WorstDPD     int `gorm:"column:worst_dpd"`
	ClassifiedAt moment
}

// Borrower gives a merchant's class.
func (s loans) Borrower(ctx context.Context, merchantID string) (servicing.Borrower, error) {
	row, err := queryOne[borrowerRow](ctx, s.db.engine.reader(), "SELECT * FROM borrowers WHERE merchant_id = ?", merchantID)
	if none(err) {
		return servicing.Borrower{MerchantID: merchantID, Class: loan.Normal}, nil
	}
	if err != nil {
		return servicing.Borrower{}, failed("reading a borrower", err)
	}
	return servicing.Borrower{
		MerchantID: row.MerchantID, Class: loan.Class(row.Class), DPD: row.DPD, WorstDPD: row.WorstDPD, ClassifiedAt: row.ClassifiedAt.Time,
	}, nil
}

type proposalRow struct {
	ID         string
	LoanID     string
	Kind       string
	Reason     string
	State      string
	ProposedBy string
	ProposedAt moment
	DecidedBy  string
	DecidedAt  moment
}

func (r proposalRow) domain() servicing.Proposal {
	return servicing.Proposal{
		ID: r.ID, LoanID: r.LoanID, Kind: r.Kind, Reason: r.Reason, State: r.State,
		ProposedBy: r.ProposedBy, ProposedAt: r.ProposedAt.Time, DecidedBy: r.DecidedBy, DecidedAt: r.DecidedAt.Time,
	}
}

// Propose stores a proposal, or gives the one there is.
func (s loans) Propose(ctx context.Context, p servicing.Proposal, entry audit.Entry) (servicing.Proposal, error) {
	stored := p
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		inserted, err := exec(ctx, tx, `INSERT INTO loan_proposals (id, loan_id, kind, reason, state, proposed_by, proposed_at, decided_by)
			VALUES (?, ?, ?, ?, 'open', ?, ?, '') ON CONFLICT DO NOTHING`, p.ID, p.LoanID, p.Kind, p.Reason, p.ProposedBy, at(p.ProposedAt))
		if orphan(err) {
			return fault.Missing("loan").Wrap(err)
		}
		if err != nil {
			return err
		}
		if inserted == 1 {
			stored = p
			return record(ctx, tx, entry)
		}
		row, err := queryOne[proposalRow](ctx, tx, "SELECT * FROM loan_proposals WHERE id = ? OR (loan_id = ? AND kind = ? AND state = 'open') ORDER BY id = ? DESC"+limited(1),
			p.ID, p.LoanID, p.Kind, p.ID)
		if err != nil {
			return missing("proposal", err)
		}
		stored = row.domain()
		return nil
	})
	return stored, failed("storing a proposal", err)
}

// Proposal gives one.
func (s loans) Proposal(ctx context.Context, id string) (servicing.Proposal, error) {
	row, err := queryOne[proposalRow](ctx, s.db.engine.reader(), "SELECT * FROM loan_proposals WHERE id = ?", id)
	if err != nil {
		return servicing.Proposal{}, failed("reading a proposal", missing("proposal", err))
	}
	return row.domain(), nil
}

// Decide moves an open proposal to what was decided.
func (s loans) Decide(ctx context.Context, p servicing.Proposal, entry audit.Entry) (servicing.Proposal, error) {
	var stored servicing.Proposal
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[proposalRow](ctx, tx, `UPDATE loan_proposals SET state = ?, decided_by = ?, decided_at = ?
			WHERE id = ? AND state = 'open' RETURNING *`, p.State, p.DecidedBy, at(p.DecidedAt), p.ID)
		if err == nil {
			stored = row.domain()
			return record(ctx, tx, entry)
		}
		if !none(err) {
			return err
		}
		if row, err = queryOne[proposalRow](ctx, tx, "SELECT * FROM loan_proposals WHERE id = ?", p.ID); err != nil {
			return missing("proposal", err)
		}
		if stored = row.domain(); stored.State != p.State {
			return fault.New(fault.Conflict, servicing.CodeDecided, "the proposal is %s", stored.State)
		}
		return nil
	})
	return stored, failed("deciding a proposal", err)
}

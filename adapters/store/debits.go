package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing/collection"
	"loan310/app/servicing/loan"
)

// Collection gives the store of debits and reminders.
func (db *DB) Collection() collection.Store { return debits{db} }

type debits struct{ db *DB }

type debitRow struct {
	Key         string
	LoanID      string
	MerchantID  string
	Number      int
	Version     int64
	Origin      string
	RequestKey  string
	RequestHash string
	PayloadHash string
	AmountFen   int64
	Early       int
	Line        int
	Rail        string
	Account     []byte
	State       string
	Calls       int
	Unsent      int
	Asks        int
	FirstCallAt moment
	LastCallAt  moment
	WaitsFor    string
	RailRef     string
	FailureCode string
	Failure     string
	EventID     string
	CreatedAt   moment
	SettledAt   moment
}

// domain maps a row, the account left out.
func (r *debitRow) domain() collection.Debit {
	return collection.Debit{
		Key: r.Key, LoanID: r.LoanID, MerchantID: r.MerchantID, Number: r.Number, Version: r.Version, Origin: collection.Origin(r.Origin),
		RequestKey: r.RequestKey, RequestHash: r.RequestHash, PayloadHash: r.PayloadHash, Amount: money.Amount(r.AmountFen), Early: r.Early == 1,
		Line: r.Line, Rail: r.Rail, State: collection.State(r.State), Calls: r.Calls, Unsent: r.Unsent, Asks: r.Asks,
		FirstCallAt: r.FirstCallAt.Time, LastCallAt: r.LastCallAt.Time, WaitsFor: collection.Wait(r.WaitsFor), RailRef: r.RailRef,
		FailureCode: r.FailureCode, Failure: collection.Failure(r.Failure), EventID: r.EventID, CreatedAt: r.CreatedAt.Time, SettledAt: r.SettledAt.Time,
	}
}

// whole maps a row with its account.
func (s debits) whole(r *debitRow) (collection.Debit, error) {
	var sealed account
	if err := s.db.keys.openJSON(r.Account, &sealed, "debits", "account", r.Key); err != nil {
		return collection.Debit{}, err
	}
	d := r.domain()
	d.Account, d.Holder = sealed.Number, sealed.Holder
	return d, nil
}

// Change locks a loan and stores what is decided of its debits.
func (s debits) Change(ctx context.Context, loanID string, decide func(collection.Standing) (collection.Step, error)) (collection.Debit, error) {
	var stored collection.Debit
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		stored = collection.Debit{}
		row, err := queryOne[loanRow](ctx, tx, "SELECT * FROM loans WHERE id = ?"+s.db.forUpdate(""), loanID)
		if err != nil {
			return missing("loan", err)
		}
		standing, err := s.standing(ctx, tx, row)
		if err != nil {
			return err
		}
		step, err := decide(standing)
		if err != nil {
			return err
		}
		stored, err = s.store(ctx, tx, &standing, &step)
		return err
	})
	if err != nil {
		return collection.Debit{}, failed("changing a debit", err)
	}
	if stored.Key != "" {
		s.db.debits.touch(stored.Key)
	}
	return stored, nil
}

// standing reads what decides about a locked loan's debits.
func (s debits) standing(ctx context.Context, tx *gorm.DB, row loanRow) (collection.Standing, error) {
	records, err := recordsOf(ctx, tx, []loanRow{row})
	if err != nil {
		return collection.Standing{}, err
	}
	standing := collection.Standing{Record: records[0]}
	rows, err := query[debitRow](ctx, tx, "SELECT * FROM debits WHERE loan_id = ? ORDER BY number", row.ID)
	if err != nil {
		return collection.Standing{}, err
	}
	for i := range rows {
		standing.Debits = append(standing.Debits, rows[i].domain())
	}
	type wishRow struct {
		HeldUntil int32
		Withdrawn int
		Stopped   int
	}
	wish, err := queryOne[wishRow](ctx, tx, `SELECT
		COALESCE((SELECT held_until FROM debit_plans WHERE loan_id = ?), 0) AS held_until,
		COALESCE((SELECT withdrawn FROM debit_consents WHERE merchant_id = ?), 0) AS withdrawn,
		(SELECT COUNT(*) FROM payout_stops WHERE rail IN (?, '*')) AS stopped`, row.ID, row.MerchantID, collection.RailWallet)
	standing.HeldUntil, standing.Withdrawn, standing.Stopped = loan.Date(wish.HeldUntil), wish.Withdrawn == 1, wish.Stopped > 0
	return standing, err
}

// store stores a step and gives its debit.
func (s debits) store(ctx context.Context, tx *gorm.DB, standing *collection.Standing, step *collection.Step) (collection.Debit, error) {
	var stored collection.Debit
	if step.Debit != nil {
		var err error
		if stored, err = s.storeDebit(ctx, tx, step.Debit); err != nil {
			return collection.Debit{}, err
		}
	}
	if !step.Loan.Empty() {
		if err := storeLoans(ctx, tx, []loanChange{{standing.Record, step.Loan}}, s.db.clock()); err != nil {
			return collection.Debit{}, err
		}
	}
	if step.Journal != nil {
		if err := book(ctx, tx, *step.Journal); err != nil {
			return collection.Debit{}, err
		}
	}
	if err := s.storeCase(ctx, tx, step); err != nil {
		return collection.Debit{}, err
	}
	if !step.LookAt.IsZero() {
		if _, err := exec(ctx, tx, `INSERT INTO debit_plans (loan_id, look_at, held_until, held_reason, held_by) VALUES (?, ?, 0, '', '')
			ON CONFLICT (loan_id) DO UPDATE SET look_at = excluded.look_at`, standing.Record.Loan.ID, at(step.LookAt)); err != nil {
			return collection.Debit{}, err
		}
	}
	if step.Notice != nil {
		if err := storeNotice(ctx, tx, step.Notice); err != nil {
			return collection.Debit{}, err
		}
	}
	if step.Audit != nil {
		return stored, record(ctx, tx, *step.Audit)
	}
	return stored, nil
}

// storeDebit inserts a debit, or updates one that still stands as it was read.
func (s debits) storeDebit(ctx context.Context, tx *gorm.DB, d *collection.Debit) (collection.Debit, error) {
	if d.Version == 0 {
		return s.insertDebit(ctx, tx, d)
	}
	row, err := queryOne[debitRow](ctx, tx, `UPDATE debits SET version = version + 1, state = ?, calls = ?, unsent = ?, asks = ?, first_call_at = ?,
		last_call_at = ?, waits_for = ?, rail_ref = ?, failure_code = ?, failure = ?, event_id = ?, settled_at = ?
		WHERE key = ? AND version = ? AND loan_id = ? RETURNING *`,
		string(d.State), d.Calls, d.Unsent, d.Asks, at(d.FirstCallAt), at(d.LastCallAt), string(d.WaitsFor), d.RailRef, d.FailureCode,
		string(d.Failure), d.EventID, at(d.SettledAt), d.Key, d.Version, d.LoanID)
	if none(err) {
		return collection.Debit{}, fault.New(fault.Conflict, fault.CodeStale, "the debit was changed meanwhile")
	}
	if err != nil {
		return collection.Debit{}, err
	}
	return s.whole(&row)
}

func (s debits) insertDebit(ctx context.Context, tx *gorm.DB, d *collection.Debit) (collection.Debit, error) {
	sealed, err := s.db.keys.sealJSON(account{d.Account, d.Holder}, "debits", "account", d.Key)
	if err != nil {
		return collection.Debit{}, err
	}
	early := 0
	if d.Early {
		early = 1
	}
	row, err := queryOne[debitRow](ctx, tx, `INSERT INTO debits (key, loan_id, merchant_id, number, version, origin, request_key, request_hash, payload_hash,
		amount_fen, early, line, rail, account, state, calls, unsent, asks, waits_for, rail_ref, failure_code, failure, event_id, created_at)
		VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '', '', '', '', '', ?) RETURNING *`,
		d.Key, d.LoanID, d.MerchantID, d.Number, string(d.Origin), d.RequestKey, d.RequestHash, d.PayloadHash,
		int64(d.Amount), early, d.Line, d.Rail, sealed, string(d.State), at(d.CreatedAt))
	if err != nil {
		return collection.Debit{}, err
	}
	return s.whole(&row)
}

// Debit gives one with its account.
func (s debits) Debit(ctx context.Context, key string) (collection.Debit, error) {
	row, err := queryOne[debitRow](ctx, s.db.engine.reader(), "SELECT * FROM debits WHERE key = ?", key)
	if err != nil {
		return collection.Debit{}, failed("reading a debit", missing("debit", err))
	}
	d, err := s.whole(&row)
	return d, failed("reading a debit", err)
}

// List lists debits, newest first, accounts left out.
func (s debits) List(ctx context.Context, filter collection.Filter, p collection.Page) ([]collection.Debit, string, error) {
	page, err := newPage(p.Cursor, p.Limit)
	if err != nil {
		return nil, "", failed("listing debits", err)
	}
	var conditions []string
	var args []any
	if filter.LoanID != "" {
		conditions, args = append(conditions, "loan_id = ?"), append(args, filter.LoanID)
	}
	if filter.State != "" {
		conditions, args = append(conditions, "state = ?"), append(args, string(filter.State))
	}
	if page.id != "" {
		conditions, args = append(conditions, "(created_at, key) < (?, ?)"), append(args, page.after.UnixMicro(), page.id)
	}
	rows, err := query[debitRow](ctx, s.db.engine.reader(), "SELECT * FROM debits"+and(conditions)+" ORDER BY created_at DESC, key DESC"+limited(page.limit+1), args...)
	if err != nil {
		return nil, "", failed("listing debits", err)
	}
	next := ""
	if len(rows) > page.limit {
		rows = rows[:page.limit]
		next = cursor(rows[len(rows)-1].CreatedAt.Time, rows[len(rows)-1].Key)
	}
	list := make([]collection.Debit, len(rows))
	for i := range rows {
		list[i] = rows[i].domain()
	}
	return list, next, nil
}

// Watch signals when a debit may stand otherwise.
func (s debits) Watch(key string) (<-chan struct{}, func()) { return s.db.debits.watch(key) }

// Due lists loans to be looked at, by id.
func (s debits) Due(ctx context.Context, today loan.Date, now time.Time, limit int) ([]string, error) {
	ids, err := query[string](ctx, s.db.engine.reader(), `SELECT id FROM (
		SELECT id FROM loans WHERE due_fen > 0 AND state = 'active' UNION SELECT id FROM loans WHERE next_due <= ? AND next_due IS NOT NULL AND state = 'active') l
		WHERE NOT EXISTS (SELECT 1 FROM debit_plans p WHERE p.loan_id = l.id AND p.look_at > ?)
		AND NOT EXISTS (SELECT 1 FROM debits d WHERE d.loan_id = l.id AND d.state IN ('requested', 'sent', 'unknown'))
		ORDER BY id`+limited(limit), int32(today), now.UnixMicro())
	return ids, failed("looking for what is due", err)
}

// Unsettled lists open debits, oldest first.
func (s debits) Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error) {
	keys, err := query[string](ctx, s.db.engine.reader(), `SELECT key FROM debits
		WHERE state IN ('requested', 'sent', 'unknown') AND created_at < ? ORDER BY created_at, key`+limited(limit), before.UnixMicro())
	return keys, failed("listing unsettled debits", err)
}

// Payer gives a merchant's account.
func (s debits) Payer(ctx context.Context, merchantID string) (collection.Payer, error) {
	type sealedRow struct{ Personal []byte }
	row, err := queryOne[sealedRow](ctx, s.db.engine.reader(), "SELECT personal FROM merchants WHERE id = ?", merchantID)
	if err != nil {
		return collection.Payer{}, failed("reading an account", missing("merchant", err))
	}
	var p personal
	if err := s.db.keys.openJSON(row.Personal, &p, "merchants", "personal", merchantID); err != nil {
		return collection.Payer{}, failed("reading an account", err)
	}
	return collection.Payer{MerchantID: merchantID, Account: p.PayoutNumber, Holder: p.PayoutHolder}, nil
}

// Consent gives a merchant's word on automatic debits.
func (s debits) Consent(ctx context.Context, merchantID string) (collection.Consent, error) {
	type consentRow struct {
		Withdrawn int
		ChangedAt moment
	}
	row, err := queryOne[consentRow](ctx, s.db.engine.reader(), "SELECT withdrawn, changed_at FROM debit_consents WHERE merchant_id = ?", merchantID)
	if none(err) {
		return collection.Consent{MerchantID: merchantID}, nil
	}
	return collection.Consent{MerchantID: merchantID, Withdrawn: row.Withdrawn == 1, ChangedAt: row.ChangedAt.Time}, failed("reading a consent", err)
}

// SetConsent stores a merchant's word.
func (s debits) SetConsent(ctx context.Context, c collection.Consent, entry audit.Entry) error {
	withdrawn := 0
	if c.Withdrawn {
		withdrawn = 1
	}
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `INSERT INTO debit_consents (merchant_id, withdrawn, changed_at) VALUES (?, ?, ?)
			ON CONFLICT (merchant_id) DO UPDATE SET withdrawn = excluded.withdrawn, changed_at = excluded.changed_at`, c.MerchantID, withdrawn, at(c.ChangedAt))
		if orphan(err) {
			return fault.Missing("merchant").Wrap(err)
		}
		if err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("storing a consent", err)
}

// SetHold stores a hold.
func (s debits) SetHold(ctx context.Context, h collection.Hold, now time.Time, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `INSERT INTO debit_plans (loan_id, look_at, held_until, held_reason, held_by) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (loan_id) DO UPDATE SET look_at = excluded.look_at, held_until = excluded.held_until, held_reason = excluded.held_reason, held_by = excluded.held_by`,
			h.LoanID, at(now), int32(h.Until), h.Reason, h.By)
		if orphan(err) {
			return fault.Missing("loan").Wrap(err)
		}
		if err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("holding debits back", err)
}

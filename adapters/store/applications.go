package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
)

// Underwriting gives the store of applications, decisions and lines.
func (db *DB) Underwriting() underwriting.Store { return underwritings{db} }

type underwritings struct{ db *DB }

type applicationRow struct {
	ID           string
	Version      int64
	MerchantID   string
	State        string
	WantedFen    int64
	Purpose      string
	SubmittedAt  moment
	DecideBy     moment
	DecidedAt    moment
	DecisionID   string
	OfferExpires moment `gorm:"column:offer_expires_at"`
}

func (applicationRow) TableName() string { return "applications" }

func (r applicationRow) domain() underwriting.Application {
	return underwriting.Application{
		ID: r.ID, Version: r.Version, MerchantID: r.MerchantID, State: underwriting.State(r.State),
		AmountWanted: money.Amount(r.WantedFen), Purpose: r.Purpose, SubmittedAt: r.SubmittedAt.Time,
		DecideBy: r.DecideBy.Time, DecidedAt: r.DecidedAt.Time, DecisionID: r.DecisionID,
	}
}

// Submit stores a new application. An approved one of the same merchant
// whose offer has run out by then is moved to Expired first, so that nobody
// is kept from applying by an offer nobody can accept.
func (s underwritings) Submit(ctx context.Context, a underwriting.Application, entry audit.Entry, told ...underwriting.Event) error {
	row := applicationRow{
		ID: a.ID, Version: a.Version, MerchantID: a.MerchantID, State: string(a.State), WantedFen: int64(a.AmountWanted),
		Purpose: a.Purpose, SubmittedAt: at(a.SubmittedAt), DecideBy: at(a.DecideBy), DecidedAt: at(a.DecidedAt), DecisionID: a.DecisionID,
	}
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if err := expireOffers(ctx, tx, a.MerchantID, a.SubmittedAt, entry.Actor); err != nil {
			return err
		}
		if err := gorm.G[applicationRow](tx).Create(ctx, &row); err != nil {
			return err
		}
		if err := s.noteApplication(ctx, tx, a); err != nil {
			return err
		}
		if err := tell(ctx, tx, told); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	switch {
	case duplicate(err, "applications_open", "applications.merchant_id"):
		err = fault.New(fault.Conflict, underwriting.CodeOpenExists, "another application of this merchant is still open").Wrap(err)
	case orphan(err):
		err = fault.Missing("merchant").Wrap(err)
	}
	return failed("submitting an application", err)
}

// expireOffers closes the merchant's approved applications whose offer ran
// out before now.
func expireOffers(ctx context.Context, tx *gorm.DB, merchantID string, now time.Time, actor audit.Actor) error {
	expired, err := query[applicationRow](ctx, tx, `UPDATE applications SET state = 'expired', version = version + 1
		WHERE merchant_id = ? AND state = 'approved' AND offer_expires_at <= ? RETURNING *`, merchantID, now.UnixMicro())
	if err != nil {
		return err
	}
	for _, row := range expired {
		entry := audit.Entry{At: now, Actor: actor, Action: "offer.expired", Subject: "application/" + row.ID}
		if err := record(ctx, tx, entry); err != nil {
			return err
		}
	}
	return nil
}

// Application gives one application.
func (s underwritings) Application(ctx context.Context, id string) (underwriting.Application, error) {
	row, err := queryOne[applicationRow](ctx, s.db.engine.reader(), "SELECT * FROM applications WHERE id = ?", id)
	if err != nil {
		return underwriting.Application{}, failed("reading an application", missing("application", err))
	}
	return row.domain(), nil
}

// Watch signals when an application may stand otherwise.
func (s underwritings) Watch(applicationID string) (<-chan struct{}, func()) {
	return s.db.states.watch(applicationID)
}

// Applications lists applications, newest first.
func (s underwritings) Applications(ctx context.Context, merchantID string, p underwriting.Page) ([]underwriting.Application, string, error) {
	page, err := newPage(p.Cursor, p.Limit)
	if err != nil {
		return nil, "", failed("listing applications", err)
	}
	var conditions []string
	var args []any
	if merchantID != "" {
		conditions, args = append(conditions, "merchant_id = ?"), append(args, merchantID)
	}
	conditions, args = page.where(conditions, args, "submitted_at")
	rows, err := query[applicationRow](ctx, s.db.engine.reader(),
		"SELECT * FROM applications"+and(conditions)+" ORDER BY submitted_at DESC, id DESC"+limited(page.limit+1), args...)
	if err != nil {
		return nil, "", failed("listing applications", err)
	}
	next := ""
	if len(rows) > page.limit {
		rows = rows[:page.limit]
		last := rows[len(rows)-1]
		next = cursor(last.SubmittedAt.Time, last.ID)
	}
	applications := make([]underwriting.Application, len(rows))
	for i, row := range rows {
		applications[i] = row.domain()
	}
	return applications, next, nil
}

// Undecided lists applications that still wait for a verdict, oldest first.
func (s underwritings) Undecided(ctx context.Context, before time.Time, limit int) ([]string, error) {
	ids, err := query[string](ctx, s.db.engine.reader(), `SELECT id FROM applications
		WHERE state IN ('submitted', 'deferred') AND submitted_at < ? ORDER BY submitted_at, id`+limited(limit), before.UnixMicro())
	return ids, failed("listing undecided applications", err)
}

// SaveStrategy stores a strategy under its hash; a hash already stored is left.
func (s underwritings) SaveStrategy(ctx context.Context, hash string, body []byte, now time.Time) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "INSERT INTO strategies (hash, body, created_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
			hash, body, at(now))
		return err
	})
	return failed("storing a strategy", err)
}

// Strategy gives the bytes of a strategy.
func (s underwritings) Strategy(ctx context.Context, hash string) ([]byte, error) {
	type strategyRow struct{ Body []byte }
	row, err := queryOne[strategyRow](ctx, s.db.engine.reader(), "SELECT body FROM strategies WHERE hash = ?", hash)
	return row.Body, failed("reading a strategy", missing("strategy", err))
}

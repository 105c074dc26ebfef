package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/scoring"
)

// Drawdowns gives the store of drawdowns and payouts. Rows are always locked
// in one order: drawdown, line, payout.
func (db *DB) Drawdowns() drawdown.Store { return drawdowns{db} }

type drawdowns struct{ db *DB }

type drawdownRow struct {
	ID          string
	Version     int64
	LineID      string
	MerchantID  string
	Key         string
	PayloadHash string
	AmountFen   int64
	TenorMonths int
	Repayment   string
	RateBps     int64

	ProductID      string
	ProductVersion int
	FeeFen         int64

	State       string
	FailureCode string
	RequestedAt moment
	SettledAt   moment
}

func (drawdownRow) TableName() string { return "drawdowns" }

func (r drawdownRow) domain() drawdown.Drawdown {
	return drawdown.Drawdown{
		ID: r.ID, Version: r.Version, LineID: r.LineID, MerchantID: r.MerchantID, Key: r.Key, PayloadHash: r.PayloadHash,
		Amount: money.Amount(r.AmountFen), TenorMonths: r.TenorMonths, Repayment: scoring.RepaymentType(r.Repayment),
		RateBps: money.BasisPoints(r.RateBps), Agreed: drawdown.Agreed{ProductID: r.ProductID, ProductVersion: r.ProductVersion, Fee: money.Amount(r.FeeFen)}, State: drawdown.State(r.State), FailureCode: fault.Code(r.FailureCode),
		RequestedAt: r.RequestedAt.Time, SettledAt: r.SettledAt.Time,
	}
}

// Line gives a line as a draw needs it, with the merchant's payout account.
func (s drawdowns) Line(ctx context.Context, id string) (drawdown.Line, error) {
	type viewRow struct {
		ID         string
		MerchantID string
		LimitFen   int64
		UsedFen    int64
		Terms      document[scoring.Terms]
		State      string
		PayoutRail string
		Personal   []byte
	}
	row, err := queryOne[viewRow](ctx, s.db.engine.reader(), `SELECT l.id, l.merchant_id, l.limit_fen, l.used_fen, l.terms, l.state,
		m.payout_rail, m.personal FROM lines l JOIN merchants m ON m.id = l.merchant_id WHERE l.id = ?`, id)
	if err != nil {
		return drawdown.Line{}, failed("reading a line", missing("line", err))
	}
	var p personal
	if err := s.db.keys.openJSON(row.Personal, &p, "merchants", "personal", row.MerchantID); err != nil {
		return drawdown.Line{}, failed("reading a line", err)
	}
	return drawdown.Line{
		ID: row.ID, MerchantID: row.MerchantID, Active: row.State == lineActive, Limit: money.Amount(row.LimitFen),
		Used: money.Amount(row.UsedFen), Terms: row.Terms.of, Rail: row.PayoutRail, Account: p.PayoutNumber, Holder: p.PayoutHolder,
	}, nil
}

// lineActive is the state of a line that may be drawn on.
const lineActive = "active"

// Create stores a drawdown, or gives the one stored under its key.
func (s drawdowns) Create(ctx context.Context, d drawdown.Drawdown, entry audit.Entry) (drawdown.Drawdown, error) {
	stored := d
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		inserted, err := exec(ctx, tx, `INSERT INTO drawdowns (id, version, line_id, merchant_id, key, payload_hash, amount_fen,
			tenor_months, repayment, rate_bps, product_id, product_version, fee_fen, state, failure_code, requested_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'requested', '', ?) ON CONFLICT DO NOTHING`,
			d.ID, d.Version, d.LineID, d.MerchantID, d.Key, d.PayloadHash, int64(d.Amount),
			d.TenorMonths, string(d.Repayment), int64(d.RateBps), d.ProductID, d.ProductVersion, int64(d.Fee), d.RequestedAt.UnixMicro())
		if orphan(err) {
			return fault.Missing("line").Wrap(err)
		}
		if err != nil {
			return err
		}
		if inserted == 1 {
			stored = d
			stored.State, stored.FailureCode, stored.SettledAt = drawdown.Requested, "", time.Time{}
			return record(ctx, tx, entry)
		}
		old, err := queryOne[drawdownRow](ctx, tx, "SELECT * FROM drawdowns WHERE line_id = ? AND key = ?", d.LineID, d.Key)
		if err != nil {
			return duplicateMissing(err)
		}
		if old.PayloadHash != d.PayloadHash {
			return fault.New(fault.Mismatch, fault.CodeKeyReused, "this idempotency key was used for another drawdown")
		}
		stored = old.domain()
		return nil
	})
	if err != nil {
		return drawdown.Drawdown{}, failed("storing a drawdown", err)
	}
	return stored, nil
}

// duplicateMissing explains an insert refused by another key than the one
// looked under.
func duplicateMissing(err error) error {
	if !none(err) {
		return err
	}
	return fault.New(fault.Conflict, fault.CodeDuplicate, "this id is already in use")
}

// Drawdown gives one drawdown.
func (s drawdowns) Drawdown(ctx context.Context, id string) (drawdown.Drawdown, error) {
	row, err := queryOne[drawdownRow](ctx, s.db.engine.reader(), "SELECT * FROM drawdowns WHERE id = ?", id)
	if err != nil {
		return drawdown.Drawdown{}, failed("reading a drawdown", missing("drawdown", err))
	}
	return row.domain(), nil
}

// Watch signals when a drawdown may stand otherwise.
func (s drawdowns) Watch(id string) (<-chan struct{}, func()) { return s.db.draws.watch(id) }

// Drawdowns lists drawdowns, newest first.
func (s drawdowns) Drawdowns(ctx context.Context, merchantID, lineID string, p drawdown.Page) ([]drawdown.Drawdown, string, error) {
	page, err := newPage(p.Cursor, p.Limit)
	if err != nil {
		return nil, "", failed("listing drawdowns", err)
	}
	var conditions []string
	var args []any
	if merchantID != "" {
		conditions, args = append(conditions, "merchant_id = ?"), append(args, merchantID)
	}
	if lineID != "" {
		conditions, args = append(conditions, "line_id = ?"), append(args, lineID)
	}
	conditions, args = page.where(conditions, args, "requested_at")
	rows, err := query[drawdownRow](ctx, s.db.engine.reader(),
		"SELECT * FROM drawdowns"+and(conditions)+" ORDER BY requested_at DESC, id DESC"+limited(page.limit+1), args...)
	if err != nil {
		return nil, "", failed("listing drawdowns", err)
	}
	next := ""
	if len(rows) > page.limit {
		rows = rows[:page.limit]
		last := rows[len(rows)-1]
		next = cursor(last.RequestedAt.Time, last.ID)
	}
	list := make([]drawdown.Drawdown, len(rows))
	for i, row := range rows {
		list[i] = row.domain()
	}
	return list, next, nil
}

// Unsettled lists drawdowns something must still happen to, oldest first.
func (s drawdowns) Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error) {
	ids, err := query[string](ctx, s.db.engine.reader(), `SELECT id FROM drawdowns
		WHERE state IN ('requested', 'paying', 'unknown') AND requested_at < ? ORDER BY requested_at, id`+limited(limit), before.UnixMicro())
	return ids, failed("listing unsettled drawdowns", err)
}

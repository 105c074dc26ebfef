package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
)

type payoutRow struct {
	Key         string
	DrawdownID  string
	Version     int64
	PayloadHash string
	AmountFen   int64
	Rail        string
	Account     []byte
	State       string
	Calls       int
	Asks        int
	LastCallAt  moment
	LastAskAt   moment
	RailRef     string
	FailureCode string
	Created     moment `gorm:"column:created_at"`
	SettledAt   moment
	JournalID   string
}

func (payoutRow) TableName() string { return "payouts" }

// account is the destination of a payout, encrypted as one value.
type account struct {
	Number string `json:"number"`
	Holder string `json:"holder"`
}

// payout maps a row to a payout, its account in plain.
func (s drawdowns) payout(row payoutRow) (drawdown.Payout, error) {
	var to account
	if err := s.db.keys.openJSON(row.Account, &to, "payouts", "account", row.Key); err != nil {
		return drawdown.Payout{}, err
	}
	return drawdown.Payout{
		Key: row.Key, DrawdownID: row.DrawdownID, Version: row.Version, PayloadHash: row.PayloadHash,
		Amount: money.Amount(row.AmountFen), Rail: row.Rail, Account: to.Number, Holder: to.Holder,
		State: drawdown.PayoutState(row.State), Calls: row.Calls, Asks: row.Asks, LastCallAt: row.LastCallAt.Time,
		RailRef: row.RailRef, FailureCode: row.FailureCode, CreatedAt: row.Created.Time, SettledAt: row.SettledAt.Time,
	}, nil
}

// insertPayout stores the payout beside the journal that reserved its amount.
func insertPayout(ctx context.Context, tx *gorm.DB, p drawdown.Payout, sealed []byte, journalID string) error {
	_, err := exec(ctx, tx, `INSERT INTO payouts (key, drawdown_id, version, payload_hash, amount_fen, rail, account, state,
		calls, asks, rail_ref, failure_code, created_at, journal_id) VALUES (?, ?, ?, ?, ?, ?, ?, 'sent', 0, 0, '', '', ?, ?)`,
		p.Key, p.DrawdownID, p.Version, p.PayloadHash, int64(p.Amount), p.Rail, sealed, at(p.CreatedAt), journalID)
	return err
}

// Payout gives the payout of a drawdown.
func (s drawdowns) Payout(ctx context.Context, drawdownID string) (drawdown.Payout, error) {
	p, err := s.payoutOf(ctx, s.db.engine.reader(), drawdownID)
	return p, failed("reading a payout", err)
}

func (s drawdowns) payoutOf(ctx context.Context, tx *gorm.DB, drawdownID string) (drawdown.Payout, error) {
	row, err := queryOne[payoutRow](ctx, tx, "SELECT * FROM payouts WHERE drawdown_id = ?", drawdownID)
	if err != nil {
		return drawdown.Payout{}, missing("payout", err)
	}
	return s.payout(row)
}

// BeginCall counts a pay call before it is made. One statement: the version
// decides which of two callers goes on.
func (s drawdowns) BeginCall(ctx context.Context, p drawdown.Payout, now time.Time) (drawdown.Payout, error) {
	var begun drawdown.Payout
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET calls = calls + 1, last_call_at = ?, version = version + 1
			WHERE key = ? AND version = ? AND state IN ('sent', 'unknown') RETURNING *`, now.UnixMicro(), p.Key, p.Version)
		if err == nil {
			begun, err = s.payout(row)
			return err
		}
		if !none(err) {
			return err
		}
		if _, err := queryOne[payoutRow](ctx, tx, "SELECT * FROM payouts WHERE key = ?", p.Key); err != nil {
			return missing("payout", err)
		}
		return fault.New(fault.Conflict, fault.CodeStale, "the payout was changed meanwhile")
	})
	if err != nil {
		return drawdown.Payout{}, failed("counting a pay call", err)
	}
	return begun, nil
}

// MarkUnknown records that nobody knows yet whether the money moved. A
// settled payout is given as it is.
func (s drawdowns) MarkUnknown(ctx context.Context, drawdownID string, now time.Time) (drawdown.Payout, error) {
	var marked drawdown.Payout
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		changed, err := exec(ctx, tx, `UPDATE drawdowns SET state = 'unknown', version = version + 1
			WHERE id = ? AND state IN ('paying', 'unknown')`, drawdownID)
		if err != nil {
			return err
		}
		if changed == 0 {
			marked, err = s.payoutOf(ctx, tx, drawdownID)
			return err
		}
		row, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET state = 'unknown', asks = asks + 1, last_ask_at = ?,
			version = version + 1 WHERE drawdown_id = ? AND state IN ('sent', 'unknown') RETURNING *`, now.UnixMicro(), drawdownID)
		if err != nil {
			return missing("open payout", err)
		}
		marked, err = s.payout(row)
		return err
	})
	if err != nil {
		return drawdown.Payout{}, failed("marking a payout unknown", err)
	}
	s.db.draws.touch(drawdownID)
	return marked, nil
}

// reserving checks what Reserve was given against the drawdown.
func reserving(d drawdownRow, payout drawdown.Payout, journal ledger.Journal) error {
	if payout.DrawdownID != d.ID || int64(payout.Amount) != d.AmountFen {
		return fault.New(fault.Internal, fault.CodeConstraint, "the payout is not this drawdown's")
	}
	return journal.Check()
}

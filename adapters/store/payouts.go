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
	Attempt     int
	Unsent      int
	FirstCallAt moment
	AdmittedDay string
	WaitsFor    string
	WaitsSince  moment
	ReversedAt  moment
	ToldAt      moment
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
	p := row.domain()
	p.Account, p.Holder = to.Number, to.Holder
	return p, nil
}

// domain maps a row, the account left out.
func (r payoutRow) domain() drawdown.Payout {
	return drawdown.Payout{
		Key: r.Key, DrawdownID: r.DrawdownID, Attempt: r.Attempt, Version: r.Version, PayloadHash: r.PayloadHash,
		Amount: money.Amount(r.AmountFen), Rail: r.Rail, State: drawdown.PayoutState(r.State),
		Calls: r.Calls, Unsent: r.Unsent, Asks: r.Asks, FirstCallAt: r.FirstCallAt.Time, LastCallAt: r.LastCallAt.Time,
		AdmittedDay: r.AdmittedDay, WaitsFor: drawdown.Wait(r.WaitsFor), WaitsSince: r.WaitsSince.Time,
		RailRef: r.RailRef, FailureCode: r.FailureCode, CreatedAt: r.Created.Time, SettledAt: r.SettledAt.Time, ReversedAt: r.ReversedAt.Time,
	}
}

// insertPayout stores an attempt beside the journal that reserved its amount.
func insertPayout(ctx context.Context, tx *gorm.DB, p drawdown.Payout, sealed []byte, journalID string) error {
	_, err := exec(ctx, tx, `INSERT INTO payouts (key, drawdown_id, attempt, version, payload_hash, amount_fen, rail, account, state,
		calls, asks, rail_ref, failure_code, created_at, journal_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'requested', 0, 0, '', '', ?, ?)`,
		p.Key, p.DrawdownID, max(p.Attempt, 1), p.Version, p.PayloadHash, int64(p.Amount), p.Rail, sealed, at(p.CreatedAt), journalID)
	return err
}

// Payout gives the latest attempt to pay a drawdown.
func (s drawdowns) Payout(ctx context.Context, drawdownID string) (drawdown.Payout, error) {
	p, err := s.payoutOf(ctx, s.db.engine.reader(), drawdownID)
	return p, failed("reading a payout", err)
}

func (s drawdowns) payoutOf(ctx context.Context, tx *gorm.DB, drawdownID string) (drawdown.Payout, error) {
	row, err := queryOne[payoutRow](ctx, tx, "SELECT * FROM payouts WHERE drawdown_id = ? ORDER BY attempt DESC LIMIT 1", drawdownID)
	if err != nil {
		return drawdown.Payout{}, missing("payout", err)
	}
	return s.payout(row)
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
			waits_for = '', waits_since = NULL, version = version + 1
			WHERE drawdown_id = ? AND state IN ('requested', 'sent', 'unknown') RETURNING *`, now.UnixMicro(), drawdownID)
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
	if payout.DrawdownID != d.ID || int64(payout.Amount) != d.AmountFen-d.FeeFen {
		return fault.New(fault.Internal, fault.CodeConstraint, "the payout is not this drawdown's")
	}
	return journal.Check()
}

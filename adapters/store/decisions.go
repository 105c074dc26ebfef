package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring"
)

type decisionRow struct {
	ID            string
	ApplicationID string
	MerchantID    string
	Seq           int
	Outcome       string
	Verdict       document[scoring.Verdict]
	Snapshot      document[underwriting.Snapshot]
	InputHash     string
	VerdictHash   string
	DecidedAt     moment
	LatencyMS     int64  `gorm:"column:latency_ms"`
	OfferExpires  moment `gorm:"column:offer_expires_at"`
	ContractHash  string
}

func (decisionRow) TableName() string { return "decisions" }

func newDecisionRow(d underwriting.Decision) decisionRow {
	return decisionRow{
		ID: d.ID, ApplicationID: d.ApplicationID, MerchantID: d.MerchantID, Seq: d.Seq, Outcome: string(d.Verdict.Outcome),
		Verdict: document[scoring.Verdict]{d.Verdict}, Snapshot: document[underwriting.Snapshot]{d.Snapshot},
		InputHash: d.InputHash, VerdictHash: d.VerdictHash, DecidedAt: at(d.DecidedAt), LatencyMS: d.LatencyMS,
		OfferExpires: at(d.OfferExpires), ContractHash: d.ContractHash,
	}
}

func (r decisionRow) domain() underwriting.Decision {
	return underwriting.Decision{
		ID: r.ID, ApplicationID: r.ApplicationID, MerchantID: r.MerchantID, Seq: r.Seq, Verdict: r.Verdict.of,
		Snapshot: r.Snapshot.of, InputHash: r.InputHash, VerdictHash: r.VerdictHash, DecidedAt: r.DecidedAt.Time,
		LatencyMS: r.LatencyMS, OfferExpires: r.OfferExpires.Time, ContractHash: r.ContractHash,
	}
}

// Decide stores a decision and moves its application. The insert comes
// first: its unique key lets one of several deciders through.
func (s underwritings) Decide(ctx context.Context, d underwriting.Decision, entry audit.Entry, told ...underwriting.Event) (underwriting.Decision, error) {
	row := newDecisionRow(d)
	stored := d
	stored.Near = nil
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		insert := tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if orphan(insert.Error) {
			return fault.Missing("application").Wrap(insert.Error)
		}
		if insert.Error != nil {
			return insert.Error
		}
		if insert.RowsAffected == 0 {
			old, err := queryOne[decisionRow](ctx, tx, "SELECT * FROM decisions WHERE application_id = ? AND seq = ?", d.ApplicationID, d.Seq)
			if err != nil {
				return missing("decision under this application", err)
			}
			stored = old.domain()
			return nil
		}
		changed, err := exec(ctx, tx, `UPDATE applications SET state = ?, decision_id = ?, offer_expires_at = ?,
			decided_at = COALESCE(decided_at, ?), version = version + 1
			WHERE id = ? AND merchant_id = ? AND state IN ('submitted', 'deferred')`,
			string(d.Verdict.Outcome), d.ID, row.OfferExpires, row.DecidedAt, d.ApplicationID, d.MerchantID)
		if err != nil {
			return err
		}
		if changed == 0 {
			return fault.New(fault.Conflict, fault.CodeWrongState, "the application is not waiting for a decision")
		}
		if err := s.holdGroup(ctx, tx, d); err != nil {
			return err
		}
		if err := tell(ctx, tx, told); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return underwriting.Decision{}, failed("storing a decision", err)
	}
	s.db.hub.touch(d.ApplicationID)
	s.db.states.touch(d.ApplicationID)
	return stored, nil
}

// Decision gives one decision.
func (s underwritings) Decision(ctx context.Context, id string) (underwriting.Decision, error) {
	row, err := queryOne[decisionRow](ctx, s.db.engine.reader(), "SELECT * FROM decisions WHERE id = ?", id)
	if err != nil {
		return underwriting.Decision{}, failed("reading a decision", missing("decision", err))
	}
	return row.domain(), nil
}

// DecisionsOf lists an application's decisions in order.
func (s underwritings) DecisionsOf(ctx context.Context, applicationID string) ([]underwriting.Decision, error) {
	rows, err := gorm.G[decisionRow](s.db.engine.reader()).Where("application_id = ?", applicationID).Order("seq").Find(ctx)
	if err != nil {
		return nil, failed("listing decisions", err)
	}
	decisions := make([]underwriting.Decision, len(rows))
	for i, row := range rows {
		decisions[i] = row.domain()
	}
	return decisions, nil
}

package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
)

type lineRow struct {
	ID            string
	Version       int64
	MerchantID    string
	ApplicationID string
	DecisionID    string
	LimitFen      int64
	UsedFen       int64
	Terms         document[scoring.Terms]
	State         string
	ContractHash  string
	AcceptedAt    moment
}

func (lineRow) TableName() string { return "lines" }

func (r lineRow) domain() underwriting.Line {
	return underwriting.Line{
		ID: r.ID, Version: r.Version, MerchantID: r.MerchantID, ApplicationID: r.ApplicationID, DecisionID: r.DecisionID,
		Limit: money.Amount(r.LimitFen), Used: money.Amount(r.UsedFen), Terms: r.Terms.of, State: r.State,
		ContractHash: r.ContractHash, AcceptedAt: r.AcceptedAt.Time,
	}
}

// Accept opens the line of an approved application. The application must
// stand on the decision the line names.
func (s underwritings) Accept(ctx context.Context, line underwriting.Line, entry audit.Entry, told ...underwriting.Event) (underwriting.Line, error) {
	row := lineRow{
		ID: line.ID, Version: line.Version, MerchantID: line.MerchantID, ApplicationID: line.ApplicationID, DecisionID: line.DecisionID,
		LimitFen: int64(line.Limit), UsedFen: int64(line.Used), Terms: document[scoring.Terms]{line.Terms}, State: line.State,
		ContractHash: line.ContractHash, AcceptedAt: at(line.AcceptedAt),
	}
	stored := line
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		insert := tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if orphan(insert.Error) {
			return fault.Missing("application or decision").Wrap(insert.Error)
		}
		if insert.Error != nil {
			return insert.Error
		}
		if insert.RowsAffected == 0 {
			old, err := queryOne[lineRow](ctx, tx, "SELECT * FROM lines WHERE application_id = ?", line.ApplicationID)
			if err != nil {
				return missing("line under this application", err)
			}
			stored = old.domain()
			return nil
		}
		changed, err := exec(ctx, tx, `UPDATE applications SET state = 'accepted', version = version + 1
			WHERE id = ? AND merchant_id = ? AND decision_id = ? AND state = 'approved'`,
			line.ApplicationID, line.MerchantID, line.DecisionID)
		if err != nil {
			return err
		}
		if changed == 0 {
			return fault.New(fault.Conflict, fault.CodeWrongState, "the application has no offer to accept")
		}
		if err := tell(ctx, tx, told); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return underwriting.Line{}, failed("accepting an offer", err)
	}
	s.db.hub.touch(line.ApplicationID)
	s.db.states.touch(line.ApplicationID)
	return stored, nil
}

// Line gives one line.
func (s underwritings) Line(ctx context.Context, id string) (underwriting.Line, error) {
	row, err := queryOne[lineRow](ctx, s.db.engine.reader(), "SELECT * FROM lines WHERE id = ?", id)
	if err != nil {
		return underwriting.Line{}, failed("reading a line", missing("line", err))
	}
	return row.domain(), nil
}

// LinesOf lists a merchant's lines, newest first.
func (s underwritings) LinesOf(ctx context.Context, merchantID string) ([]underwriting.Line, error) {
	rows, err := gorm.G[lineRow](s.db.engine.reader()).Where("merchant_id = ?", merchantID).Order("accepted_at DESC, id DESC").Find(ctx)
	if err != nil {
		return nil, failed("listing lines", err)
	}
	lines := make([]underwriting.Line, len(rows))
	for i, row := range rows {
		lines[i] = row.domain()
	}
	return lines, nil
}

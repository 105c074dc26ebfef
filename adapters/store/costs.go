package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"loan310/app/cost"
)

// costRows is how many cost entries one statement inserts.
const costRows = 500

// SaveCosts stores what was counted, as a batch: the same batch again stores
// nothing, so that one whose answer was lost may be sent again.
func (db *DB) SaveCosts(ctx context.Context, batch string, used []cost.Usage) error {
	if len(used) == 0 {
		return nil
	}
	err := db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		for start := 0; start < len(used); start += costRows {
			part := used[start:min(start+costRows, len(used))]
			values := make([]any, 0, 6*len(part))
			for i, u := range part {
				values = append(values, batch, start+i, u.Subject, u.Item, u.Day, u.Quantity)
			}
			_, err := exec(ctx, tx, "INSERT INTO cost_entries (batch, n, subject, item, on_day, quantity) VALUES (?, ?, ?, ?, ?, ?)"+
				strings.Repeat(", (?, ?, ?, ?, ?, ?)", len(part)-1)+" ON CONFLICT DO NOTHING", values...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return failed("storing costs", err)
}

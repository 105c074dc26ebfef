package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// relationIndex is the book of identifiers inside one transaction.
type relationIndex struct {
	ctx     context.Context
	tx      *gorm.DB
	at      time.Time
	exclude string // application left out of what is committed
}

var _ relations.Index = relationIndex{}

// unionParts is how many parts of a compound SELECT go into one statement.
const (
	unionParts   = 100
	appliedParts = 32 // identifiers, three windows each
)

// padded fills a list up to one of a few lengths, with zeros that match
// nothing: each length is a statement to prepare, on each connection.
func padded[T any](list []T) []T {
	most := 4
	for most < len(list) {
		most *= 2
	}
	return append(slices.Clip(list), make([]T, min(most, max(unionParts, len(list)))-len(list))...)
}

func rowsOf(list []identifierRow) []relations.Row {
	rows := make([]relations.Row, len(list))
	for i, row := range list {
		rows[i] = relations.Row{
			Merchant: row.MerchantID, Named: relations.Named{Kind: evidence.IdentifierKind(row.Kind), Key: row.IdentKey}, Orders: row.Orders,
		}
	}
	return rows
}

// Of lists the identifiers of some merchants.
func (x relationIndex) Of(merchants []string) ([]relations.Row, error) {
	list, err := query[identifierRow](x.ctx, x.tx, "SELECT merchant_id, kind, ident_key, orders FROM merchant_identifiers WHERE merchant_id IN ?", padded(merchants))
	return rowsOf(list), err
}

// Carriers lists who carries each identifier. One part of a statement for
// each, so that a hub of a million costs no more than its bound.
func (x relationIndex) Carriers(ids []relations.Named) ([]relations.Row, error) {
	one := `SELECT * FROM (SELECT merchant_id, kind, ident_key, orders FROM merchant_identifiers
		WHERE ident_key = ? AND kind = ? ORDER BY applied_at DESC` + limited(evidence.MaxHolders+1) + ") AS part"
	var all []relations.Row
	for part := range slices.Chunk(ids, unionParts) {
		full := padded(part)
		args := make([]any, 0, 2*len(full))
		for _, id := range full {
			args = append(args, id.Key, string(id.Kind))
		}
		list, err := query[identifierRow](x.ctx, x.tx, strings.Join(slices.Repeat([]string{one}, len(full)), " UNION ALL "), args...)
		if err != nil {
			return nil, err
		}
		all = append(all, rowsOf(list)...)
	}
	return all, nil
}

// The windows applications are counted in.
const (
	burstDay  = 24 * time.Hour
	burstNear = 72 * time.Hour
	burstBase = 90 * 24 * time.Hour
)

// Applied counts merchants that applied with each identifier, up to a bound.
func (x relationIndex) Applied(ids []relations.Named) ([][3]int64, error) {
	counts := make([][3]int64, len(ids))
	type countRow struct{ At, Within, Count int }
	for from := 0; from < len(ids); from += unionParts / 3 {
		var parts []string
		var args []any
		for i, id := range padded(ids[from:min(from+appliedParts, len(ids))]) {
			for within, window := range []time.Duration{burstDay, burstNear, burstBase} {
				parts = append(parts, fmt.Sprintf(`SELECT %d AS at, %d AS within, COUNT(*) AS count FROM (SELECT 1 FROM merchant_identifiers
					WHERE ident_key = ? AND kind = ? AND applied_at > ? LIMIT %d) AS part`, i, within, relations.MaxApplied))
				args = append(args, id.Key, string(id.Kind), x.at.Add(-window).UnixMicro())
			}
		}
		rows, err := query[countRow](x.ctx, x.tx, strings.Join(parts, " UNION ALL "), args...)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if at := from + row.At; at < len(ids) {
				counts[at][row.Within] = int64(row.Count)
			}
		}
	}
	return counts, nil
}

// Book counts the applications of the whole book.
func (x relationIndex) Book() (evidence.BookRate, error) {
	type rateRow struct{ Near, Base int64 }
	row, err := queryOne[rateRow](x.ctx, x.tx, `SELECT (SELECT COUNT(*) FROM applications WHERE submitted_at > ?) AS near,
		(SELECT COUNT(*) FROM applications WHERE submitted_at > ?) AS base`, x.at.Add(-burstNear).UnixMicro(), x.at.Add(-burstBase).UnixMicro())
	return evidence.BookRate{Applied72H: row.Near, Applied90D: row.Base}, err
}

// Standing gives what is known of some merchants. Arrears and defaults stay
// zero until repayments are stored.
func (x relationIndex) Standing(merchants []string) ([]evidence.RelatedMerchant, error) {
	type standingRow struct {
		ID       string
		Orders   int64
		Drew     int64
		Declined int64
	}
	rows, err := query[standingRow](x.ctx, x.tx, `SELECT m.id,
		COALESCE((SELECT orders FROM merchant_customers WHERE merchant_id = m.id), 0) AS orders,
		(SELECT COUNT(*) FROM lines WHERE merchant_id = m.id AND used_fen > 0) AS drew,
		(SELECT COUNT(*) FROM decisions WHERE merchant_id = m.id AND application_id <> ? AND outcome = 'declined' AND decided_at > ?) AS declined
		FROM merchants m WHERE m.id IN ?`, x.exclude, x.at.Add(-declineMemory).UnixMicro(), padded(merchants))
	if err != nil {
		return nil, err
	}
	committed, err := x.committed(merchants)
	if err != nil {
		return nil, err
	}
	list := make([]evidence.RelatedMerchant, len(rows))
	for i, row := range rows {
		list[i] = evidence.RelatedMerchant{
			ID: row.ID, Committed: committed[row.ID], Borrowed: row.Drew > 0, Declines30: row.Declined, Orders: row.Orders,
		}
	}
	return list, nil
}

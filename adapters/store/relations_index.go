package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"loan310/migrations"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// relationIndex is the book of identifiers inside one transaction.
type relationIndex struct {
	ctx     context.Context
	tx      *gorm.DB
	dialect migrations.Dialect
	at      time.Time
	exclude string // application left out of what is committed
}

var _ relations.Index = relationIndex{}

// askedIdentifier is one identifier as a query is asked about it.
type askedIdentifier struct {
	N    int    `json:"n"`
	Key  string `json:"k"`
	Kind string `json:"d"`
}

// asked gives the table expression, of one parameter, that a list of
// identifiers is to a query, and the parameter: the text is the same however
// many there are, so that each connection prepares it once.
func (x relationIndex) asked(ids []relations.Named) (table, list string, err error) {
	rows := make([]askedIdentifier, len(ids))
	for i, id := range ids {
		rows[i] = askedIdentifier{i, id.Key, string(id.Kind)}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return "", "", fmt.Errorf("list identifiers: %w", err)
	}
	table = "(SELECT value->>'n' AS n, value->>'k' AS k, value->>'d' AS d FROM json_each(?)) AS asked"
	if x.dialect == migrations.Postgres {
		table = "json_to_recordset(CAST(? AS json)) AS asked(n integer, k text, d text)"
	}
	return table, string(text), nil
}

// padLeast is the shortest list a query is written for.
const padLeast = 4

// padded fills a list up to one of a few lengths, with zeros that match
// nothing: each length is a statement to prepare, on each connection.
func padded[T any](list []T) []T {
	most := padLeast
	for most < len(list) {
		most *= 2
	}
	return append(slices.Clip(list), make([]T, most-len(list))...)
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

// Carriers lists who carries each identifier. Each is looked up on its own, so
// that a hub of a million costs no more than its bound.
func (x relationIndex) Carriers(ids []relations.Named) ([]relations.Row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	asked, ask, err := x.asked(ids)
	if err != nil {
		return nil, err
	}
	latest := " WHERE c.ident_key = asked.k AND c.kind = asked.d ORDER BY c.applied_at DESC" + limited(evidence.MaxHolders+1)
	sql := "SELECT m.merchant_id, m.kind, m.ident_key, m.orders FROM " + asked +
		" CROSS JOIN merchant_identifiers m WHERE m.rowid IN (SELECT c.rowid FROM merchant_identifiers c" + latest + ")"
	if x.dialect == migrations.Postgres {
		sql = "SELECT m.merchant_id, m.kind, m.ident_key, m.orders FROM " + asked +
			" CROSS JOIN LATERAL (SELECT c.* FROM merchant_identifiers c" + latest + ") AS m"
	}
	list, err := query[identifierRow](x.ctx, x.tx, sql, ask)
	return rowsOf(list), err
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
	if len(ids) == 0 {
		return counts, nil
	}
	asked, ask, err := x.asked(ids)
	if err != nil {
		return nil, err
	}
	const since = `(SELECT COUNT(*) FROM (SELECT 1 FROM merchant_identifiers c
		WHERE c.ident_key = asked.k AND c.kind = asked.d AND c.applied_at > ? LIMIT %d) AS part)`
	within := fmt.Sprintf(since, relations.MaxApplied)
	type countRow struct {
		N               int
		Day, Near, Base int64
	}
	rows, err := query[countRow](x.ctx, x.tx, "SELECT asked.n, "+within+" AS day, "+within+" AS near, "+within+" AS base FROM "+asked,
		x.at.Add(-burstDay).UnixMicro(), x.at.Add(-burstNear).UnixMicro(), x.at.Add(-burstBase).UnixMicro(), ask)
	for _, row := range rows {
		counts[row.N] = [3]int64{row.Day, row.Near, row.Base}
	}
	return counts, err
}

// Book counts the applications of the whole book.
func (x relationIndex) Book() (evidence.BookRate, error) {
	type rateRow struct{ Near, Base int64 }
	row, err := queryOne[rateRow](x.ctx, x.tx, `SELECT (SELECT COUNT(*) FROM applications WHERE submitted_at > ?) AS near,
		(SELECT COUNT(*) FROM applications WHERE submitted_at > ?) AS base`, x.at.Add(-burstNear).UnixMicro(), x.at.Add(-burstBase).UnixMicro())
	return evidence.BookRate{Applied72H: row.Near, Applied90D: row.Base}, err
}

// Standing gives what is known of some merchants as of the moment.
func (x relationIndex) Standing(merchants []string) ([]evidence.RelatedMerchant, error) {
	type standingRow struct {
		ID       string
		Orders   int64
		Drew     int64
		Declined int64
		Loans    int64
	}
	rows, err := query[standingRow](x.ctx, x.tx, `SELECT m.id,
		COALESCE((SELECT orders FROM merchant_customers WHERE merchant_id = m.id), 0) AS orders,
		(SELECT COUNT(*) FROM lines WHERE merchant_id = m.id AND used_fen > 0) AS drew,
		(SELECT COUNT(*) FROM decisions WHERE merchant_id = m.id AND application_id <> ? AND outcome = 'declined'
			AND decided_at > ? AND decided_at <= ?) AS declined,
		(SELECT COUNT(*) FROM loans WHERE merchant_id = m.id) AS loans
		FROM merchants m WHERE m.id IN ?`, x.exclude, x.at.Add(-declineMemory).UnixMicro(), x.at.UnixMicro(), padded(merchants))
	if err != nil {
		return nil, err
	}
	committed, err := x.committed(merchants)
	if err != nil {
		return nil, err
	}
	var borrowers []string
	for _, row := range rows {
		if row.Loans > 0 {
			borrowers = append(borrowers, row.ID)
		}
	}
	did, err := behaviours(x.ctx, x.tx, borrowers, x.at)
	if err != nil {
		return nil, err
	}
	list := make([]evidence.RelatedMerchant, len(rows))
	for i, row := range rows {
		behaviour := did[row.ID]
		list[i] = evidence.RelatedMerchant{
			ID: row.ID, Committed: committed[row.ID], Borrowed: row.Drew > 0 || behaviour.Loans > 0, Declines30: row.Declined, Orders: row.Orders,
			CurrentDPD: int64(behaviour.DPD), WorstDPD: int64(behaviour.WorstDPD), Defaults: int64(behaviour.Bad),
		}
	}
	return list, nil
}

package store

import (
	"context"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/ident"
)

type auditRow struct {
	Subject   string
	ID        string
	At        moment
	ActorKind string
	ActorID   string
	Action    string
	Detail    string
}

// record writes an audit entry in the caller's transaction.
func record(ctx context.Context, tx *gorm.DB, entry audit.Entry) error {
	_, err := exec(ctx, tx,
		"INSERT INTO audit_entries (subject, id, at, actor_kind, actor_id, action, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
		entry.Subject, ident.NewID(), at(entry.At), entry.Actor.Kind, entry.Actor.ID, entry.Action, entry.Detail)
	return err
}

// Audit lists what was done to a subject, oldest first.
func (db *DB) Audit(ctx context.Context, subject string) ([]audit.Entry, error) {
	rows, err := query[auditRow](ctx, db.engine.reader(), "SELECT * FROM audit_entries WHERE subject = ? ORDER BY id", subject)
	if err != nil {
		return nil, failed("reading the audit trail", err)
	}
	entries := make([]audit.Entry, len(rows))
	for i, row := range rows {
		entries[i] = audit.Entry{
			At:      row.At.Time,
			Actor:   audit.Actor{Kind: row.ActorKind, ID: row.ActorID},
			Action:  row.Action,
			Subject: row.Subject,
			Detail:  row.Detail,
		}
	}
	return entries, nil
}

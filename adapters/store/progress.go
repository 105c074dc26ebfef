package store

import (
	"context"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/underwriting"
)

// Progress gives the log of what applicants are shown.
func (db *DB) Progress() underwriting.ProgressLog { return progress{db} }

type progress struct{ db *DB }

type eventRow struct {
	Seq  int64
	Body document[underwriting.Event]
}

// maxEvents is how many events After gives at most.
const maxEvents = 200

// maxNumberings bounds how often a number is sought for an event. Each loss
// means that another event got one.
const maxNumberings = 100

// Append stores an event under the next number. Two appenders at once are
// told apart by the primary key; the later one tries again.
func (p progress) Append(ctx context.Context, event underwriting.Event) (int64, error) {
	event.Seq = 0
	body := document[underwriting.Event]{event}
	var row eventRow
	var err error
	for range maxNumberings {
		err = p.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
			row, err = queryOne[eventRow](ctx, tx, `INSERT INTO progress_events (application_id, seq, at, kind, body)
				SELECT CAST(? AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT)
				FROM progress_events WHERE application_id = ? RETURNING seq`,
				event.ApplicationID, at(event.At), event.Kind, body, event.ApplicationID)
			return err
		})
		if !duplicate(err) {
			break
		}
	}
	if orphan(err) {
		err = fault.Missing("application").Wrap(err)
	}
	if err != nil {
		return 0, failed("storing a progress event", err)
	}
	p.db.hub.signal(event.ApplicationID, row.Seq)
	return row.Seq, nil
}

// After lists events beyond a number, in order.
func (p progress) After(ctx context.Context, applicationID string, after int64) ([]underwriting.Event, error) {
	rows, err := query[eventRow](ctx, p.db.engine.reader(),
		"SELECT seq, body FROM progress_events WHERE application_id = ? AND seq > ? ORDER BY seq"+limited(maxEvents), applicationID, after)
	if err != nil {
		return nil, failed("reading progress", err)
	}
	events := make([]underwriting.Event, len(rows))
	for i, row := range rows {
		events[i] = row.Body.of
		events[i].Seq = row.Seq
	}
	return events, nil
}

// Watch signals when events may have been added, by this process at once, by
// another within Config.PollEvery.
func (p progress) Watch(applicationID string) (<-chan struct{}, func()) {
	return p.db.hub.watch(applicationID)
}

// latestProgress gives the highest number of each application that has one.
func (db *DB) latestProgress(ctx context.Context, applicationIDs []string) (map[string]int64, error) {
	type latestRow struct {
		ApplicationID string
		Seq           int64
	}
	rows, err := query[latestRow](ctx, db.engine.reader(),
		"SELECT application_id, MAX(seq) AS seq FROM progress_events WHERE application_id IN ? GROUP BY application_id", applicationIDs)
	latest := make(map[string]int64, len(rows))
	for _, row := range rows {
		latest[row.ApplicationID] = row.Seq
	}
	return latest, failed("looking for progress", err)
}

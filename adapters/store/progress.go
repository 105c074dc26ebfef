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

// numbered inserts an event under the next number of its application.
const numbered = `INSERT INTO progress_events (application_id, seq, at, kind, body)
	SELECT CAST(? AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT)
	FROM progress_events WHERE application_id = ?`

func values(event underwriting.Event) []any {
	event.Seq = 0
	return []any{event.ApplicationID, at(event.At), event.Kind, document[underwriting.Event]{event}, event.ApplicationID}
}

// Append stores events under the next numbers. Two appenders at once are
// told apart by the primary key; the later one tries again.
func (p progress) Append(ctx context.Context, events ...underwriting.Event) (int64, error) {
	var row eventRow
	var err error
	for range maxNumberings {
		err = p.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
			for _, event := range events {
				if row, err = queryOne[eventRow](ctx, tx, numbered+" RETURNING seq", values(event)...); err != nil {
					return err
				}
			}
			return nil
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
	for i, event := range events {
		if i == 0 || event.ApplicationID != events[i-1].ApplicationID {
			p.db.hub.touch(event.ApplicationID)
		}
	}
	return row.Seq, nil
}

// tell stores events within the transaction of what they tell. One whose
// number another took meanwhile is lost, and fails nothing.
func tell(ctx context.Context, tx *gorm.DB, events []underwriting.Event) error {
	for _, event := range events {
		if _, err := exec(ctx, tx, numbered+" ON CONFLICT DO NOTHING", values(event)...); err != nil {
			return err
		}
	}
	return nil
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

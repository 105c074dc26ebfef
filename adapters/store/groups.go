package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/migrations"
	"loan310/scoring"
	"loan310/scoring/policy"
	"loan310/scoring/relations"
)

// Groups gives the store of what is done about connected merchants.
func (db *DB) Groups() underwriting.Groups { return groups{db} }

type groups struct{ db *DB }

// groupLine is a line of a group, with the lane it was given in.
type groupLine struct {
	ID         string
	MerchantID string
	LimitFen   int64
	UsedFen    int64
	State      string
	Verdict    document[scoring.Verdict]
}

// Hold locks merchants in order of id, then their lines in order of id.
func (g groups) Hold(ctx context.Context, review underwriting.GroupReview, rule relations.GroupRule, actor audit.Actor) (underwriting.GroupReview, bool, error) {
	held := false
	given := review
	err := g.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		review, held = given, false
		review.Members = slices.Sorted(slices.Values(given.Members))
		lines, err := g.lock(ctx, tx, review.Members)
		if err != nil || holders(lines) < 2 {
			return err
		}
		review.Limit = limitOf(lines, rule)
		committed, err := relationIndex{ctx, tx, g.db.dialect, review.FoundAt, ""}.committed(review.Members)
		if err != nil {
			return err
		}
		for _, amount := range committed {
			review.Committed += amount
		}
		if review.Committed <= review.Limit {
			return nil
		}
		review.Action = rule.OnExcess.Or()
		review.ID = underwriting.GroupReviewID(review.Members, review.Committed, review.Limit)
		var done []lineChange
		switch review.Action {
		case relations.Lower:
			done = lowered(lines, review.Committed-review.Limit)
		case relations.Freeze:
			done = frozen(lines)
		}
		for i := range done {
			review.Lowered += money.Amount(done[i].by)
			if done[i].freeze {
				review.Frozen++
			}
		}
		if len(done) == 0 { // said before, and nothing more can be done?
			known, err := queryOne[int64](ctx, tx, "SELECT COUNT(*) FROM group_reviews WHERE group_id = ? AND limit_fen = ? AND committed_fen - lowered_fen = ?",
				review.GroupID, int64(review.Limit), int64(review.Committed))
			if err != nil || known > 0 {
				return err
			}
		}
		stored, err := exec(ctx, tx, `INSERT INTO group_reviews (id, group_id, members, found_by, action, limit_fen, committed_fen, lowered_fen, frozen, found_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, review.ID, review.GroupID, document[[]string]{review.Members}, review.FoundBy,
			string(review.Action), int64(review.Limit), int64(review.Committed), int64(review.Lowered), review.Frozen, at(review.FoundAt))
		if err != nil {
			return err
		}
		held = stored == 1
		return apply(ctx, tx, &review, done, actor)
	})
	if err != nil || !held {
		return underwriting.GroupReview{}, false, failed("holding a group", err)
	}
	return review, true, nil
}

// lock locks a group and reads its lines, the last accepted first.
func (g groups) lock(ctx context.Context, tx *gorm.DB, members []string) ([]groupLine, error) {
	if g.db.dialect == migrations.Postgres { // SQLite has one writer at a time
		if _, err := query[string](ctx, tx, "SELECT id FROM merchants WHERE id IN ? ORDER BY id FOR NO KEY UPDATE", padded(members)); err != nil {
			return nil, err
		}
		if _, err := query[string](ctx, tx, "SELECT id FROM lines WHERE merchant_id IN ? ORDER BY id FOR NO KEY UPDATE", padded(members)); err != nil {
			return nil, err
		}
	}
	return query[groupLine](ctx, tx, `SELECT l.id, l.merchant_id, l.limit_fen, l.used_fen, l.state, d.verdict FROM lines l JOIN decisions d ON d.id = l.decision_id
		WHERE l.merchant_id IN ? AND l.state <> 'closed' ORDER BY l.accepted_at DESC, l.id DESC`, padded(members))
}

// holders counts the merchants that hold lines.
func holders(lines []groupLine) int {
	var list []string
	for i := range lines {
		if !slices.Contains(list, lines[i].MerchantID) {
			list = append(list, lines[i].MerchantID)
		}
	}
	return len(list)
}

// limitOf is what the group may be committed to together.
func limitOf(lines []groupLine, rule relations.GroupRule) money.Amount {
	for i := range lines {
		if lines[i].Verdict.of.Versions.Lane != policy.ThinFile {
			return rule.Limit
		}
	}
	return rule.ThinLimit
}

// lineChange is what becomes of a line.
type lineChange struct {
	id     string
	by     int64 // off its limit
	freeze bool
}

// lowered takes an excess off the limits, as far as they are not drawn: from
// the line accepted last first.
func lowered(lines []groupLine, excess money.Amount) []lineChange {
	var list []lineChange
	for i := range lines {
		if by := min(int64(excess), lines[i].LimitFen-lines[i].UsedFen); by > 0 {
			list = append(list, lineChange{id: lines[i].ID, by: by})
			excess -= money.Amount(by)
		}
	}
	return list
}

func frozen(lines []groupLine) []lineChange {
	var list []lineChange
	for i := range lines {
		if lines[i].State == "active" {
			list = append(list, lineChange{id: lines[i].ID, freeze: true})
		}
	}
	return list
}

// apply changes locked lines, each with an entry in the audit trail.
func apply(ctx context.Context, tx *gorm.DB, review *underwriting.GroupReview, changes []lineChange, actor audit.Actor) error {
	for _, change := range changes {
		sql, args, action := "UPDATE lines SET limit_fen = limit_fen - ?, version = version + 1 WHERE id = ?", []any{change.by, change.id}, "line.lowered"
		if change.freeze {
			sql, args, action = "UPDATE lines SET state = 'frozen', version = version + 1 WHERE id = ?", []any{change.id}, "line.frozen"
		}
		if _, err := exec(ctx, tx, sql, args...); err != nil {
			return err
		}
		entry := audit.Entry{
			At: review.FoundAt, Actor: actor, Action: action, Subject: "line/" + change.id,
			Detail: "group review " + review.ID + ", by " + money.Amount(change.by).String(),
		}
		if err := record(ctx, tx, entry); err != nil {
			return err
		}
	}
	return record(ctx, tx, audit.Entry{
		At: review.FoundAt, Actor: actor, Action: "group.over_limit", Subject: "group/" + review.GroupID,
		Detail: review.ID + " " + string(review.Action) + " " + review.Committed.String() + " of " + review.Limit.String(),
	})
}

type reviewRow struct {
	ID           string
	GroupID      string
	Members      document[[]string]
	FoundBy      string
	Action       string
	LimitFen     int64
	CommittedFen int64
	LoweredFen   int64
	Frozen       int
	FoundAt      moment
}

// Reviews lists reviews, newest first.
func (g groups) Reviews(ctx context.Context, p underwriting.Page) ([]underwriting.GroupReview, string, error) {
	page, err := newPage(p.Cursor, p.Limit)
	if err != nil {
		return nil, "", failed("listing group reviews", err)
	}
	where, args := page.where(nil, nil, "found_at")
	rows, err := query[reviewRow](ctx, g.db.engine.reader(), "SELECT * FROM group_reviews"+and(where)+" ORDER BY found_at DESC, id DESC"+limited(page.limit+1), args...)
	if err != nil {
		return nil, "", failed("listing group reviews", err)
	}
	next := ""
	if len(rows) > page.limit {
		rows = rows[:page.limit]
		last := &rows[len(rows)-1]
		next = cursor(last.FoundAt.Time, last.ID)
	}
	list := make([]underwriting.GroupReview, len(rows))
	for i, row := range rows {
		list[i] = underwriting.GroupReview{
			ID: row.ID, GroupID: row.GroupID, Members: row.Members.of, FoundBy: row.FoundBy, Action: relations.Excess(row.Action),
			Limit: money.Amount(row.LimitFen), Committed: money.Amount(row.CommittedFen), Lowered: money.Amount(row.LoweredFen),
			Frozen: row.Frozen, FoundAt: row.FoundAt.Time,
		}
	}
	return list, next, nil
}

// Seen lists merchants with new identifiers.
func (g groups) Seen(ctx context.Context, since time.Time, after string, limit int) ([]string, error) {
	list, err := query[string](ctx, g.db.engine.reader(),
		"SELECT DISTINCT merchant_id FROM merchant_identifiers WHERE first_seen_at >= ? AND merchant_id > ? ORDER BY merchant_id"+limited(limit),
		since.UnixMicro(), after)
	return list, failed("listing merchants with new identifiers", err)
}

package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/migrations"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// Relations gives the book of who carries which identifier.
func (db *DB) Relations() underwriting.RelationBook { return relationBook{db} }

type relationBook struct{ db *DB }

// identifierRow is one merchant's hold on one identifier.
type identifierRow struct {
	MerchantID  string
	Kind        string
	IdentKey    string
	Orders      int64
	FirstSeenAt int64
	AppliedAt   int64
}

func (identifierRow) TableName() string { return "merchant_identifiers" }

// noteIdentifiers records that a merchant carries identifiers; what it carried
// before stays. Applied is the moment of an application with them, zero
// outside one.
func (db *DB) noteIdentifiers(ctx context.Context, tx *gorm.DB, merchantID string, found []relations.Found, seen, applied time.Time) error {
	var values []string
	var args []any
	for _, one := range found {
		if one.Value == "" {
			continue
		}
		key, err := db.keys.blind("relation/"+one.Kind.Space(), one.Value)
		if err != nil {
			return err
		}
		appliedAt := int64(0)
		if !applied.IsZero() {
			appliedAt = applied.UnixMicro()
		}
		values = append(values, "(?, ?, ?, ?, ?, ?)")
		args = append(args, merchantID, string(one.Kind), key, one.Orders, seen.UnixMicro(), appliedAt)
	}
	if len(values) == 0 {
		return nil
	}
	_, err := exec(ctx, tx, `INSERT INTO merchant_identifiers (merchant_id, kind, ident_key, orders, first_seen_at, applied_at)
		VALUES `+strings.Join(values, ", ")+` ON CONFLICT (merchant_id, kind, ident_key) DO UPDATE SET orders = excluded.orders,
		applied_at = CASE WHEN excluded.applied_at > merchant_identifiers.applied_at THEN excluded.applied_at ELSE merchant_identifiers.applied_at END`, args...)
	return err
}

// ownIdentifiers lists what a registration tells of a merchant.
func ownIdentifiers(m merchant.Merchant) []relations.Found {
	return []relations.Found{
		{Kind: evidence.LinkPhone, Value: m.Phone.Reveal()},
		{Kind: evidence.LinkPerson, Value: m.LegalRep.IdentityNumber.Reveal()},
		{Kind: evidence.LinkAccount, Value: m.Payout.Number.Reveal()},
	}
}

// cameFrom lists what is known of where somebody registers or applies from.
func cameFrom(origin ident.Origin) []relations.Found {
	return []relations.Found{{Kind: evidence.LinkDevice, Value: origin.DeviceID}, {Kind: evidence.LinkIP, Value: origin.Network()}}
}

// noteApplication records an application's identifiers: those of the
// registration, where it came from, and what it looks like.
func (s underwritings) noteApplication(ctx context.Context, tx *gorm.DB, a underwriting.Application) error {
	row, err := queryOne[merchantRow](ctx, tx, "SELECT * FROM merchants WHERE id = ?", a.MerchantID)
	if err != nil {
		return err
	}
	m, err := merchants(s).domain(row)
	if err != nil {
		return err
	}
	found := append(append(ownIdentifiers(m), cameFrom(a.Origin)...),
		relations.Found{Kind: evidence.LinkPattern, Value: relations.Pattern(a.AmountWanted, a.Purpose, m.Licence.Industry, m.Licence.Region)})
	return s.db.noteIdentifiers(ctx, tx, a.MerchantID, found, a.SubmittedAt, a.SubmittedAt)
}

// NoteCustomers replaces a merchant's identifiers of some kinds.
func (b relationBook) NoteCustomers(ctx context.Context, merchantID string, kinds []evidence.IdentifierKind, found []relations.Found, orders int64, at time.Time) error {
	err := b.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "DELETE FROM merchant_identifiers WHERE merchant_id = ? AND kind IN ?", merchantID, kinds); err != nil {
			return err
		}
		if err := b.db.noteIdentifiers(ctx, tx, merchantID, found, at, at); err != nil {
			return err
		}
		if !slices.ContainsFunc(kinds, evidence.IdentifierKind.Customer) {
			return nil
		}
		_, err := exec(ctx, tx, `INSERT INTO merchant_customers (merchant_id, orders, counted_at) VALUES (?, ?, ?)
			ON CONFLICT (merchant_id) DO UPDATE SET orders = excluded.orders, counted_at = excluded.counted_at`, merchantID, orders, at.UnixMicro())
		return err
	})
	if orphan(err) {
		err = fault.Missing("merchant").Wrap(err)
	}
	return failed("noting customers", err)
}

// Around reads a merchant's neighbourhood as of a moment, in one transaction.
func (b relationBook) Around(ctx context.Context, merchantID, applicationID string, asOf time.Time) (*evidence.Relations, error) {
	var around *evidence.Relations
	err := b.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		var err error
		around, err = relations.Around(relationIndex{ctx, tx, b.db.dialect, asOf, applicationID}, merchantID)
		return err
	})
	return around, failed("reading relations", err)
}

// holdGroup makes sure, in the transaction that stores an approval, that the
// connected group is not committed to more than it may be, and that no
// merchant has come near that the decision did not know of. The merchants of
// the group are locked first, in order of id: of two decisions of one group
// one waits, and then reads what the other has committed.
func (s underwritings) holdGroup(ctx context.Context, tx *gorm.DB, d underwriting.Decision) error {
	group := d.Verdict.Relations
	if d.Verdict.Outcome != scoring.Approved || group == nil || d.Verdict.Terms == nil {
		return nil
	}
	if s.db.dialect == migrations.Postgres { // SQLite has one writer at a time
		if _, err := query[string](ctx, tx, "SELECT id FROM merchants WHERE id IN ? ORDER BY id FOR NO KEY UPDATE", group.Members); err != nil {
			return err
		}
	}
	index := relationIndex{ctx, tx, s.db.dialect, d.DecidedAt, d.ApplicationID}
	if d.Near != nil {
		near, err := relations.Near(index, d.MerchantID)
		if err != nil {
			return err
		}
		for _, merchant := range near {
			if !slices.Contains(d.Near, merchant) {
				return groupChanged()
			}
		}
	}
	if group.Limit == 0 {
		return nil
	}
	committed, err := index.committed(group.Members)
	if err != nil {
		return err
	}
	sum := d.Verdict.Terms.Limit
	for _, amount := range committed {
		sum += amount
	}
	if sum > group.Limit {
		return groupChanged()
	}
	return nil
}

func groupChanged() error {
	return fault.New(fault.Conflict, underwriting.CodeGroupChanged, "connected merchants were decided meanwhile; decide again")
}

// committed sums up, by merchant, the limits of lines that are not closed and
// of offers that may still be accepted, without the application left out.
func (x relationIndex) committed(merchants []string) (map[string]money.Amount, error) {
	type amountRow struct {
		MerchantID string
		Fen        int64
	}
	sums := map[string]money.Amount{}
	lines, err := query[amountRow](x.ctx, x.tx, `SELECT merchant_id, CAST(SUM(limit_fen) AS BIGINT) AS fen FROM lines
		WHERE merchant_id IN ? AND state <> 'closed' GROUP BY merchant_id`, padded(merchants))
	if err != nil {
		return nil, err
	}
	for _, row := range lines {
		sums[row.MerchantID] += money.Amount(row.Fen)
	}
	type offerRow struct {
		MerchantID string
		Verdict    document[scoring.Verdict]
	}
	offers, err := query[offerRow](x.ctx, x.tx, `SELECT a.merchant_id, d.verdict FROM applications a JOIN decisions d ON d.id = a.decision_id
		WHERE a.merchant_id IN ? AND a.state = 'approved' AND a.id <> ? AND (a.offer_expires_at IS NULL OR a.offer_expires_at > ?)`,
		padded(merchants), x.exclude, x.at.UnixMicro())
	if err != nil {
		return nil, err
	}
	for _, row := range offers {
		if row.Verdict.of.Terms != nil {
			sums[row.MerchantID] += row.Verdict.of.Terms.Limit
		}
	}
	return sums, nil
}

package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// now is the moment all tests happen at.
func now() time.Time { return time.Date(2026, 11, 11, 0, 0, 0, 123456000, time.UTC) }

// suite is one database to test on.
type suite struct {
	*store.DB
	config store.Config
	keys   []byte
	file   string     // SQLite only
	t      *testing.T // of the test it was made for
	b      *testing.B // of the benchmark it was made for
}

// onBoth runs a test on SQLite (a file of its own) and on PostgreSQL (a
// schema of its own).
func onBoth(t *testing.T, test func(s *suite)) {
	t.Helper()
	onBothEmpty(t, func(s *suite) {
		require.NoError(s.t, s.Migrate(s.t.Context()))
		test(s)
	})
}

// onBothEmpty is onBoth without a schema.
func onBothEmpty(t *testing.T, test func(s *suite)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s := onSQLite(t, "?synchronous=normal")
		s.t = t
		test(s)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := onPostgres(t)
		s.t = t
		test(s)
	})
}

func onSQLite(tb testing.TB, options string) *suite {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "store.db")
	return newSuite(tb, "sqlite://"+file+options, file)
}

func onPostgres(tb testing.TB) *suite {
	tb.Helper()
	dsn := os.Getenv("LOAN310_TEST_POSTGRES")
	if dsn == "" {
		if os.Getenv("LOAN310_REQUIRE_POSTGRES") == "1" {
			tb.Fatal("LOAN310_TEST_POSTGRES is not set: run through tools/withpg")
		}
		tb.Skip("no PostgreSQL: LOAN310_TEST_POSTGRES is not set (tools/withpg sets it)")
	}
	schema := "t" + uuid.New().String()[:8]
	run(tb, dsn, "CREATE SCHEMA "+schema)
	tb.Cleanup(func() { run(tb, dsn, "DROP SCHEMA "+schema+" CASCADE") })
	target, err := url.Parse(dsn)
	require.NoError(tb, err)
	values := target.Query()
	values.Set("search_path", schema)
	target.RawQuery = values.Encode()
	return newSuite(tb, target.String(), "")
}

// run runs one statement on PostgreSQL.
func run(tb testing.TB, dsn, statement string) {
	tb.Helper()
	pool, err := sql.Open("pgx", dsn)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, pool.Close()) }()
	_, err = pool.ExecContext(context.Background(), statement)
	require.NoError(tb, err)
}

func newSuite(tb testing.TB, dsn, file string) *suite {
	tb.Helper()
	text, err := store.GenerateKeys()
	require.NoError(tb, err)
	keys, err := store.ParseKeys(text)
	require.NoError(tb, err)
	s := &suite{
		config: store.Config{DSN: dsn, Keys: keys, Clock: clock.Fixed(now()), PollEvery: 20 * time.Millisecond, MaxOpen: 8},
		keys:   text, file: file,
	}
	s.DB = s.open(tb)
	return s
}

// open opens the same database once more, as another process would.
func (s *suite) open(tb testing.TB) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), s.config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// entry is an audit entry about a subject.
func entry(action, subject string) audit.Entry {
	return audit.Entry{At: now(), Actor: audit.Workflow("test"), Action: action, Subject: subject, Detail: "{}"}
}

// The personal data of every test merchant, to be found nowhere in the clear.
const (
	plainName     = "王小明"
	plainIdentity = "11010519491231002X"
	plainAccount  = "6123451234567893"
	plainShop     = "小明百货店"
)

// newPhone gives a phone nobody has.
func newPhone() string { return fmt.Sprintf("+86139%08d", uuid.New().ID()%100_000_000) }

// newMerchant describes an active merchant with every step done.
func newMerchant() merchant.Merchant {
	id := ident.NewID()
	m := merchant.Merchant{
		ID: id, Version: 1, State: merchant.Active, PlatformID: "taobao", Language: "zh-CN", Phone: merchant.Secret(newPhone()),
		Licence: merchant.Licence{
			Number: "91350100" + uuid.New().String()[:10], Name: plainShop, LegalRepName: plainName, Status: evidence.RegistryActive,
			EstablishedAt: time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), Region: "350100", Industry: "5219", Kind: "individual",
		},
		LegalRep:  merchant.LegalRep{Name: plainName, IdentityNumber: plainIdentity},
		Payout:    merchant.PayoutAccount{Rail: "bank", Number: plainAccount, Holder: plainName},
		Steps:     map[merchant.Step]merchant.Progress{},
		CreatedAt: now().Add(-time.Hour), ActivatedAt: now(),
	}
	for _, step := range merchant.Steps {
		m.Steps[step] = merchant.Progress{State: merchant.StepVerified, At: now()}
	}
	for _, source := range evidence.Sources {
		m.Consents = append(m.Consents, merchant.Consent{Source: source, Version: "2026-01", Language: "zh-CN", GivenAt: now()})
	}
	return m
}

// merchant stores a merchant.
func (s *suite) merchant(tb testing.TB) merchant.Merchant {
	tb.Helper()
	m := newMerchant()
	require.NoError(tb, s.Merchants().Create(tb.Context(), m, entry("merchant.registered", "merchant/"+m.ID)))
	return m
}

func newApplication(merchantID string) underwriting.Application {
	return underwriting.Application{
		ID: ident.NewID(), Version: 1, MerchantID: merchantID, State: underwriting.Submitted, AmountWanted: 100_000 * money.Yuan,
		Purpose: "stock", SubmittedAt: now(), DecideBy: now().Add(underwriting.Within),
	}
}

// application stores an application of a new merchant.
func (s *suite) application(tb testing.TB) underwriting.Application {
	tb.Helper()
	a := newApplication(s.merchant(tb).ID)
	require.NoError(tb, s.Underwriting().Submit(tb.Context(), a, entry("application.submitted", "application/"+a.ID)))
	return a
}

func newTerms() scoring.Terms {
	return scoring.Terms{
		Limit: 100_000 * money.Yuan, AnnualRateBps: 1200, IRRBps: 1268, DayCountBase: 360, TenorMonths: []int{3, 6, 12},
		Repayment: []scoring.RepaymentType{scoring.EqualInstalments, scoring.AnyTime}, ValidDays: 7,
	}
}

// newDecision describes a verdict with something in every field.
func newDecision(a underwriting.Application, seq int, outcome scoring.Outcome) underwriting.Decision {
	d := underwriting.Decision{
		ID: ident.NewID(), ApplicationID: a.ID, MerchantID: a.MerchantID, Seq: seq,
		Verdict: scoring.Verdict{
			Outcome: outcome, Score: 640, PDPpm: 21_000, Reasons: []scoring.Reason{{Code: "thin_file", Points: 12, Args: map[string]int64{"orders": 3}}},
			Authenticity: scoring.Authenticity{ScoreBps: 9_800, ClaimedRevenue: 1_000_000, VerifiedRevenue: 990_000, FlaggedSample: []string{"o-1"}},
			Features:     []scoring.FeatureValue{{Name: "verified_revenue", Value: 990_000, State: scoring.FeatureKnown}},
			Versions:     scoring.Versions{Strategy: "base@1", StrategyHash: "ab", Lane: "standard", Scorecard: "card@1", Code: "1"},
		},
		Snapshot: underwriting.Snapshot{
			AsOf: now(), Applicant: scoring.Applicant{AppliedAt: now(), AmountWanted: a.AmountWanted, RegisteredAt: now()},
			Evidence: []evidence.Meta{{Source: evidence.Bank, State: evidence.Known, Ref: "r", Hash: "h", Rows: 3, FetchedAt: now()}},
			Strategy: "ab",
		},
		InputHash: "in", VerdictHash: "out", DecidedAt: now().Add(time.Second), LatencyMS: 1000,
	}
	if outcome == scoring.Approved {
		terms := newTerms()
		d.Verdict.Terms, d.OfferExpires, d.ContractHash = &terms, now().AddDate(0, 0, 7), "contract"
	}
	return d
}

// newLine describes the line of an approval.
func newLine(d underwriting.Decision, limit money.Amount) underwriting.Line {
	return underwriting.Line{
		ID: ident.NewID(), Version: 1, MerchantID: d.MerchantID, ApplicationID: d.ApplicationID, DecisionID: d.ID, Limit: limit,
		Terms: newTerms(), State: "active", ContractHash: "contract", AcceptedAt: now(),
	}
}

// line stores a line with the given limit, of a new merchant.
func (s *suite) line(tb testing.TB, limit money.Amount) underwriting.Line {
	tb.Helper()
	a := s.application(tb)
	d := newDecision(a, 1, scoring.Approved)
	_, err := s.Underwriting().Decide(tb.Context(), d, entry("decision.made", "application/"+a.ID))
	require.NoError(tb, err)
	line, err := s.Underwriting().Accept(tb.Context(), newLine(d, limit), entry("offer.accepted", "application/"+a.ID))
	require.NoError(tb, err)
	return line
}

func newDrawdown(line underwriting.Line, amount money.Amount) drawdown.Drawdown {
	id := ident.NewID()
	return drawdown.Drawdown{
		ID: id, Version: 1, LineID: line.ID, MerchantID: line.MerchantID, Key: "key-" + id, PayloadHash: "hash-" + amount.String(),
		Amount: amount, TenorMonths: 6, Repayment: scoring.EqualInstalments, RateBps: 1200, State: drawdown.Requested, RequestedAt: now(),
	}
}

// drawdown stores a drawdown.
func (s *suite) drawdown(tb testing.TB, line underwriting.Line, amount money.Amount) drawdown.Drawdown {
	tb.Helper()
	d, err := s.Drawdowns().Create(tb.Context(), newDrawdown(line, amount), entry("drawdown.requested", "drawdown/x"))
	require.NoError(tb, err)
	return d
}

func newPayout(d drawdown.Drawdown) drawdown.Payout {
	return drawdown.Payout{
		Key: d.ID + ":payout", DrawdownID: d.ID, Attempt: 1, Version: 1, PayloadHash: "p", Amount: d.Amount, Rail: "bank",
		Account: plainAccount, Holder: plainName, State: drawdown.PayoutRequested, CreatedAt: now(),
	}
}

// promised is the journal that reserves a drawdown.
func promised(d drawdown.Drawdown) ledger.Journal {
	return ledger.Journal{
		ID: ident.DerivedID(d.ID, "promised"), Key: d.ID + ":reserve", Subject: "drawdown/" + d.ID, Kind: "disbursement_promised", BookedAt: now(),
		Postings: []ledger.Posting{{Account: ledger.PrincipalReceivable, Amount: d.Amount}, {Account: ledger.PayoutInTransit, Amount: -d.Amount}},
	}
}

// paid is the journal that settles a drawdown.
func paid(d drawdown.Drawdown) ledger.Journal {
	return ledger.Journal{
		ID: ident.DerivedID(d.ID, "paid"), Key: d.ID + ":paid", Subject: "drawdown/" + d.ID, Kind: "disbursement_paid", BookedAt: now(),
		Postings: []ledger.Posting{{Account: ledger.PayoutInTransit, Amount: d.Amount}, {Account: ledger.SettlementBank, Amount: -d.Amount}},
	}
}

// reserve reserves a drawdown.
func (s *suite) reserve(tb testing.TB, d drawdown.Drawdown) (drawdown.Drawdown, drawdown.Payout) {
	tb.Helper()
	stored, payout, err := s.Drawdowns().Reserve(tb.Context(), d.ID, newPayout(d), promised(d), entry("drawdown.reserved", "drawdown/"+d.ID))
	require.NoError(tb, err)
	return stored, payout
}

// sound requires that the books fit what they are about.
func (s *suite) sound(tb testing.TB) store.LedgerReport {
	tb.Helper()
	report, err := s.Ledger().Verify(context.WithoutCancel(tb.Context()))
	require.NoError(tb, err)
	require.Empty(tb, report.Faults)
	require.True(tb, report.Sound())
	return report
}

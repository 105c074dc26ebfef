package drawdown_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/app/underwriting"
	"loan310/scoring"
)

// rail is a payout rail under the test's control. It remembers what it paid
// by our reference, as real ones do.
type rail struct {
	mu    sync.Mutex
	pays  int
	asks  int
	paid  map[string]int
	onPay func(r *rail, told drawdown.Instruction) (drawdown.Receipt, error)
}

func (r *rail) Pay(_ context.Context, told drawdown.Instruction) (drawdown.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pays++
	return r.onPay(r, told)
}

func (r *rail) Query(_ context.Context, key string) (drawdown.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks++
	if r.paid[key] == 0 {
		return drawdown.Receipt{State: drawdown.RailNoRecord}, nil
	}
	return drawdown.Receipt{State: drawdown.RailPaid, Ref: "R" + key}, nil
}

func (r *rail) accept(told drawdown.Instruction) drawdown.Receipt {
	r.paid[told.Key] = 1 // the same reference pays once, however often it comes
	return drawdown.Receipt{State: drawdown.RailPaid, Ref: "R" + told.Key}
}

// What rails do.
var (
	answers        = func(r *rail, told drawdown.Instruction) (drawdown.Receipt, error) { return r.accept(told), nil }
	losesTheAnswer = func(r *rail, told drawdown.Instruction) (drawdown.Receipt, error) {
		r.accept(told)
		return drawdown.Receipt{}, errors.New("connection reset")
	}
	neverHears = func(*rail, drawdown.Instruction) (drawdown.Receipt, error) {
		return drawdown.Receipt{}, errors.New("time-out")
	}
	isUnreachable = func(*rail, drawdown.Instruction) (drawdown.Receipt, error) {
		return drawdown.Receipt{}, fmt.Errorf("breaker: %w", drawdown.ErrNotSent)
	}
	refuses = func(*rail, drawdown.Instruction) (drawdown.Receipt, error) {
		return drawdown.Receipt{State: drawdown.RailFailed, Code: "PAYEE_NOT_EXIST"}, nil
	}
)

// world is a service over a real SQLite file with one open line of 10,000 yuan.
type world struct {
	db      *store.DB
	file    string
	service *drawdown.Service
	rail    *rail // the wallet
	bank    *rail
	rails   map[string]drawdown.Rail
	limits  map[string]drawdown.Limit
	line    underwriting.Line
	mu      sync.Mutex
	at      time.Time
}

// exec changes the database behind the store's back.
func (w *world) exec(t *testing.T, statement string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+w.file)
	require.NoError(t, err)
	_, err = pool.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, pool.Close())
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func newWorld(t *testing.T, onPay func(*rail, drawdown.Instruction) (drawdown.Receipt, error)) *world {
	t.Helper()
	return newWorldOf(t, onPay, loan.Catalogue{})
}

// newWorldOf is newWorld with products of its own.
func newWorldOf(t *testing.T, onPay func(*rail, drawdown.Instruction) (drawdown.Receipt, error), products loan.Catalogue) *world {
	t.Helper()
	w := &world{at: time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC), rail: &rail{paid: map[string]int{}, onPay: onPay}, bank: &rail{paid: map[string]int{}, onPay: answers}, limits: map[string]drawdown.Limit{}}
	text, err := store.GenerateKeys()
	require.NoError(t, err)
	keys, err := store.ParseKeys(text)
	require.NoError(t, err)
	w.file = filepath.Join(t.TempDir(), "test.db")
	w.db, err = store.Open(t.Context(), store.Config{
		DSN: "sqlite://" + w.file + "?synchronous=normal", Keys: keys, Clock: w.now, Products: products,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.db.Close()) })
	require.NoError(t, w.db.Migrate(t.Context()))
	w.openLine(t)
	w.rails = map[string]drawdown.Rail{"wallet": w.rail, "bank": w.bank}
	w.service = drawdown.NewService(drawdown.Deps{
		Store: w.db.Drawdowns(), Desk: w.db.PayoutDesk(), Rails: w.rails,
		Agree: w.agree, Limits: w.limits, FailOver: map[string]string{"wallet": "bank"}, Now: w.now, NewID: ident.NewID,
		Logger: slog.New(slog.DiscardHandler), Grace: 15 * time.Second, MaxAge: 20 * time.Hour,
	})
	return w
}

// withUpfrontFee is a catalogue whose one product keeps so much of the
// principal back at payout.
func withUpfrontFee(t *testing.T, bps money.BasisPoints) loan.Catalogue {
	t.Helper()
	standard, err := loan.StandardCatalogue()
	require.NoError(t, err)
	product, ok := standard.For(scoring.EqualInstalments)
	require.True(t, ok)
	folder := fstest.MapFS{}
	product.Fees.UpfrontBps = bps
	text, err := json.Marshal(product)
	require.NoError(t, err)
	folder["1.json"] = &fstest.MapFile{Data: text}
	catalogue, err := loan.ReadCatalogue(folder)
	require.NoError(t, err)
	return catalogue
}

// agree prices a draw as the stack does.
func (w *world) agree(line drawdown.Line, request drawdown.Request) (drawdown.Agreed, error) {
	contract, _, err := servicing.Offer(w.db.Products(), servicing.Terms{
		Amount: request.Amount, RateBps: line.Terms.AnnualRateBps, TenorMonths: request.TenorMonths, Repayment: request.Repayment, PaidAt: w.now(),
	})
	return drawdown.Agreed{ProductID: contract.Product.ID, ProductVersion: contract.Product.Version, Fee: contract.UpfrontFee()}, err
}

func (w *world) openLine(t *testing.T) {
	t.Helper()
	entry := audit.Entry{At: w.now(), Actor: audit.System("test"), Action: "test", Subject: "test"}
	m := merchant.Merchant{
		ID: ident.NewID(), Version: 1, State: merchant.Active, Language: "en", Phone: "+8613800138000", CreatedAt: w.now(), ActivatedAt: w.now(),
		Licence: merchant.Licence{Number: "91350100M000100Y43"}, LegalRep: merchant.LegalRep{Name: "王小明", IdentityNumber: "11010519491231002X"},
		Payout: merchant.PayoutAccount{Rail: "wallet", Number: "6123451234567893", Holder: "王小明"}, Steps: map[merchant.Step]merchant.Progress{},
	}
	require.NoError(t, w.db.Merchants().Create(t.Context(), m, entry))
	a := underwriting.Application{
		ID: ident.NewID(), Version: 1, MerchantID: m.ID, State: underwriting.Submitted, AmountWanted: 10_000 * money.Yuan, Purpose: "stock",
		SubmittedAt: w.now(), DecideBy: w.now().Add(time.Minute),
	}
	require.NoError(t, w.db.Underwriting().Submit(t.Context(), a, entry))
	terms := scoring.Terms{
		Limit: 10_000 * money.Yuan, AnnualRateBps: 1200, IRRBps: 1217, DayCountBase: 360, TenorMonths: []int{3, 12},
		Repayment: []scoring.RepaymentType{scoring.EqualInstalments}, ValidDays: 7,
	}
	d, err := w.db.Underwriting().Decide(t.Context(), underwriting.Decision{
		ID: ident.NewID(), ApplicationID: a.ID, MerchantID: m.ID, Seq: 1, DecidedAt: w.now(), OfferExpires: w.now().Add(time.Hour),
		Verdict: scoring.Verdict{Outcome: scoring.Approved, Terms: &terms, Reasons: []scoring.Reason{}, Features: []scoring.FeatureValue{}},
	}, entry)
	require.NoError(t, err)
	w.line, err = w.db.Underwriting().Accept(t.Context(), underwriting.Line{
		ID: ident.NewID(), MerchantID: m.ID, ApplicationID: a.ID, DecisionID: d.ID, Limit: terms.Limit, Terms: terms, State: "active", AcceptedAt: w.now(),
	}, entry)
	require.NoError(t, err)
}

// open asks for a draw and reserves it.
func (w *world) open(t *testing.T, key string, yuan money.Amount) drawdown.Drawdown {
	t.Helper()
	d, err := w.service.Open(t.Context(), w.request(key, yuan), audit.System("test"))
	require.NoError(t, err)
	d, err = w.service.Reserve(t.Context(), d.ID)
	require.NoError(t, err)
	return d
}

func (w *world) request(key string, yuan money.Amount) drawdown.Request {
	return drawdown.Request{Key: key, LineID: w.line.ID, Amount: yuan * money.Yuan, TenorMonths: 12, Repayment: scoring.EqualInstalments}
}

func (w *world) pay(t *testing.T, id string) drawdown.State {
	t.Helper()
	d, err := w.service.Pay(t.Context(), id)
	require.NoError(t, err)
	return d.State
}

// sound holds the ledger against lines, draws and payouts.
func (w *world) sound(t *testing.T, used money.Amount) {
	t.Helper()
	report, err := w.db.Ledger().Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.Sound(), "%v", report.Faults)
	line, err := w.db.Underwriting().Line(t.Context(), w.line.ID)
	require.NoError(t, err)
	require.Equal(t, used*money.Yuan, line.Used)
}

func TestDrawIsPaidOnceAndTheBooksAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 1, w.rail.pays)
	w.sound(t, 6_000)
}

func TestLostAnswerIsSettledByAskingNeverByPayingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, losesTheAnswer)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	w.sound(t, 6_000)
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 1, w.rail.pays)
	w.sound(t, 6_000)
}

func TestNoRecordIsBelievedOnlyAfterTheGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	w.pass(14 * time.Second)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	require.Equal(t, 1, w.rail.pays) // 14 s < 15 s: the first call may still be under way
	w.pass(time.Second)
	w.rail.onPay = answers
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 2, w.rail.pays)
	require.Len(t, w.rail.paid, 1) // the same reference both times
	w.sound(t, 6_000)
}

func TestPayoutIsNeverSentAgainBeyondTheRailsMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	w.pass(20 * time.Hour)
	w.rail.onPay = answers
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	require.Equal(t, 1, w.rail.pays)
	w.sound(t, 6_000) // neither released nor forgotten
}

func TestUnreachableRailIsTriedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, isUnreachable)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
	w.rail.onPay = answers
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID)) // at once: what surely was not sent needs no grace
	require.Zero(t, w.rail.asks)
	w.sound(t, 6_000)
}

func TestRefusedPayoutGivesTheHeadroomBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, refuses)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Failed, w.pay(t, d.ID))
	w.sound(t, 0)
	stored, err := w.service.Drawdown(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, drawdown.CodeRailRefused, stored.FailureCode)
}

func TestManyWorkersOnOneDrawPayOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	d := w.open(t, "k1", 6_000)
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for range 20 {
				ended, err := w.service.Pay(context.Background(), d.ID)
				if err == nil && ended.State.Final() {
					return
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 1, w.rail.pays)
	w.sound(t, 6_000)
}

func TestSameKeyWithAnotherBodyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	first, err := w.service.Open(t.Context(), w.request("k1", 500), audit.System("test"))
	require.NoError(t, err)
	again, err := w.service.Open(t.Context(), w.request("k1", 500), audit.System("test"))
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	_, err = w.service.Open(t.Context(), w.request("k1", 501), audit.System("test"))
	require.Equal(t, fault.Mismatch, fault.KindOf(err))
}

func TestDrawBeyondTheHeadroomFailsAsAResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	require.Equal(t, drawdown.Paying, w.open(t, "k1", 6_000).State)
	second := w.open(t, "k2", 6_000)
	require.Equal(t, drawdown.Failed, second.State)
	require.Equal(t, fault.CodeInsufficientLine, second.FailureCode)
	w.sound(t, 6_000)
}

func TestDrawIsCheckedAgainstTheLinesTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	for name, c := range map[string]struct {
		change func(*drawdown.Request)
		code   fault.Code
		field  string
	}{
		"no key":            {func(r *drawdown.Request) { r.Key = "" }, fault.CodeInvalid, "Idempotency-Key"},
		"99.99 < 100.00":    {func(r *drawdown.Request) { r.Amount = 99_99 }, drawdown.CodeAmount, "amount_fen"},
		"10,000.01 > limit": {func(r *drawdown.Request) { r.Amount = 10_000_01 }, drawdown.CodeAmount, "amount_fen"},
		"6 not in 3, 12":    {func(r *drawdown.Request) { r.TenorMonths = 6 }, drawdown.CodeTenor, "tenor_months"},
		"bullet not there":  {func(r *drawdown.Request) { r.Repayment = scoring.Bullet }, drawdown.CodeRepayment, "repayment"},
	} {
		request := w.request("k", 500)
		c.change(&request)
		_, err := w.service.Open(t.Context(), request, audit.System("test"))
		known, ok := errors.AsType[*fault.Error](err)
		require.True(t, ok, name)
		require.Equal(t, c.code, known.Code, name)
		require.Equal(t, c.field, known.Field, name)
	}
}

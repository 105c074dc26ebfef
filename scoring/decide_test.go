package scoring_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
)

func TestAnEstablishedShopIsApprovedFromVerifiedRevenue(t *testing.T) {
	t.Parallel()
	verdict := established().decide(t)
	require.Equal(t, scoring.Approved, verdict.Outcome, verdict.Reasons)
	require.Equal(t, policy.Standard, verdict.Versions.Lane)
	require.Equal(t, "standard@2", verdict.Versions.Scorecard)
	monthly := feature(t, verdict, "verified_monthly_fen").Value
	require.InDelta(t, 30_000*600/365*30, monthly, 15_000)
	require.LessOrEqual(t, verdict.Terms.Limit, money.Amount(2*monthly))
	require.Zero(t, verdict.Terms.Limit%10_000, "whole hundreds of yuan")
	require.GreaterOrEqual(t, verdict.Terms.IRRBps, verdict.Terms.AnnualRateBps)
	require.LessOrEqual(t, verdict.Terms.IRRBps, money.BasisPoints(2_400))
	require.LessOrEqual(t, len(verdict.Reasons), 5)
	require.Empty(t, verdict.Degradations)
	require.Nil(t, verdict.WaitFor)
}

func TestTheRequestAndTheFirstLineBoundTheLimit(t *testing.T) {
	t.Parallel()
	m := established()
	m.applicant.AmountWanted = 333_333
	verdict := m.decide(t)
	require.Equal(t, money.Amount(330_000), verdict.Terms.Limit)
	require.Contains(t, codes(verdict.Reasons), "limit_wanted")
	m = established()
	for i := range m.orders {
		m.orders[i].Amount *= 100
	}
	for i := range m.transactions {
		m.transactions[i].Amount *= 100
	}
	verdict = m.decide(t)
	require.Equal(t, money.Amount(30_000_000), verdict.Terms.Limit, "nobody starts at the top")
	require.Equal(t, "cap_first_line", verdict.Reasons[0].Code, "caps explain first")
	m.applicant.LoansRepaid = 1
	verdict = m.decide(t)
	require.Equal(t, money.Amount(50_000_000), verdict.Terms.Limit)
}

func TestKnockOutsNeedNoSource(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	good := established().applicant
	require.Nil(t, loaded.KnockOut(good))
	for code, spoil := range map[string]func(*scoring.Applicant){
		"merchant_inactive": func(a *scoring.Applicant) { a.MerchantActive = false },
		"consent_invalid":   func(a *scoring.Applicant) { a.ConsentsValid = false },
		"own_overdue":       func(a *scoring.Applicant) { a.CurrentDPD = 1 },
		"own_arrears":       func(a *scoring.Applicant) { a.WorstDPD = 61 },
		"application_open":  func(a *scoring.Applicant) { a.OtherOpen = 1 },
		"declined_recently": func(a *scoring.Applicant) { a.DeclinedRecents = 3 },
	} {
		bad := established()
		spoil(&bad.applicant)
		require.Equal(t, []string{code}, codes(loaded.KnockOut(bad.applicant)))
		verdict := bad.decide(t)
		require.Equal(t, scoring.Declined, verdict.Outcome)
		require.Equal(t, code, verdict.Reasons[0].Code)
		require.Positive(t, verdict.RetryAfter)
	}
}

func TestHardRulesDecline(t *testing.T) {
	t.Parallel()
	for code, spoil := range map[string]func(*merchant){
		"licence_not_active":    func(m *merchant) { m.registry.Status = evidence.RegistryRevoked },
		"licence_ended":         func(m *merchant) { m.registry.ExpiresAt = ago(1) },
		"licence_too_young":     func(m *merchant) { m.registry.EstablishedAt = ago(89) },
		"bureau_overdue":        func(m *merchant) { m.bureau.CurrentDPD = 1 },
		"bureau_arrears":        func(m *merchant) { m.bureau.MaxDPD24M = 90 },
		"bureau_written_off":    func(m *merchant) { m.bureau.WrittenOff = 1 },
		"bureau_court":          func(m *merchant) { m.bureau.CourtRecords = 1 },
		"bureau_inquiries_many": func(m *merchant) { m.bureau.Inquiries90D = 15 },
		"sales_not_authentic": func(m *merchant) {
			for i := range m.orders {
				m.orders[i].WaybillNo = "none " + m.orders[i].ID
			}
			for i := range m.waybills {
				m.waybills[i].OrderID = ""
			}
		},
		"late_and_seeking": func(m *merchant) {
			m.bureau.Inquiries90D = 2
			for i := range m.bills[:4] {
				m.bills[i+3].PaidAt = m.bills[i+3].DueAt.AddDate(0, 0, 10)
			}
		},
		"bank_overdrawn": func(m *merchant) {
			for i := range 70 {
				m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: ago(float64(i) + 0.5), Amount: -1, Balance: new(money.Amount(-5))})
			}
		},
		"bank_penalties": func(m *merchant) {
			for i := range 4 {
				m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: ago(float64(i)), Amount: -1, Kind: evidence.TxPenalty})
			}
		},
		"debt_too_high": func(m *merchant) {
			m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: ago(3), Amount: -9_000_000, Kind: evidence.TxLoanOut})
		},
		"trade_stopped": func(m *merchant) {
			m.orders = m.orders[110:] // the newest come first
		},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			m := established()
			spoil(m)
			verdict := m.decide(t)
			require.Equal(t, scoring.Declined, verdict.Outcome)
			require.Equal(t, code, verdict.Reasons[0].Code)
			require.Nil(t, verdict.Terms)
			require.NotEmpty(t, verdict.Rules)
		})
	}
}

// Every cell of the matrix, applied to a merchant who is otherwise approved.
func TestTheDegradationMatrixCellByCell(t *testing.T) {
	t.Parallel()
	type want struct{ waiting, final string } // outcome and lane
	const ok, small, wait, no = "approved standard", "approved thin_file", "deferred", "declined"
	expected := map[evidence.Source]map[evidence.State]want{
		evidence.Marketplace: {evidence.Known: {ok, ok}, evidence.Stale: {ok, ok}, evidence.Empty: {small, small}, evidence.Down: {wait, small}, evidence.Withheld: {small, small}},
		evidence.Logistics:   {evidence.Known: {ok, ok}, evidence.Stale: {ok, ok}, evidence.Empty: {no, no}, evidence.Down: {ok, ok}, evidence.Withheld: {ok, ok}},
		evidence.Bank:        {evidence.Known: {ok, ok}, evidence.Stale: {ok, ok}, evidence.Empty: {ok, ok}, evidence.Down: {ok, ok}, evidence.Withheld: {ok, ok}},
		evidence.Utility:     {evidence.Known: {ok, ok}, evidence.Stale: {ok, ok}, evidence.Empty: {ok, ok}, evidence.Down: {ok, ok}, evidence.Withheld: {ok, ok}},
		evidence.Bureau:      {evidence.Known: {ok, ok}, evidence.Stale: {ok, ok}, evidence.Empty: {small, small}, evidence.Down: {wait, small}, evidence.Withheld: {no, no}},
		evidence.Registry:    {evidence.Known: {ok, ok}, evidence.Stale: {ok, ok}, evidence.Empty: {no, no}, evidence.Down: {wait, no}, evidence.Withheld: {no, no}},
	}
	whole := established().decide(t).Terms.Limit
	strategy := engine(t).Strategy()
	for _, source := range evidence.Sources {
		for _, state := range policy.States() {
			for _, final := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s final %t", source, state, final), func(t *testing.T) {
					t.Parallel()
					m := established().state(source, state)
					m.final = final
					verdict := m.decide(t)
					answer, cell := expected[source][state].waiting, strategy.Matrix[source][state]
					if final {
						answer = expected[source][state].final
					}
					got := string(verdict.Outcome)
					if verdict.Outcome == scoring.Approved {
						got += " " + verdict.Versions.Lane
					}
					require.Equal(t, answer, got, verdict.Reasons)
					if state == evidence.Known {
						require.Equal(t, whole, verdict.Terms.Limit)
						require.Empty(t, verdict.Degradations)
						return
					}
					require.Len(t, verdict.Degradations, 1)
					require.Equal(t, source, verdict.Degradations[0].Source)
					require.Equal(t, state, verdict.Degradations[0].State)
					effect := strategy.Matrix.Cell(source, state, verdict.Versions.Lane, final)
					require.Equal(t, effect.Do, verdict.Degradations[0].Effect)
					if answer == wait {
						require.Equal(t, []evidence.Source{source}, verdict.WaitFor)
						require.Equal(t, cell.Reason, verdict.Reasons[0].Code)
						require.Nil(t, verdict.Terms)
					} else {
						require.Nil(t, verdict.WaitFor)
					}
					if effect.Do == policy.Cap {
						require.LessOrEqual(t, verdict.Terms.Limit, (whole + 10_000).Share(effect.CapBps), "of the limit before rounding down")
						require.Equal(t, effect.Reason, verdict.Reasons[0].Code, "caps explain first")
						require.Positive(t, verdict.Degradations[0].Cap)
					}
					if effect.CapFen > 0 {
						require.LessOrEqual(t, verdict.Terms.Limit, effect.CapFen)
					}
				})
			}
		}
	}
}

func TestBankOnlyEvidenceIsAThinFile(t *testing.T) {
	t.Parallel()
	m := established()
	m.orders, m.waybills, m.bills = nil, nil, nil
	m.bureau = nil
	verdict := m.decide(t)
	require.Equal(t, scoring.Approved, verdict.Outcome, verdict.Reasons)
	require.Equal(t, policy.ThinFile, verdict.Versions.Lane)
	require.LessOrEqual(t, verdict.Terms.Limit, money.Amount(2_000_000), "20,000.00 at most")
	require.Contains(t, codes(verdict.Reasons), "limit_ladder")
}

func TestUtilitiesAndALicenceEarnAnEntryLimit(t *testing.T) {
	t.Parallel()
	m := established()
	m.orders, m.transactions, m.bureau = nil, nil, nil
	verdict := m.decide(t)
	require.Equal(t, scoring.Approved, verdict.Outcome, verdict.Reasons)
	require.Contains(t, codes(verdict.Reasons), "limit_entry")
	m.waybills, m.bills = nil, nil
	verdict = m.decide(t)
	require.Equal(t, scoring.Declined, verdict.Outcome)
	require.Equal(t, "no_evidence", verdict.Reasons[0].Code)
}

func TestAWithheldSourceIsNotLookedAt(t *testing.T) {
	t.Parallel()
	m := established().state(evidence.Bank, evidence.Withheld)
	with := m.decide(t)
	m.transactions = nil
	require.Equal(t, m.decide(t), with)
	require.Equal(t, scoring.FeatureMissing, feature(t, with, "inflow_monthly_fen").State)
	require.Zero(t, feature(t, with, "inflow_monthly_fen").Value)
}

func TestOldDataAreStaleByTheStrategysHorizon(t *testing.T) {
	t.Parallel()
	m := established()
	m.meta[evidence.Bank] = evidence.Meta{Source: evidence.Bank, State: evidence.Known, DataAsOf: ago(15)}
	verdict := m.decide(t)
	require.Equal(t, evidence.Stale, verdict.Degradations[0].State)
	require.Equal(t, scoring.FeatureStale, feature(t, verdict, "inflow_monthly_fen").State)
	m.meta[evidence.Bank] = evidence.Meta{Source: evidence.Bank, State: evidence.Known, DataAsOf: ago(14)}
	require.Empty(t, m.decide(t).Degradations)
}

func TestAJumpInSalesWaitsForLogistics(t *testing.T) {
	t.Parallel()
	m := established().state(evidence.Logistics, evidence.Down)
	for i := range 400 {
		order := m.orders[0]
		order.ID, order.BuyerID, order.CreatedAt, order.PaidAt = fmt.Sprintf("J%d", i), fmt.Sprintf("J%d", i), ago(6+float64(i)/50), ago(6+float64(i)/50)
		order.DeviceID, order.PayerID = "", ""
		m.orders = append(m.orders, order)
	}
	verdict := m.decide(t)
	require.Equal(t, scoring.Deferred, verdict.Outcome)
	require.Equal(t, []evidence.Source{evidence.Logistics}, verdict.WaitFor)
	m.final = true
	verdict = m.decide(t)
	require.Equal(t, scoring.Declined, verdict.Outcome, "a tenth of nothing proven is too little")
	require.Contains(t, codes(verdict.Reasons), "spike_unproven")
}

func TestImpossibleInputsAndUnreadableRowsAreErrors(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	broken := errors.New("disk on fire")
	for name, test := range map[string]struct {
		spoil func(*scoring.Input)
		want  error
	}{
		"no moment":      {func(in *scoring.Input) { in.Evidence.AsOf = time.Time{} }, scoring.ErrInput},
		"negative wish":  {func(in *scoring.Input) { in.Applicant.AmountWanted = -1 }, scoring.ErrInput},
		"negative count": {func(in *scoring.Input) { in.Applicant.LoansRepaid = -1 }, scoring.ErrInput},
		"no such state":  {func(in *scoring.Input) { in.Evidence.Meta[evidence.Bank] = evidence.Meta{State: "odd"} }, scoring.ErrInput},
		"a planet's GDP": {func(in *scoring.Input) { in.Evidence.Orders = evidence.Slice([]evidence.Order{{Amount: 1 << 60}}) }, scoring.ErrInput},
		"unreadable rows": {func(in *scoring.Input) {
			in.Evidence.Bills = func(yield func(*evidence.UtilityBill, error) bool) { yield(nil, broken) }
		}, broken},
	} {
		in := established().input()
		test.spoil(&in)
		_, err := loaded.Decide(in)
		require.ErrorIs(t, err, test.want, name)
	}
}

func TestAVerdictRepeatsBitForBit(t *testing.T) {
	t.Parallel()
	first, err := json.Marshal(established().decide(t))
	require.NoError(t, err)
	for range 5 {
		again, err := json.Marshal(established().decide(t))
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
	require.Equal(t, int(features.Count), strings.Count(string(first), `"state":`))
}

func TestWhatIsDatedAfterTheMomentChangesNothing(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	plain, err := loaded.Decide(established().input())
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		m := established()
		later := func(name string) time.Time {
			return asOf.Add(time.Duration(rapid.Int64Range(1, int64(400*24*time.Hour)).Draw(t, name)))
		}
		for range rapid.IntRange(1, 8).Draw(t, "rows") {
			order := m.orders[rapid.IntRange(0, 1_199).Draw(t, "like")]
			order.CreatedAt, order.PaidAt = later("order"), later("paid")
			waybill := m.waybills[0]
			waybill.No, waybill.CreatedAt, waybill.PickedUpAt, waybill.SignedAt = rapid.SampledFrom([]string{"W1", "new"}).Draw(t, "no"), later("made"), later("picked"), later("signed")
			end := later("billed")
			m.orders = append(m.orders, order)
			m.waybills = append([]evidence.Waybill{waybill}, m.waybills...)
			m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: later("booked"), Amount: money.Amount(rapid.Int64Range(-9e9, 9e9).Draw(t, "amount")), Kind: evidence.TxPenalty})
			m.bills = append(m.bills, evidence.UtilityBill{Kind: evidence.Electricity, PeriodStart: ago(20), PeriodEnd: end, Quantity: 1, DueAt: ago(1)})
		}
		m.registry.ChangedAt = later("changed")
		m.bureau.OldestOpenedAt = ago(1_500)
		// A stamp that lies ahead reads as not said, however far ahead it lies.
		m.orders[5].RefundedAt, m.orders[5].Refund = later("refunded"), 30_000
		m.bills[0].PaidAt = later("bill paid") // due after the moment anyway
		got, err := loaded.Decide(m.input())
		require.NoError(t, err)
		require.Equal(t, plain, got)
	})
}

// Orders of a large source are taken many at a time: nothing else may change.
func TestOrdersTakenTogetherGiveTheSameVerdict(t *testing.T) {
	t.Parallel()
	m, loaded := established(), engine(t)
	m.orders = append(m.orders, m.orders[:70]...) // told twice
	in := m.input()
	one, err := loaded.Decide(in)
	require.NoError(t, err)
	meta := in.Evidence.Meta[evidence.Marketplace]
	meta.Rows = 30_000
	in.Evidence.Meta[evidence.Marketplace] = meta
	together, err := loaded.Decide(in)
	require.NoError(t, err)
	require.Equal(t, one, together)
	m.orders[len(m.orders)-1].Amount = math.MaxInt64
	_, err = loaded.Decide(in)
	require.ErrorIs(t, err, scoring.ErrInput)
}

func TestAReportPulledAfterTheMomentIsNone(t *testing.T) {
	t.Parallel()
	late, none := established(), established()
	late.bureau.PulledAt, none.bureau = asOf.Add(time.Second), nil
	require.Equal(t, none.decide(t), late.decide(t))
	late, none = established(), established()
	late.registry.EstablishedAt, none.registry = asOf.Add(time.Hour), nil
	require.Equal(t, none.decide(t), late.decide(t))
}

// counted counts how often a sequence is started.
func counted[T any](rows iter.Seq2[*T, error], starts *int) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		*starts++
		rows(yield)
	}
}

// Each walk of stored evidence decrypts and decodes it anew.
func TestEachSequenceIsWalkedOnce(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	for _, source := range evidence.Sources {
		for _, state := range policy.States() {
			in := established().state(source, state).input()
			var orders, waybills, transactions, bills int
			in.Evidence.Orders, in.Evidence.Waybills = counted(in.Evidence.Orders, &orders), counted(in.Evidence.Waybills, &waybills)
			in.Evidence.Transactions, in.Evidence.Bills = counted(in.Evidence.Transactions, &transactions), counted(in.Evidence.Bills, &bills)
			_, err := loaded.Decide(in)
			require.NoError(t, err)
			for of, starts := range map[evidence.Source]int{
				evidence.Marketplace: orders, evidence.Logistics: waybills, evidence.Bank: transactions, evidence.Utility: bills,
			} {
				want := 1
				if of == source && state != evidence.Known && state != evidence.Stale {
					want = 0
				}
				if of == evidence.Marketplace && starts == 2 {
					want = 2 // once more for the ids of what was found
					require.Equal(t, []any{evidence.Logistics, evidence.Empty}, []any{source, state}, "nothing to find")
				}
				require.Equal(t, want, starts, "%s with %s %s", of, source, state)
			}
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	loaded := engine(b)
	in := established().input()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := loaded.Decide(in); err != nil {
			b.Fatal(err)
		}
	}
}

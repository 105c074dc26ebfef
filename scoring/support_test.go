package scoring_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

var asOf = time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)

func ago(days float64) time.Time {
	return asOf.Add(-time.Duration(days * 24 * float64(time.Hour)))
}

// merchant is the evidence of one merchant under construction.
type merchant struct {
	applicant    scoring.Applicant
	meta         map[evidence.Source]evidence.Meta
	orders       []evidence.Order
	waybills     []evidence.Waybill
	transactions []evidence.Transaction
	bills        []evidence.UtilityBill
	bureau       *evidence.BureauReport
	registry     *evidence.RegistryRecord
	final        bool
}

// established is a shop of two years, 600 orders of 300.00 a year, paid into a
// bank account that is never empty, with every source known.
func established() *merchant {
	m := &merchant{
		applicant: scoring.Applicant{AppliedAt: asOf, MerchantActive: true, ConsentsValid: true, RegisteredAt: ago(30)},
		meta:      map[evidence.Source]evidence.Meta{},
		bureau:    &evidence.BureauReport{ReportID: "R1", PulledAt: ago(0.01), Found: true, OldestOpenedAt: ago(1_500)},
		registry:  &evidence.RegistryRecord{LicenceNumber: "91350100M000100Y43", Status: evidence.RegistryActive, EstablishedAt: ago(1_600)},
	}
	for _, source := range evidence.Sources {
		m.meta[source] = evidence.Meta{Source: source, State: evidence.Known, DataAsOf: asOf}
	}
	for i := range 1_200 {
		at := ago(1 + 730*float64(i)/1_200)
		buyer := fmt.Sprintf("B%d", i%700)
		m.orders = append(m.orders, evidence.Order{
			ID: fmt.Sprintf("O%d", i), Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at.Add(5 * time.Minute), ShippedAt: at.Add(6 * time.Hour),
			DeliveredAt: at.Add(48 * time.Hour), Amount: 30_000, BuyerID: buyer, PayerID: "p" + buyer, DeviceID: "d" + buyer,
			WaybillNo: fmt.Sprintf("W%d", i), ReviewScore: 5, WeightGrams: 800,
		})
		m.waybills = append(m.waybills, evidence.Waybill{
			No: fmt.Sprintf("W%d", i), OrderID: fmt.Sprintf("O%d", i), Status: evidence.WaybillSigned, CreatedAt: at.Add(5 * time.Hour),
			PickedUpAt: at.Add(6 * time.Hour), SignedAt: at.Add(48 * time.Hour), DistanceKM: 600, WeightGrams: 850, Scans: 8,
		})
	}
	balance := money.Amount(2_000_000)
	for week := range 52 {
		at := ago(float64(week)*7 + 1)
		balance += 10_000
		m.transactions = append(m.transactions,
			evidence.Transaction{ID: fmt.Sprintf("S%d", week), AccountID: "A", BookedAt: at, Amount: 340_000, Kind: evidence.TxSales, Balance: new(balance), CounterpartyID: "platform"},
			evidence.Transaction{ID: fmt.Sprintf("C%d", week), AccountID: "A", BookedAt: at, Amount: -250_000, Kind: evidence.TxSupplier, Balance: new(balance)})
	}
	for month := range 12 {
		end := ago(float64(month) * 30)
		m.bills = append(m.bills, evidence.UtilityBill{
			ID: fmt.Sprintf("U%d", month), MeterID: "M", Kind: evidence.Electricity, PeriodStart: end.AddDate(0, 0, -30), PeriodEnd: end,
			Quantity: 400_000, Amount: 24_000, DueAt: end.AddDate(0, 0, 15), PaidAt: end.AddDate(0, 0, 10),
		})
	}
	return m
}

func (m *merchant) state(source evidence.Source, state evidence.State) *merchant {
	meta := m.meta[source]
	meta.State = state
	m.meta[source] = meta
	return m
}

func (m *merchant) input() scoring.Input {
	meta := maps.Clone(m.meta)
	for source, rows := range map[evidence.Source]int{
		evidence.Marketplace: len(m.orders), evidence.Logistics: len(m.waybills), evidence.Bank: len(m.transactions), evidence.Utility: len(m.bills),
	} {
		entry := meta[source]
		entry.Rows = int64(rows)
		meta[source] = entry
	}
	return scoring.Input{Applicant: m.applicant, Final: m.final, Evidence: evidence.Bundle{
		AsOf: asOf, Meta: meta, Orders: evidence.Slice(m.orders), Waybills: evidence.Slice(m.waybills),
		Transactions: evidence.Slice(m.transactions), Bills: evidence.Slice(m.bills), Bureau: m.bureau, Registry: m.registry,
	}}
}

func engine(tb testing.TB) *scoring.Engine {
	tb.Helper()
	loaded, err := scoring.Load(scoring.Default())
	require.NoError(tb, err)
	return loaded
}

func (m *merchant) decide(tb testing.TB) scoring.Verdict {
	tb.Helper()
	verdict, err := engine(tb).Decide(m.input())
	require.NoError(tb, err)
	return verdict
}

func codes(list []scoring.Reason) []string {
	var codes []string
	for _, reason := range list {
		codes = append(codes, reason.Code)
	}
	return codes
}

func feature(tb testing.TB, verdict scoring.Verdict, name string) scoring.FeatureValue {
	tb.Helper()
	for _, value := range verdict.Features {
		if value.Name == name {
			return value
		}
	}
	require.Fail(tb, "no feature", name)
	return scoring.FeatureValue{}
}

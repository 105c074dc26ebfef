package web_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/app/security"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/web"
)

// rowsOf is a source that answers with what it is asked about.
type rowsOf[T any] func(underwriting.Query, func(*T) error) (bool, error)

func (f rowsOf[T]) Fetch(_ context.Context, query underwriting.Query, emit func(*T) error) (underwriting.Fetched, error) {
	found, err := f(query, emit)
	return underwriting.Fetched{Found: found, DataAsOf: query.Until}, err
}

// thinFile answers for a small shop of two years without a credit file: 50
// orders a month of 90.00, each with its parcel and paid into the account, and
// bills paid before they are due. No two shops share anything.
func thinFile() underwriting.Feeds {
	ago := func(q underwriting.Query, days float64) time.Time {
		return q.Until.Add(-time.Duration(days * 24 * float64(time.Hour)))
	}
	when := func(q underwriting.Query, i int) time.Time { return ago(q, 3+727*float64(i)/1_200) }
	return underwriting.Feeds{
		Orders: rowsOf[evidence.Order](func(q underwriting.Query, emit func(*evidence.Order) error) (bool, error) {
			for i := range 1_200 {
				at, buyer := when(q, i), fmt.Sprintf("B%d of %s", i%700, q.MerchantID)
				if err := emit(&evidence.Order{
					ID: fmt.Sprintf("O%d", i), Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at.Add(5 * time.Minute), ShippedAt: at.Add(6 * time.Hour),
					DeliveredAt: at.Add(48 * time.Hour), Amount: 9_000, BuyerID: buyer, PayerID: "p" + buyer, DeviceID: "d" + buyer,
					WaybillNo: fmt.Sprintf("W%d", i), ReviewScore: 5, WeightGrams: 800,
				}); err != nil {
					return true, err
				}
			}
			return true, nil
		}),
		Waybills: rowsOf[evidence.Waybill](func(q underwriting.Query, emit func(*evidence.Waybill) error) (bool, error) {
			for i := range 1_200 {
				at := when(q, i)
				if err := emit(&evidence.Waybill{
					No: fmt.Sprintf("W%d", i), OrderID: fmt.Sprintf("O%d", i), Status: evidence.WaybillSigned, CreatedAt: at.Add(5 * time.Hour),
					PickedUpAt: at.Add(6 * time.Hour), SignedAt: at.Add(48 * time.Hour), DistanceKM: 600, WeightGrams: 850, Scans: 8,
				}); err != nil {
					return true, err
				}
			}
			return true, nil
		}),
		Transactions: rowsOf[evidence.Transaction](func(q underwriting.Query, emit func(*evidence.Transaction) error) (bool, error) {
			balance := money.Amount(2_000_000)
			for week := range 52 {
				at := ago(q, float64(week)*7+1)
				balance += 10_000
				for _, row := range []evidence.Transaction{
					{ID: fmt.Sprintf("S%d", week), AccountID: "A", BookedAt: at, Amount: 85_000, Kind: evidence.TxSales, Balance: new(balance), CounterpartyID: "platform"},
					{ID: fmt.Sprintf("C%d", week), AccountID: "A", BookedAt: at, Amount: -62_500, Kind: evidence.TxSupplier, Balance: new(balance)},
				} {
					if err := emit(&row); err != nil {
						return true, err
					}
				}
			}
			return true, nil
		}),
		Bills: rowsOf[evidence.UtilityBill](func(q underwriting.Query, emit func(*evidence.UtilityBill) error) (bool, error) {
			for month := range 12 {
				end := ago(q, float64(month)*30+1)
				if err := emit(&evidence.UtilityBill{
					ID: fmt.Sprintf("U%d", month), MeterID: "meter of " + q.MerchantID, Kind: evidence.Electricity, PeriodStart: end.AddDate(0, 0, -30), PeriodEnd: end,
					Quantity: 400_000, Amount: 24_000, DueAt: end.AddDate(0, 0, 15), PaidAt: end.AddDate(0, 0, 10),
				}); err != nil {
					return true, err
				}
			}
			return true, nil
		}),
		Bureau: rowsOf[evidence.BureauReport](func(underwriting.Query, func(*evidence.BureauReport) error) (bool, error) { return false, nil }),
		Registry: rowsOf[evidence.RegistryRecord](func(q underwriting.Query, emit func(*evidence.RegistryRecord) error) (bool, error) {
			return true, emit(&evidence.RegistryRecord{LicenceNumber: q.LicenceNumber, Status: evidence.RegistryActive, EstablishedAt: ago(q, 700)})
		}),
	}
}

// newLendingSite is a site whose underwriting, payouts and servicing are the
// real ones, by the strategy built in, so many days from now.
func newLendingSite(t *testing.T, days *atomic.Int64) *site {
	t.Helper()
	now := func() time.Time { return clock.System().AddDate(0, 0, int(days.Load())) }
	s := newSite(t, nil)
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	decides := underwriting.NewService(underwriting.Deps{
		Store: s.db.Underwriting(), Evidence: s.db.Evidence(), Progress: s.db.Progress(), Relations: s.db.Relations(), Feeds: thinFile(), Spots: silent{},
		Engine: engine, LoadEngine: func(text []byte) (underwriting.Engine, error) { return scoring.Load(text) }, Strategy: scoring.Default(),
		Now: now, NewID: ident.NewID, Logger: s.deps.Logger,
	})
	require.NoError(t, decides.Start(t.Context()))
	draws := drawdown.NewService(drawdown.Deps{
		Store: s.db.Drawdowns(), Desk: s.db.PayoutDesk(), Rails: map[string]drawdown.Rail{"bank": paying{}}, Now: now, NewID: ident.NewID, Logger: s.deps.Logger,
	})
	s.chain = &directChain{merchants: s.chain.merchants, underwriting: decides, drawdowns: draws}
	s.deps.Underwriting, s.deps.Drawdowns, s.deps.Chain, s.deps.Servicing = decides, draws, s.chain, s.deps.Servicing.At(now)
	handler, _ := web.New(s.deps)
	s.server.Config.Handler = handler
	return s
}

// answer applies and gives the decision as staff see it.
func (c client) answer(analyst client, wanted money.Amount) (reply, string) {
	c.t.Helper()
	application := c.apply(wanted)
	read := c.call(http.MethodGet, "/api/applications/"+application, nil)
	id, _ := read.get(c.t, "decision_id").(string)
	require.NotEmpty(c.t, id, read.text)
	return analyst.call(http.MethodGet, "/api/decisions/"+id, nil), application
}

// draw accepts an offer, draws 2,000.00 for three months and gives the loan.
func (c client) draw(application string) string {
	c.t.Helper()
	path := "/api/applications/" + application
	contract := c.call(http.MethodGet, path+"/contract", nil)
	require.Equal(c.t, http.StatusOK, contract.status, contract.text)
	accepted := c.call(http.MethodPost, path+"/acceptance", object{"contract_hash": contract.get(c.t, "contract_hash")})
	require.Equal(c.t, http.StatusCreated, accepted.status, accepted.text)
	line, _ := accepted.get(c.t, "id").(string)
	sent := c.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 200_000, "tenor_months": 3, "repayment": "any_time"})
	require.Equal(c.t, http.StatusAccepted, sent.status, sent.text)
	id, _ := sent.get(c.t, "id").(string)
	return id
}

// A thin file gets a small first limit and a larger one once it has repaid;
// one in arrears gets none, and its arrears are held against the merchant it
// is connected with.
func TestTheLadderGrowsOnWhatWasRepaid(t *testing.T) {
	t.Parallel()
	var days atomic.Int64
	s := newLendingSite(t, &days)
	operator, analyst := s.staff(security.RoleOperator), s.staff(security.RoleAnalyst)
	const wanted = 30_000 * money.Yuan

	good := s.register("")
	first, application := good.answer(analyst, wanted)
	require.Equal(t, "approved", first.get(t, "outcome"), first.text)
	require.Equal(t, "thin_file", first.get(t, "inside.verdict.versions.lane"))
	require.InDelta(t, 1, first.get(t, "inside.verdict.ladder.rung"), 0)
	small := first.get(t, "terms.limit_fen").(float64)
	require.LessOrEqual(t, small, 500_000.0)
	loan := good.draw(application)

	days.Store(25)
	payoff := good.call(http.MethodGet, "/api/loans/"+loan+"/payoff", nil)
	repaid := operator.call(http.MethodPost, "/api/loans/"+loan+"/repayments", object{"amount_fen": payoff.get(t, "amount_fen")})
	require.Equal(t, "closed", repaid.get(t, "loan.state"), repaid.text)
	days.Store(30)
	grown, _ := good.answer(analyst, wanted)
	require.Equal(t, "approved", grown.get(t, "outcome"), grown.text)
	require.InDelta(t, 1, grown.get(t, "inside.snapshot.applicant.loans_repaid"), 0)
	require.InDelta(t, 2, grown.get(t, "inside.verdict.ladder.rung"), 0)
	require.Greater(t, grown.get(t, "terms.limit_fen"), small)

	late := s.register("") // of the same legal representative: connected
	second, application := late.answer(analyst, wanted)
	require.Equal(t, "approved", second.get(t, "outcome"), second.text)
	require.InDelta(t, 2, second.get(t, "inside.verdict.relations.size"), 0)
	late.draw(application)

	days.Store(66) // a month after its payout its first interest fell due
	overdue, _ := late.answer(analyst, wanted)
	require.Equal(t, "declined", overdue.get(t, "outcome"), overdue.text)
	require.Equal(t, "own_overdue", overdue.get(t, "reasons.0.code"))
	require.Positive(t, overdue.get(t, "inside.snapshot.applicant.current_dpd"))
	replay := analyst.call(http.MethodGet, "/api/decisions/"+overdue.get(t, "id").(string)+"/replay", nil)
	require.Equal(t, true, replay.get(t, "same"), replay.text)

	connected, _ := s.register("").answer(analyst, wanted)
	require.InDelta(t, 3, connected.get(t, "inside.verdict.relations.size"), 0)
	require.InDelta(t, 1, connected.get(t, "inside.verdict.relations.arrears"), 0)
	require.Positive(t, connected.get(t, "inside.verdict.relations.worst_dpd"))
	require.GreaterOrEqual(t, connected.get(t, "inside.verdict.relations.exposure_fen"), small)
	require.Contains(t, connected.get(t, "inside.verdict.rules"), "group_arrears")
	report, err := s.db.Ledger().Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
}

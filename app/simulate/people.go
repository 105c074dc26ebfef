package simulate

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/cost"
	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// temper is how a borrower pays, most of the time.
type temper int

const (
	steady temper = iota
	slow
	weak
	gone // pays little, then nothing
)

// borrower is a merchant with a line.
type borrower struct {
	n          int
	merchantID string
	lineID     string
	limit      money.Amount
	temper     temper
	dice       dice
	draws      int // asked for
}

// drawsEach is how often a borrower draws on average.
const drawsEach = 7

// newBorrower describes the n-th borrower of a seed.
func newBorrower(seed uint64, n, bad int) *borrower {
	d := newDice(seed, 1, uint64(n)) //nolint:gosec // not negative
	b := &borrower{
		n: n, merchantID: ident.DerivedID("simulated merchant", strconv.FormatUint(seed, 10), strconv.Itoa(n)),
		lineID: ident.DerivedID("simulated line", strconv.FormatUint(seed, 10), strconv.Itoa(n)),
	}
	b.limit = money.Amount(d.between(40, 400)) * 1000 * money.Yuan
	b.temper = temper(d.pick(9*(1000-bad), 1000-bad, 6*bad, 4*bad))
	b.dice = d
	return b
}

// card gives a card number that passes its check (Luhn).
func card(n int) string {
	digits := fmt.Sprintf("62%013d", n)
	sum := 0
	for i, c := range []byte(digits) {
		v := int(c - '0')
		if (len(digits)-i)%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

// admit registers a borrower, decides its application and opens its line, as
// the use cases before a draw store them.
func (w *world) admit(ctx context.Context, b *borrower, seed uint64) error {
	at := w.now()
	d := newDice(seed, 2, uint64(b.n)) //nolint:gosec // not negative
	m := merchant.Merchant{
		ID: b.merchantID, Version: 1, State: merchant.Active, PlatformID: "simulated", Language: "zh-CN", Phone: merchant.Secret(fmt.Sprintf("+86139%08d", b.n)),
		Licence: merchant.Licence{
			Number: fmt.Sprintf("SIM%015d", b.n), Name: "模拟" + strconv.Itoa(b.n), LegalRepName: "模拟", Status: evidence.RegistryActive,
			EstablishedAt: at.AddDate(-d.between(1, 12), 0, 0), Region: "350100", Industry: "5219", Kind: "individual",
		},
		LegalRep: merchant.LegalRep{Name: "模拟", IdentityNumber: "11010519491231002X"},
		Payout:   merchant.PayoutAccount{Rail: drawdown.RailWallet, Number: merchant.Secret(card(b.n)), Holder: "模拟"},
		Steps:    map[merchant.Step]merchant.Progress{}, CreatedAt: at, ActivatedAt: at,
	}
	if d.chance(300) {
		m.Payout.Rail = drawdown.RailBank
	}
	for _, step := range merchant.Steps {
		m.Steps[step] = merchant.Progress{State: merchant.StepVerified, At: at}
	}
	for _, source := range evidence.Sources {
		m.Consents = append(m.Consents, merchant.Consent{Source: source, Version: "2026-01", Language: "zh-CN", GivenAt: at})
	}
	if err := w.db.Merchants().Create(ctx, m, w.entry("merchant.registered", "merchant/"+m.ID)); err != nil {
		return err
	}
	a := underwriting.Application{
		ID: ident.DerivedID("simulated application", b.lineID), Version: 1, MerchantID: m.ID, State: underwriting.Submitted, AmountWanted: b.limit,
		Purpose: "stock", SubmittedAt: at, DecideBy: at.Add(underwriting.Within),
	}
	if err := w.db.Underwriting().Submit(ctx, a, w.entry("application.submitted", "application/"+a.ID)); err != nil {
		return err
	}
	terms := scoring.Terms{
		Limit: b.limit, AnnualRateBps: money.BasisPoints(d.between(80, 180) * 10), IRRBps: 1900, DayCountBase: 360, TenorMonths: []int{3, 6, 12},
		Repayment: []scoring.RepaymentType{scoring.EqualInstalments, scoring.EqualPrincipal, scoring.Bullet, scoring.AnyTime}, ValidDays: 7,
	}
	decided := underwriting.Decision{
		ID: ident.DerivedID("simulated decision", b.lineID), ApplicationID: a.ID, MerchantID: m.ID, Seq: 1,
		Verdict: scoring.Verdict{Outcome: scoring.Approved, Terms: &terms}, Snapshot: underwriting.Snapshot{AsOf: at},
		InputHash: "simulated", VerdictHash: "simulated", DecidedAt: at, OfferExpires: at.AddDate(0, 0, 7), ContractHash: "simulated",
	}
	if _, err := w.db.Underwriting().Decide(ctx, decided, w.entry("decision.made", "application/"+a.ID)); err != nil {
		return err
	}
	_, err := w.db.Underwriting().Accept(ctx, underwriting.Line{
		ID: b.lineID, Version: 1, MerchantID: m.ID, ApplicationID: a.ID, DecisionID: decided.ID, Limit: b.limit, Terms: terms, State: "active",
		ContractHash: "simulated", AcceptedAt: at,
	}, w.entry("offer.accepted", "application/"+a.ID))
	return err
}

// asked are the calls to providers that a merchant and its application cost,
// as the demo's do.
func asked(b *borrower, at time.Time, zone *time.Location) []cost.Usage {
	application, day := "application/"+ident.DerivedID("simulated application", b.lineID), cost.Day(at, zone)
	var used []cost.Usage
	for _, each := range []struct {
		subject, items string
		quantity       int64
	}{
		{"merchant/" + b.merchantID, "registry.licence identity.match", 1},
		{"", "notify.send", 2},
		{application, "bureau.report registry.licence utility.feed", 1},
		{application, "marketplace.orders logistics.parcels bank.transactions", 4},
	} {
		for item := range strings.FieldsSeq(each.items) {
			used = append(used, cost.Usage{Subject: each.subject, Item: item, Day: day, Quantity: each.quantity})
		}
	}
	return used
}

func (w *world) entry(action, subject string) audit.Entry {
	return audit.Entry{At: w.now(), Actor: audit.System("simulation"), Action: action, Subject: subject, Detail: "{}"}
}

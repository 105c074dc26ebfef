package loan_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

// entry finds one by its key.
func entry(t require.TestingT, entries []loan.Entry, key string) loan.Entry {
	i := slices.IndexFunc(entries, func(e loan.Entry) bool { return e.Key == key })
	require.GreaterOrEqual(t, i, 0, "no entry %s", key)
	return entries[i]
}

func TestLateInterestIsCountedByTheDayFromTheDueDate(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	due := c.Due(1) // 15 February, 7,884.88 of principal
	p, entries := replayed(t, c, nil, due+10)
	// 788,488 x 10 days x 12 % x 1.5 / 360 = 3,942.44
	require.Equal(t, money.Amount(3_942), p.Due.Penalty)
	require.Len(t, entries, 1, "it is booked at the end of the month, or when money moves")
	_, entries = replayed(t, c, nil, due+20)
	// 13 days to 28 February = 5,125.17
	require.Equal(t, []ledger.Posting{{Account: ledger.PenaltyReceivable, Amount: 5_125}, {Account: ledger.PenaltyIncome, Amount: -5_125}}, entry(t, entries, "penalty:2026-02-28").Postings)

	_, entries = replayed(t, c, []loan.Event{paid(t, "a", "2026-02-25", 500_000)}, due+10)
	require.Equal(t, money.Amount(3_942), entry(t, entries, "penalty:2026-02-25").Postings[0].Amount)
	// Penalty 3,942, interest 100,000, the rest principal.
	require.Equal(t, []ledger.Posting{
		{Account: ledger.Settlement, Amount: 500_000},
		{Account: ledger.PrincipalReceivable, Amount: -396_058},
		{Account: ledger.InterestReceivable, Amount: -100_000},
		{Account: ledger.PenaltyReceivable, Amount: -3_942},
	}, entry(t, entries, "repayment:a").Postings)

	c.Product.Penalty.OnInterest = true
	p, _ = replayed(t, c, nil, due+10)
	require.Equal(t, money.Amount(4_442), p.Due.Penalty, "888,488 x 0.005 = 4,442.44")
	c.Product.Penalty.MarkupBps = 0
	p, _ = replayed(t, c, nil, due+10)
	require.Zero(t, p.Due.Penalty)
}

func TestGraceDays(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	c.Product.Penalty.GraceDays = 5
	due := c.Due(1)
	p, _ := replayed(t, c, nil, due+5)
	require.Zero(t, p.Due.Penalty)
	require.Equal(t, 5, p.DPD, "grace spares the penalty, not the count")
	p, _ = replayed(t, c, nil, due+6)
	require.Equal(t, money.Amount(2_365), p.Due.Penalty, "from the due date: 788,488 x 6 x 0.0005 = 2,365.46")
	half := loan.Event{ID: "a", Kind: loan.Repayment, On: due + 2, Amount: 500_000}
	rest := loan.Event{ID: "b", Kind: loan.Repayment, On: due + 5, Amount: 388_488}
	p, _ = replayed(t, c, []loan.Event{half, rest}, due+20)
	require.Zero(t, p.Outstanding.Penalty, "all paid within grace")
	p, _ = replayed(t, c, []loan.Event{half}, due+6)
	// 788,488 for 2 days, 388,488 for 4: 3,130,928 x 0.0005 = 1,565.46
	require.Equal(t, money.Amount(1_565), p.Due.Penalty)
}

func TestAllocationOrderIsProductData(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualPrincipal)
	c.Product.Penalty.MarkupBps = 0
	on := c.Due(2) // two lines due: 833,333 + 100,000 and 833,333 + 91,667
	for name, row := range map[string]struct {
		by    loan.By
		order []loan.Component
		paid  [2]loan.Amounts
	}{
		"oldest line in full, interest first": {
			loan.ByInstalment,
			[]loan.Component{loan.Penalty, loan.Fee, loan.Interest, loan.Principal},
			[2]loan.Amounts{{Interest: 100_000, Principal: 833_333}, {Interest: 66_667}},
		},
		"interest of all lines first": {
			loan.ByComponent,
			[]loan.Component{loan.Penalty, loan.Fee, loan.Interest, loan.Principal},
			[2]loan.Amounts{{Interest: 100_000, Principal: 808_333}, {Interest: 91_667}},
		},
		"principal of all lines first": {
			loan.ByComponent,
			[]loan.Component{loan.Principal, loan.Interest, loan.Fee, loan.Penalty},
			[2]loan.Amounts{{Principal: 833_333}, {Principal: 166_667}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			c.Product.Allocation = loan.Allocation{By: row.by, Order: row.order}
			p, _ := replayed(t, c, []loan.Event{{ID: "a", Kind: loan.Repayment, On: on, Amount: 1_000_000}}, on)
			require.Equal(t, row.paid[0], p.Instalments[0].Paid)
			require.Equal(t, row.paid[1], p.Instalments[1].Paid)
		})
	}
	// Over 90 days past due the standard product pays principal first.
	late := c.Due(1) + 91
	p, _ := replayed(t, c, []loan.Event{{ID: "a", Kind: loan.Repayment, On: late, Amount: 1_000_000}}, late)
	require.Equal(t, loan.Amounts{Principal: 1_000_000}, p.Paid)
	p, _ = replayed(t, c, []loan.Event{{ID: "a", Kind: loan.Repayment, On: late - 1, Amount: 1_000_000}}, late-1)
	require.Equal(t, loan.Amounts{Interest: 166_667, Principal: 833_333}, p.Paid, "at 90 days still line by line")
}

func TestEarlyRepaymentPaysInterestToTheDay(t *testing.T) {
	t.Parallel()
	half := paid(t, "a", "2026-01-25", 5_000_000)
	half.Excess = loan.Prepay
	on := half.On
	t.Run("any time", func(t *testing.T) {
		t.Parallel()
		c := golden(t, verdict.AnyTime)
		p, entries := replayed(t, c, []loan.Event{half}, on)
		// 10,000,000 x 12 % x 10 / 360 = 33,333; then 5,033,333 for 21 days = 35,233.
		require.Equal(t, loan.Amounts{Principal: 4_966_667, Interest: 33_333}, p.Paid)
		require.Equal(t, money.Amount(35_233), p.NextAmount)
		require.Equal(t, money.Amount(5_033_333), p.Payoff)
		require.Equal(t, []ledger.Posting{
			{Account: ledger.Settlement, Amount: 5_000_000}, {Account: ledger.InterestIncome, Amount: -33_333}, {Account: ledger.PrincipalReceivable, Amount: -4_966_667},
		}, entry(t, entries, "repayment:a").Postings)
	})
	t.Run("equal instalments, as many and smaller", func(t *testing.T) {
		t.Parallel()
		c := golden(t, verdict.EqualInstalments)
		p, _ := replayed(t, c, []loan.Event{half}, on)
		// 100,000 x 10/31 = 32,258; 5,032,258 over 12 lines of 447,110; 50,322.58 x 21/31 = 34,089.
		require.Equal(t, loan.Amounts{Principal: 4_967_742, Interest: 32_258}, p.Paid)
		require.Len(t, p.Instalments, 12)
		require.Equal(t, loan.Amounts{Principal: 396_787, Interest: 66_347}, p.Instalments[0].Owed)
	})
	t.Run("equal instalments, as large and fewer", func(t *testing.T) {
		t.Parallel()
		c := golden(t, verdict.EqualInstalments)
		c.Product.Relay = loan.Shorten
		p, _ := replayed(t, c, []loan.Event{half}, on)
		require.Len(t, p.Instalments, 6)
		require.Equal(t, money.Amount(888_488-50_323), p.Instalments[0].Owed.Principal)
		require.Equal(t, money.Amount(888_488), p.Instalments[1].Owed.Total())
	})
	t.Run("equal principal, as large and fewer", func(t *testing.T) {
		t.Parallel()
		c := golden(t, verdict.EqualPrincipal)
		c.Product.Relay = loan.Shorten
		p, _ := replayed(t, c, []loan.Event{half}, on)
		require.Len(t, p.Instalments, 7) // 5,032,258 = 6 x 833,333 + 32,260
		require.Equal(t, money.Amount(32_260), p.Instalments[6].Owed.Principal)
	})
	for _, repayment := range []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet} {
		t.Run("in full, "+string(repayment), func(t *testing.T) {
			t.Parallel()
			c := golden(t, repayment)
			p, _ := replayed(t, c, nil, on)
			require.Equal(t, money.Amount(10_032_258), p.Payoff)
			require.Equal(t, money.Amount(32_258), p.Accrued)
			p, _ = replayed(t, c, []loan.Event{paid(t, "a", "2026-01-25", 10_032_300)}, on+40)
			require.Equal(t, loan.Closed, p.State)
			require.Equal(t, on, p.ClosedOn)
			require.Equal(t, money.Amount(42), p.Credit)
			require.Len(t, p.Instalments, 1)
			require.Equal(t, on, p.Instalments[0].DueOn)
		})
	}
	t.Run("with a fee of 1 %", func(t *testing.T) {
		t.Parallel()
		c := golden(t, verdict.Bullet)
		c.Product.Excess = loan.Prepay
		c.Product.Fees.PrepaymentBps = 100
		p, entries := replayed(t, c, []loan.Event{paid(t, "a", "2026-01-25", 1_042_258)}, on)
		// 1,010,000 after interest: 1,000,000 and its fee.
		require.Equal(t, loan.Amounts{Principal: 1_000_000, Interest: 32_258, Fee: 10_000}, p.Paid)
		require.Equal(t, money.Amount(-10_000), balances(&c, entries)[ledger.FeeIncome])
		require.Equal(t, money.Amount(9_090_000), p.Payoff)
		// 50 fen: 49 and 1, since 50 would bear 1 fen, too.
		p, _ = replayed(t, c, []loan.Event{paid(t, "a", "2026-01-25", 32_308)}, on)
		require.Equal(t, loan.Amounts{Principal: 49, Interest: 32_258, Fee: 1}, p.Paid)
	})
}

func TestMoneyHeldPaysTheNextLine(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	early := paid(t, "a", "2026-02-12", 888_488)
	early.Excess = loan.Hold
	p, _ := replayed(t, c, []loan.Event{early}, early.On)
	require.Equal(t, money.Amount(888_488), p.Credit)
	p, entries := replayed(t, c, []loan.Event{early}, c.Due(1))
	require.Zero(t, p.Credit)
	require.Zero(t, p.Due)
	require.Equal(t, loan.Settled, p.Instalments[0].State)
	require.Equal(t, money.Amount(888_488), entry(t, entries, "credit:1").Postings[2].Amount)
	require.Equal(t, c.Due(2), p.NextDue)
}

// TestMoneyInAdvancePaysTheNextLineFirst: a merchant who pays an instalment
// some days early does not owe it again on its day.
func TestMoneyInAdvancePaysTheNextLineFirst(t *testing.T) {
	t.Parallel()
	for _, kind := range []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet} {
		c := golden(t, kind)
		require.Equal(t, loan.Advance, c.Product.Excess)
		agreed, _ := replayed(t, c, nil, c.DisbursedOn)
		first := agreed.Instalments[0].Unpaid
		early := loan.Event{ID: "a", Kind: loan.Repayment, On: c.Due(1) - 1, Amount: first}
		p, _ := replayed(t, c, []loan.Event{early}, early.On)
		require.Equal(t, first, p.Credit)
		require.Equal(t, agreed.Instalments, p.Instalments, "nothing is laid anew")
		p, _ = replayed(t, c, []loan.Event{early}, c.Due(1))
		require.Zero(t, p.Due.Total())
		require.Zero(t, p.Credit)
		require.Equal(t, agreed.Instalments[1].Unpaid, p.NextAmount)

		// A second one in the same month: the line has what it asks for.
		again := loan.Event{ID: "b", Kind: loan.Repayment, On: early.On, Amount: 1_000_000}
		p, _ = replayed(t, c, []loan.Event{early, again}, early.On)
		require.Positive(t, p.Prepaid)
		require.Equal(t, first, p.Credit)

		// Beyond the line: it is laid anew, and what is kept is what it then asks for.
		beyond := loan.Event{ID: "a", Kind: loan.Repayment, On: early.On, Amount: first + 1_000_000}
		p, _ = replayed(t, c, []loan.Event{beyond}, early.On)
		require.Equal(t, p.Instalments[0].Unpaid, p.Credit)
		require.Less(t, p.Instalments[0].Unpaid, first)
		require.Greater(t, p.Prepaid, money.Amount(900_000))
		p, _ = replayed(t, c, []loan.Event{beyond}, c.Due(1))
		require.Zero(t, p.Due.Total())
		require.Zero(t, p.Credit)

		// What settles the loan settles it.
		whole, _ := replayed(t, c, nil, early.On)
		beyond.Amount = whole.Payoff
		p, _ = replayed(t, c, []loan.Event{beyond}, early.On)
		require.Equal(t, loan.Closed, p.State)
		require.Zero(t, p.Credit)
	}
	require.Equal(t, loan.Prepay, product(t, verdict.AnyTime).Excess, "who repays at any time does so to save interest")
}

func TestABackdatedRepaymentIsAsIfItHadBeenPostedInTime(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	first := loan.Event{ID: "a", Kind: loan.Repayment, On: c.Due(2) + 5, Amount: 1_776_976}
	on := c.Due(2) + 10
	before, entries := replayed(t, c, []loan.Event{first}, on)
	require.Positive(t, before.Due.Total(), "penalty of two late lines")
	var books book
	books.bring(t, c.LoanID, entries)
	backdated := loan.Event{ID: "b", Kind: loan.Repayment, On: c.Due(1), Amount: 888_488}
	after, entries := replayed(t, c, []loan.Event{first, backdated}, on)
	changes := loan.Diff(books.journals, entries)
	require.NotEmpty(t, changes.Reverse)
	books.bring(t, c.LoanID, entries)
	require.Zero(t, after.Due.Total())
	require.Equal(t, 5, after.WorstDPD)
	require.Equal(t, "demand:1", books.journals[0].Key)
	require.False(t, books.journals[0].Reversed, "what came before stands")
	last := books.journals[len(books.journals)-1]
	require.Equal(t, "L1:repayment:a:r2", loan.JournalKey(c.LoanID, last.Key, last.Revision))
}

func TestFeesRefundsAndWaivers(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	fee := loan.Event{ID: "f", Kind: loan.FeeCharged, On: c.Due(1) + 3, Amount: 2_000}
	p, entries := replayed(t, c, []loan.Event{fee}, fee.On)
	require.Equal(t, money.Amount(2_000), p.Outstanding.Fee)
	require.Zero(t, p.Due.Fee, "due with the next line")
	require.Equal(t, []ledger.Posting{{Account: ledger.FeeReceivable, Amount: 2_000}, {Account: ledger.FeeIncome, Amount: -2_000}}, entry(t, entries, "fee:f").Postings)
	p, _ = replayed(t, c, []loan.Event{fee}, c.Due(2))
	require.Equal(t, money.Amount(2_000), p.Due.Fee)

	late := c.Due(1) + 10
	waiver := loan.Event{ID: "w", Kind: loan.Waiver, On: late, Component: loan.Penalty, Amount: 3_942}
	p, entries = replayed(t, c, []loan.Event{waiver}, late)
	require.Zero(t, p.Due.Penalty)
	require.Equal(t, money.Amount(3_942), p.Waived.Penalty)
	require.Zero(t, balances(&c, entries)[ledger.PenaltyIncome])
	waiver.Component, waiver.Amount, waiver.Subsidised = loan.Interest, 100_000, true
	p, entries = replayed(t, c, []loan.Event{waiver}, late)
	require.Zero(t, p.Due.Interest)
	require.Equal(t, money.Amount(100_000), balances(&c, entries)[ledger.CampaignSubsidy])
	require.Equal(t, money.Amount(-100_000), balances(&c, entries)[ledger.InterestIncome])

	closing := paid(t, "z", "2026-01-25", 10_040_000) // 7,742 too much
	refund := loan.Event{ID: "r", Kind: loan.Refund, On: closing.On + 1, Amount: 7_742}
	p, entries = replayed(t, c, []loan.Event{closing, refund}, refund.On)
	require.Zero(t, p.Credit)
	require.Equal(t, []ledger.Posting{{Account: ledger.BorrowerCredit, Amount: 7_742}, {Account: ledger.Settlement, Amount: -7_742}}, entry(t, entries, "refund:r").Postings)
	// The fee was charged in time after all: the refund was 2,000 too high and is owed back.
	charged := loan.Event{ID: "f", Kind: loan.FeeCharged, On: closing.On - 1, Amount: 2_000}
	p, _ = replayed(t, c, []loan.Event{closing, refund, charged}, refund.On)
	require.Equal(t, loan.Active, p.State)
	require.Equal(t, money.Amount(2_000), p.Due.Fee)
	require.Equal(t, money.Amount(2_000), p.Payoff)
}

func TestChargeOffRecoveryAndWriteBack(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.Bullet)
	c.Product.Penalty.MarkupBps = 0
	events := []loan.Event{{ID: "off", Kind: loan.ChargedOff, On: c.Due(4)}}
	p, entries := replayed(t, c, events, c.Due(4))
	require.Equal(t, loan.WrittenOff, p.State)
	require.Equal(t, loan.Loss, p.Class)
	require.Zero(t, p.Outstanding)
	require.Equal(t, loan.Amounts{Principal: 10_000_000, Interest: 400_000}, p.WrittenOff)
	require.Equal(t, []ledger.Posting{
		{Account: ledger.PrincipalReceivable, Amount: -10_000_000}, {Account: ledger.InterestReceivable, Amount: -400_000}, {Account: ledger.WriteOff, Amount: 10_400_000},
	}, entry(t, entries, "charge_off:off").Postings)

	events = append(events, loan.Event{ID: "rec", Kind: loan.Recovered, On: c.Due(5), Amount: 3_000_000, Account: ledger.SettlementBank})
	p, entries = replayed(t, c, events, c.Due(6))
	require.Equal(t, []ledger.Posting{{Account: ledger.SettlementBank, Amount: 3_000_000}, {Account: ledger.Recovery, Amount: -3_000_000}}, entry(t, entries, "recovery:rec").Postings)
	require.Equal(t, loan.Amounts{Principal: 7_000_000, Interest: 400_000}, p.WrittenOff, "principal first, and nothing falls due any more")
	require.Equal(t, money.Amount(3_000_000), p.Recovered)

	back, entries := replayed(t, c, append(slices.Clone(events), loan.Event{ID: "back", Kind: loan.WrittenBack, On: c.Due(6)}), c.Due(6))
	require.Equal(t, loan.Active, back.State)
	require.Equal(t, loan.Amounts{Principal: 7_000_000, Interest: 400_000}, back.Outstanding)
	require.Equal(t, money.Amount(3_000_000), balances(&c, entries)[ledger.WriteOff], "less what was recovered, which stays income")

	p, _ = replayed(t, c, append(slices.Clone(events), loan.Event{ID: "all", Kind: loan.Recovered, On: c.Due(6), Amount: 7_500_000}), c.Due(6))
	require.Equal(t, loan.Closed, p.State)
	require.Equal(t, money.Amount(100_000), p.Credit, "more than was owed is the merchant's")
}

func TestALineOfNothingIsSettled(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualPrincipal)
	c.Principal = 9 // one fen with each of nine lines, nothing with the last three
	on := c.Due(10)
	p, _ := replayed(t, c, []loan.Event{{ID: "off", Kind: loan.ChargedOff, On: on + 3}}, on+3)
	require.Len(t, p.Instalments, 11)
	require.Equal(t, loan.Settled, p.Instalments[10].State)
	require.Equal(t, on+3, p.Instalments[10].PaidOn)
	p, _ = replayed(t, c, []loan.Event{{ID: "a", Kind: loan.Repayment, On: on, Amount: 50}}, on)
	require.Equal(t, loan.Closed, p.State, "the lines of nothing keep no loan open")
	require.Zero(t, p.NextDue)
}

func TestLateInterestStartsAnewAfterAWriteBack(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.Bullet)
	c.Product.Penalty.OnInterest = true
	off := c.Due(1) + 9                                                                                                     // 100,000 of interest overdue; 24 February
	events := []loan.Event{{ID: "off", Kind: loan.ChargedOff, On: off}, {ID: "back", Kind: loan.WrittenBack, On: off + 50}} // 15 April
	p, _ := replayed(t, c, events, off+50)
	// 100,000 x 9 x 0.0005 = 450; interest to the day 100,000 x 9/28 = 32,143.
	require.Equal(t, loan.Amounts{Principal: 10_000_000, Interest: 132_143, Penalty: 450}, p.Outstanding)
	require.Equal(t, 59, p.DPD)
	p, entries := replayed(t, c, events, off+60)
	// 10,032,143 x 10 x 0.0005 = 50,160.72, and 100,000 x 19 x 0.0005 = 950.
	require.Equal(t, money.Amount(51_111), p.Outstanding.Penalty)
	require.Len(t, entries, 4, "demand, penalty, charge-off, write-back: nothing for the time between, nothing in the month yet")
	_, entries = replayed(t, c, events, off+66)
	require.Equal(t, "2026-04-30", entries[len(entries)-1].On.String())
}

func TestARestructuredLoanIsObserved(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	on := c.Due(1) + 20
	event := loan.Event{ID: "new", Kind: loan.Restructured, On: on, Terms: &loan.Restructuring{TenorMonths: 24, RateBps: 600, FirstDue: on.AddMonths(1)}}
	p, entries := replayed(t, c, []loan.Event{event}, on)
	require.Zero(t, p.DPD)
	require.Equal(t, loan.SpecialMention, p.Class)
	require.Equal(t, on.AddMonths(13), p.ObservedUntil)
	require.Equal(t, money.Amount(10_000_000), p.Outstanding.Principal)
	// 9,211,512 x 1 % x 20/28 = 65,796.51 run up, 100,000 were due; 788,488 x 20 x 0.0005 = 7,884.88 of penalty.
	require.Equal(t, loan.Amounts{Principal: 10_000_000, Interest: 165_797, Penalty: 7_885}, p.Outstanding)
	require.Equal(t, money.Amount(65_797), entry(t, entries, "restructure:new").Postings[0].Amount)
	require.Len(t, p.Instalments, 25)
	require.Equal(t, 2, p.Instalments[1].Number)
	first := p.Instalments[1]
	require.Equal(t, loan.Amounts{Principal: 393_206, Interest: 165_797 + 50_000, Penalty: 7_885}, first.Owed)
	var sum money.Amount
	for _, line := range p.Instalments[1:] {
		sum += line.Owed.Principal
	}
	require.Equal(t, money.Amount(10_000_000), sum)

	// Paid to the end of observation: sound again the day after.
	var events []loan.Event
	for _, line := range p.Instalments[1:15] {
		events = append(events, loan.Event{ID: line.DueOn.String(), Kind: loan.Repayment, On: line.DueOn, Amount: line.Unpaid})
	}
	events = append(events, event)
	p, _ = replayed(t, c, events, on.AddMonths(13))
	require.Equal(t, loan.SpecialMention, p.Class)
	p, _ = replayed(t, c, events, on.AddMonths(13)+1)
	require.Equal(t, loan.Normal, p.Class)
	// One line two days late: the year starts anew when it is paid.
	events[3].On += 2
	spared := c
	spared.Product.Penalty.MarkupBps = 0 // else a rest of late interest stays overdue
	p, _ = replayed(t, spared, events, on.AddMonths(13)+1)
	require.Equal(t, loan.SpecialMention, p.Class)
	require.Equal(t, events[3].On.AddMonths(12), p.ObservedUntil)

	capital := event
	capital.Terms = &loan.Restructuring{TenorMonths: 24, RateBps: 600, FirstDue: on.AddMonths(1), Capitalise: true}
	p, _ = replayed(t, c, []loan.Event{capital}, on)
	require.Equal(t, loan.Amounts{Principal: 10_165_797, Penalty: 7_885}, p.Outstanding)
	require.Equal(t, money.Amount(165_797), p.Capitalised)

	npl := event
	npl.On = c.Due(1) + 91
	npl.Terms = &loan.Restructuring{TenorMonths: 12, RateBps: 600, FirstDue: npl.On + 30}
	p, _ = replayed(t, c, []loan.Event{npl}, npl.On)
	require.Equal(t, loan.Substandard, p.Class, "it was non-performing before")
	again := npl
	again.ID, again.On = "again", event.On+40
	again.Terms = &loan.Restructuring{TenorMonths: 12, RateBps: 600, FirstDue: again.On + 30}
	p, _ = replayed(t, c, []loan.Event{event, again}, again.On)
	require.Equal(t, loan.Substandard, p.Class, "twice within one observation")
}

func TestReplayIsPure(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	events := busyLife(t, &c)
	kept := slices.Clone(events)
	first, entries := replayed(t, c, events, c.Due(12))
	for range 3 {
		again, more := replayed(t, c, events, c.Due(12))
		require.Equal(t, first, again)
		require.Equal(t, entries, more)
	}
	require.Equal(t, kept, events)
	require.Equal(t, golden(t, verdict.EqualInstalments), c)
}

func TestUnreadableEventsAreRefused(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.Bullet)
	for name, events := range map[string][]loan.Event{
		"no id":               {{Kind: loan.Repayment, On: c.Due(1), Amount: 1}},
		"no kind":             {{ID: "a", On: c.Due(1), Amount: 1}},
		"twice":               {{ID: "a", Kind: loan.Repayment, On: c.Due(1), Amount: 1}, {ID: "a", Kind: loan.Repayment, On: c.Due(1), Amount: 1}},
		"reversal of nothing": {{ID: "a", Kind: loan.Reversal, On: c.Due(1), ReversesID: "b"}},
		"no terms":            {{ID: "a", Kind: loan.Restructured, On: c.Due(1)}},
	} {
		_, _, err := loan.Replay(c, events, c.Due(2))
		require.ErrorContains(t, err, string(loan.CodeEvents), name)
	}
	c.TenorMonths = 0
	_, _, err := loan.Replay(c, nil, c.Due(2))
	require.ErrorContains(t, err, string(loan.CodeContract))
}

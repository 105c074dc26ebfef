package crosscheck

import (
	"math/big"
	"math/bits"
	"slices"
	"strings"

	"loan310/app/money"
	"loan310/scoring/verdict"
)

// Stats are the counts the check made on its way, for features. Basis points
// are -1 where they cannot be known.
type Stats struct {
	Orders           int64             // paid orders in the window
	Matured          int64             // of these, to be shipped and past the grace
	WindowDays       int64             // from the first paid order to the moment, at most the window
	Verified90       money.Amount      // verified revenue of the last 90 days, before shares taken of the whole
	Buyers           int64             // distinct buyers named
	RepeatBps        money.BasisPoints // of them, with two orders or more
	RepeatRevenueBps money.BasisPoints // revenue share of those
	Top10Bps         money.BasisPoints // revenue share of the ten largest buyers
	HHIBps           money.BasisPoints // Herfindahl index of buyers' revenue, 10,000 = one buyer
	CoverageBps      money.BasisPoints // of the matured orders, with a parcel
	FlaggedBps       money.BasisPoints // of the paid orders, flagged
	BaseTimesBps     money.BasisPoints // the last 30 days against the own base; 10,000 = the same
	LogisticsRead    bool              // false: nothing could be proven either way
	RefundsSoonBps   money.BasisPoints // of the paid orders, refunded soon after payment
}

// Report is the result of the check.
type Report struct {
	verdict.Authenticity
	Stats Stats
	Tests []TestResult // of fabrication, in the strategy's order
	Peer  string       // the peer group whose rates were used; "" = the rules' own
	// Flagged: a test failed, or the score is below the rules' FlagScore.
	Flagged bool

	naming *naming
}

// tally sums one finding over orders.
type tally struct{ orders, amount int64 }

// Result settles what could only be seen at the end and adds up. The same
// rows in the same order always give the same report. Evidence is counted;
// Name adds the readable ids.
func (j *Join) Result() Report {
	j.flush()
	j.months = [windowMonths]due{}
	whole := j.wholeOf()
	sums := j.tally(whole)
	report := Report{Authenticity: verdict.Authenticity{ClaimedRevenue: money.Amount(j.claimed)}, Tests: sums.tests}
	if peer := j.peerGroup(); peer != nil {
		report.Peer = peer.Name
	}
	j.deduct(&report, sums)
	spikes := j.spikes()
	signals := j.signals(&report, sums, spikes)
	j.takeWhole(&report, spikes, signals)
	j.score(&report, signals)
	report.Flagged = report.ScoreBps < j.options.Rules.FlagScore || slices.ContainsFunc(report.Tests, func(test TestResult) bool { return test.Flagged })
	patterns, failed := j.patterns(&report, spikes)
	sums.shown.look(j.sales, j.buyerAt, patterns, failed, j.shown(maxOrders))
	j.present(&report, &sums.shown, map[string][]string{CodeFunded: whole.transfers, CodeRoundTrip: j.bank.shown})
	return report
}

// sums are what one walk over the settled sales adds up to.
type sums struct {
	tallies               [findingCount]tally // by the finding that deducts
	found                 [findingCount]int64 // every finding, whatever deducts
	sharedIP              int64
	rotating              int64
	constant, weighed     int64
	service, kept, recent tally
	tests                 []TestResult
	shown                 exhibits
}

// tally settles each sale and counts it.
func (j *Join) tally(whole whole) *sums {
	s := &sums{tests: j.startTests(), rotating: j.rotating(), shown: exhibits{limit: j.shown(evidenceRows)}}
	var tested uint32
	for i := range s.tests {
		tested |= s.tests[i].bits
	}
	most, judged, constant, refunds := j.shown(maxOrders), int64(0), j.weights.constant(), j.refunds
	for i := range j.sales {
		entry := &j.sales[i]
		net := entry.amount
		if len(refunds) > 0 && int(refunds[0].sale) == i {
			net, refunds = net-refunds[0].amount, refunds[1:]
		}
		j.settle(i, &whole)
		if entry.findings&(markService|findPending) == 0 {
			judged++
			if entry.findings&tested != 0 {
				for t := range s.tests {
					if entry.findings&s.tests[t].bits != 0 {
						s.tests[t].Found++
					}
				}
			}
		}
		if entry.findings&markOutside != 0 {
			continue
		}
		j.countWhole(s, entry, constant)
		if entry.findings&deducting == 0 {
			s.keep(entry, net)
			continue
		}
		s.shown.see(i, entry.findings, most)
		for rest := entry.findings & deducting; rest != 0; rest &= rest - 1 {
			s.found[lowest(rest)]++
		}
		s.tallies[lowest(entry.findings)].add(net)
	}
	j.finishTests(s.tests, judged)
	return s
}

// countWhole counts what signals about the whole need.
func (j *Join) countWhole(s *sums, entry *sale, constant int32) {
	if entry.findings&markSharedIP != 0 {
		s.sharedIP++
	}
	if constant > 0 && entry.parcel != unknown && j.parcels[entry.parcel].weight > 0 {
		s.weighed++
		if j.parcels[entry.parcel].weight == constant {
			s.constant++
		}
	}
}

// circling says whether a buyer orders again and again.
func (j *Join) circling(buyer int32) bool {
	return buyer != unknown && j.buyers[buyer].orders >= max(2, j.options.Rules.RotationOrders)
}

// rotating counts the orders of such buyers in the window.
func (j *Join) rotating() (orders int64) {
	for i := range j.buyers {
		if j.circling(int32(i)) {
			orders += int64(j.buyers[i].orders)
		}
	}
	return orders
}

func (s *sums) keep(entry *sale, net int64) {
	s.kept.add(net)
	if entry.findings&markService != 0 {
		s.service.add(net)
	}
	if entry.day() < 90 {
		s.recent.add(net)
	}
}

func (t *tally) add(amount int64) { t.orders++; t.amount += amount }

// whole is what only all rows together show.
type whole struct {
	transfers []string
	away      [noOrigin + 1]bool
	anyAway   bool
}

func (j *Join) wholeOf() whole {
	rules := &j.options.Rules
	w, g := whole{away: j.origins.away(rules)}, &grouper{}
	j.groupBuyers(g)
	if len(j.bank.list) > 0 || j.bank.accounts.count > 0 {
		j.link(g, j.payerOf, rules.PayerBuyers, findLinked, (&funder{join: j}).look)
		w.transfers = j.bank.transfers()
	} else {
		j.link(g, j.payerOf, rules.PayerBuyers, findLinked, nil)
	}
	j.link(g, j.deviceOf, rules.DeviceBuyers, findLinked, nil)
	j.link(g, j.ipOf, rules.IPBuyers, markSharedIP, nil)
	w.anyAway = slices.Contains(w.away[:], true)
	j.bundle()
	return w
}

// settle drops what later rows explained (a parcel shared by orders of one
// buyer) and adds what only the whole shows (a payer behind many buyers).
func (j *Join) settle(index int, whole *whole) {
	entry := &j.sales[index]
	if entry.parcel != unknown && entry.findings&(findReused|findForeign) != 0 {
		with := &j.parcels[entry.parcel]
		if with.owner != unknown && j.sameBuyer(index, with.owner) {
			entry.findings &^= findForeign | findReused
		}
		if with.owner == unknown && entry.findings&findReused != 0 && j.sameBuyer(index, with.first) {
			entry.findings &^= findReused
		}
		if with.owner != unknown && int(with.owner) == index {
			entry.findings &^= findReused
		}
	}
	if whole.anyAway && entry.parcel != unknown && whole.away[j.parcels[entry.parcel].origin] {
		entry.findings |= findOrigin
	}
	if month := int(entry.day()) / monthDays; month < windowMonths && entry.findings&(markService|findPending) == 0 {
		j.months[month].orders++
		if entry.findings&disproved == 0 {
			j.months[month].matched++
		}
	}
}

func (j *Join) sameBuyer(index int, other int32) bool {
	return j.buyerAt[index] != unknown && j.buyerAt[index] == j.buyerAt[other]
}

// deduct takes the findings from the claim: whole orders, except where honest
// merchants have some, too, and only the part above that is taken.
func (j *Join) deduct(report *Report, sums *sums) {
	service, kept, recent := &sums.service, &sums.kept, &sums.recent
	codes := Codes()
	left := j.claimed - j.refunded
	for bit, sum := range sums.tallies {
		amount, orders := sum.amount, sum.orders
		if 1<<bit&natural != 0 && orders > 0 {
			free := min(orders, max(1, j.paid*int64(j.options.Rules.Penalties[codes[bit]].Natural)/10_000))
			amount = int64(money.MulDiv(money.Amount(amount), orders-free, orders))
			orders -= free
		}
		left -= report.take(codes[bit], orders, money.Amount(amount), left)
		if 1<<bit != findPending {
			report.FlaggedOrders += orders
		}
	}
	haircut := money.Amount(service.amount).Share(j.options.Rules.ServiceHaircut)
	left -= report.take(CodeService, service.orders, haircut, left)
	if j.unread() {
		haircut = money.Amount(kept.amount - service.amount).Share(j.options.Rules.UnreadHaircut)
		left -= report.take(CodeUnverified, kept.orders-service.orders, haircut, left)
	}
	report.take(CodeRefunded, 0, money.Amount(j.refunded), j.refunded)
	report.VerifiedRevenue = money.Amount(left)
	report.Stats = Stats{
		Orders: j.paid, WindowDays: min(int64(j.oldest)/dayMinutes+1, j.options.Rules.WindowDays),
		Verified90: money.Amount(recent.amount), LogisticsRead: !j.unread(),
	}
	if kept.amount > 0 {
		// What was taken of the whole is taken of the last 90 days alike.
		report.Stats.Verified90 = money.MulDiv(money.Amount(recent.amount), left, max(kept.amount, left))
	}
	j.buyerStats(&report.Stats)
}

// take books a deduction of at most left and gives what it took.
func (r *Report) take(code string, orders int64, amount money.Amount, left int64) int64 {
	amount = min(amount, money.Amount(max(left, 0)))
	if amount <= 0 && orders == 0 {
		return 0
	}
	r.Deductions = append(r.Deductions, verdict.Deduction{Code: code, Orders: orders, Amount: amount})
	return int64(amount)
}

// buyerStats measures how many buyers stand behind the revenue: top-ten share
// and Herfindahl index sum((a/total)^2), exact in integers. Where less than
// four orders in five name their buyer neither is known.
func (j *Join) buyerStats(stats *Stats) {
	stats.RepeatBps, stats.Top10Bps, stats.HHIBps = unknown, unknown, unknown
	var orders, repeat, repeated, total, buyers int64
	var top [10]int64
	var squaresHi, squaresLo uint64
	for i := range j.buyers {
		known := &j.buyers[i]
		if known.orders == 0 {
			continue // before the window
		}
		buyers++
		orders += int64(known.orders)
		total += known.amount
		if known.orders > 1 {
			repeat++
			repeated += known.amount
		}
		if known.amount > top[9] {
			top[9] = known.amount
			for at := 9; at > 0 && top[at] > top[at-1]; at-- {
				top[at], top[at-1] = top[at-1], top[at]
			}
		}
		hi, lo := bits.Mul64(uint64(known.amount), uint64(known.amount)) //nolint:gosec // never negative
		var carry uint64
		squaresLo, carry = bits.Add64(squaresLo, lo, 0)
		squaresHi, _ = bits.Add64(squaresHi, hi, carry)
	}
	stats.Buyers = buyers
	if orders*5 < j.paid*4 || total <= 0 {
		return
	}
	var largest int64
	for _, amount := range top {
		largest += amount
	}
	stats.RepeatBps = share(repeat, buyers)
	stats.RepeatRevenueBps = money.BasisPoints(money.MulDiv(10_000, repeated, total))
	j.tenth = max(top[9], 1)
	stats.Top10Bps = money.BasisPoints(money.MulDiv(10_000, largest, total))
	squares := new(big.Int).SetUint64(squaresHi)
	squares.Lsh(squares, 64).Add(squares, new(big.Int).SetUint64(squaresLo))
	whole := big.NewInt(total)
	squares.Mul(squares, big.NewInt(10_000)).Quo(squares, whole.Mul(whole, whole))
	stats.HHIBps = money.BasisPoints(squares.Int64())
}

// share gives part of whole in basis points, 0 of nothing.
func share(part, whole int64) money.BasisPoints {
	if whole <= 0 {
		return 0
	}
	return money.BasisPoints(part * 10_000 / whole)
}

// score takes each signal's penalty from 10,000 and lists the signals,
// costliest first.
func (j *Join) score(report *Report, signals []signal) {
	report.ScoreBps = 10_000
	slices.SortStableFunc(signals, func(a, b signal) int {
		if a.cost != b.cost {
			return int(b.cost - a.cost)
		}
		return strings.Compare(a.reason.Code, b.reason.Code)
	})
	for _, found := range signals {
		report.ScoreBps -= found.cost
		report.Signals = append(report.Signals, found.reason)
	}
	report.ScoreBps = max(report.ScoreBps, 0)
}

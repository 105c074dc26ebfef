package crosscheck

import (
	"math/big"
	"math/bits"
	"slices"
	"strings"

	"loan310/app/money"
	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

// Findings of one order as bits, gravest lowest, in the order of Codes.
const (
	findReused = 1 << iota
	findForeign
	findLinked
	findVoid
	findPredates
	findTooFast
	findMissing
	findWeight
	findFewScans
	findBeforePaid
	findPending
	findingCount = 11
)

// natural marks findings of which honest merchants have a share: only what
// lies above it is deducted, and a single order never counts (one in a shop's
// ten orders says nothing).
const natural = findBeforePaid | findWeight | findFewScans | findPredates | findTooFast | findVoid

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
}

// tally sums one finding over orders.
type tally struct{ orders, amount int64 }

// Result settles what could only be seen at the end and adds up. The same
// rows in the same order always give the same report.
func (j *Join) Result() Report {
	j.flush()
	j.months = [windowMonths]due{}
	var tallies [findingCount]tally
	var found [findingCount]int64
	var service, kept, recent tally
	for i := range j.sales {
		entry := &j.sales[i]
		j.settle(entry)
		for rest := entry.findings; rest != 0; rest &= rest - 1 {
			found[bits.TrailingZeros16(rest)]++
		}
		bit := gravest(entry.findings)
		if bit < 0 {
			kept.add(entry.net)
			if entry.service {
				service.add(entry.net)
			}
			if entry.day < 90 {
				recent.add(entry.net)
			}
			continue
		}
		tallies[bit].add(entry.net)
	}
	report := Report{Authenticity: verdict.Authenticity{ClaimedRevenue: money.Amount(j.claimed)}}
	j.deduct(&report, tallies, service, kept, recent)
	spikes := j.spikes()
	signals := j.signals(&report, found, spikes)
	j.takeSpikes(&report, spikes, signals)
	j.score(&report, signals)
	j.sample(&report)
	return report
}

func (t *tally) add(amount int64) { t.orders++; t.amount += amount }

// gravest gives the bit an order is deducted by, or -1.
func gravest(findings uint16) int {
	if findings == 0 {
		return -1
	}
	return bits.TrailingZeros16(findings)
}

// settle drops what later rows explained (a parcel shared by orders of one
// buyer) and adds what only the whole shows (a payer behind many buyers).
func (j *Join) settle(entry *sale) {
	if entry.parcel != unknown && entry.findings&(findReused|findForeign) != 0 {
		with := &j.parcels[entry.parcel]
		if with.owner != unknown && j.sameBuyer(entry, with.owner) {
			entry.findings &^= findForeign | findReused
		}
		if with.owner == unknown && entry.findings&findReused != 0 && j.sameBuyer(entry, with.first) {
			entry.findings &^= findReused
		}
		if with.owner != unknown && &j.sales[with.owner] == entry {
			entry.findings &^= findReused
		}
	}
	rules := &j.options.Rules
	if j.payers.linked(entry.payer, rules.PayerBuyers, rules.LinkedOrders) || j.devices.linked(entry.device, rules.DeviceBuyers, rules.LinkedOrders) {
		entry.findings |= findLinked
	}
	if month := int(entry.day) / monthDays; month < windowMonths && !entry.service && entry.findings&findPending == 0 {
		j.months[month].orders++
		if entry.findings&(findMissing|findReused|findForeign|findVoid|findPredates|findTooFast) == 0 {
			j.months[month].matched++
		}
	}
}

func (j *Join) sameBuyer(entry *sale, other int32) bool {
	return entry.buyer != unknown && entry.buyer == j.sales[other].buyer
}

// deduct takes the findings from the claim: whole orders, except where honest
// merchants have some, too, and only the part above that is taken.
func (j *Join) deduct(report *Report, tallies [findingCount]tally, service, kept, recent tally) {
	codes := Codes()
	left := j.claimed - j.refunded
	for bit, sum := range tallies {
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
		Buyers: int64(len(j.buyers)), Verified90: money.Amount(recent.amount), LogisticsRead: !j.unread(),
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
	var orders, repeat, repeated, total int64
	var top [10]int64
	var squaresHi, squaresLo uint64
	for i := range j.buyers {
		known := &j.buyers[i]
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
	if orders*5 < j.paid*4 || total <= 0 {
		return
	}
	var largest int64
	for _, amount := range top {
		largest += amount
	}
	stats.RepeatBps = share(repeat, int64(len(j.buyers)))
	stats.RepeatRevenueBps = money.BasisPoints(money.MulDiv(10_000, repeated, total))
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

// Most ids shown of a merchant.
const (
	maxOrders   = 50
	maxWaybills = 20
)

// sample lists flagged orders and the parcels worth asking the carrier about,
// gravest first. Orders merely too young to have a parcel are not flagged.
func (j *Join) sample(report *Report) {
	type flagged struct {
		example
		bit int
	}
	list := make([]flagged, 0, len(j.examples))
	for _, known := range j.examples {
		if bit := gravest(j.sales[known.sale].findings &^ findPending); bit >= 0 {
			list = append(list, flagged{known, bit})
		}
	}
	slices.SortStableFunc(list, func(a, b flagged) int { return a.bit - b.bit })
	for _, known := range list {
		if len(report.FlaggedSample) < maxOrders {
			report.FlaggedSample = append(report.FlaggedSample, known.orderID)
		}
		if known.waybill != "" && len(report.SuspectWaybills) < maxWaybills && !slices.Contains(report.SuspectWaybills, known.waybill) {
			report.SuspectWaybills = append(report.SuspectWaybills, known.waybill)
		}
	}
	if report.FlaggedOrders == 0 {
		report.FlaggedSample = nil
	}
	if j.options.Logistics == evidence.Empty || len(j.parcels) == 0 {
		report.SuspectWaybills = nil // the carrier has already said it knows none
	}
}

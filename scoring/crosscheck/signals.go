package crosscheck

import (
	"slices"

	"loan310/app/money"
	"loan310/scoring/verdict"
)

// monthDays is the length of a month of the spike check.
const monthDays = 30

// signal is a finding about the merchant as a whole with what it costs.
type signal struct {
	reason verdict.Reason
	cost   money.BasisPoints
}

// spike is a month whose sales lie far above the merchant's own base.
type spike struct {
	month       int64 // 0 = the last 30 days
	gross, base int64
	coverage    money.BasisPoints // of its orders to be shipped, with a parcel; -1 = unread
	powerTimes  money.BasisPoints // electricity against the base's; -1 = not known
}

// confirmed says whether parcels bear the month out.
func (s spike) confirmed() bool { return s.coverage >= 9_000 }

// flat says whether electricity is known and did not move.
func (s spike) flat(limit money.BasisPoints) bool { return s.powerTimes >= 0 && s.powerTimes < limit }

// spikes finds months above SpikeTimes of the own base: the same month a year
// before where there were sales, else the median of up to six months before.
func (j *Join) spikes() []spike {
	rules := &j.options.Rules
	var found []spike
	for month := range int64(windowMonths) {
		gross := j.gross(month * monthDays)
		if gross < int64(rules.SpikeMin) || (month+1)*monthDays > rules.WindowDays {
			continue
		}
		baseDay := month*monthDays + 365
		base := j.gross(baseDay)
		if base == 0 {
			base, baseDay = j.trailing(month)
		}
		if base == 0 || money.MulDiv(money.Amount(base), int64(rules.SpikeTimes), 10_000) >= money.Amount(gross) {
			continue
		}
		found = append(found, spike{
			month: month, gross: gross, base: base, coverage: j.coverage(month),
			powerTimes: j.powerTimes(month*monthDays, baseDay),
		})
	}
	return found
}

// gross sums the 30 days that start so many days before the decision.
func (j *Join) gross(from int64) int64 {
	var sum int64
	for at := from; at < min(from+monthDays, historyDays); at++ {
		sum += j.days[at].gross
	}
	return sum
}

// trailing gives the median of up to six months before with sales, and the
// day where the month before starts; nothing with fewer than two.
func (j *Join) trailing(month int64) (base, fromDay int64) {
	var months []int64
	for back := month + 1; back <= month+6 && (back+1)*monthDays <= historyDays; back++ {
		if gross := j.gross(back * monthDays); gross > 0 {
			months = append(months, gross)
		}
	}
	if len(months) < 2 {
		return 0, 0
	}
	slices.Sort(months)
	return months[(len(months)-1)/2], (month + 1) * monthDays
}

// powerTimes compares mean daily electricity of two stretches of 30 days,
// where at least 10 days of each are metered.
func (j *Join) powerTimes(from, base int64) money.BasisPoints {
	now, nowDays := j.power(from)
	then, thenDays := j.power(base)
	if nowDays < 10 || thenDays < 10 || then <= 0 {
		return unknown
	}
	return money.BasisPoints(money.MulDiv(money.Amount(now)*10_000, thenDays, then*nowDays))
}

func (j *Join) power(from int64) (wh, days int64) {
	for at := from; at < min(from+monthDays, historyDays); at++ {
		if j.days[at].meters > 0 {
			wh += j.days[at].wh
			days++
		}
	}
	return wh, days
}

// signals gathers what was found about the merchant as a whole. found counts
// each finding over all orders, whatever they were deducted by.
func (j *Join) signals(report *Report, found [findingCount]int64, spikes []spike) []signal {
	var list []signal
	rules := &j.options.Rules
	add := func(code string, part money.BasisPoints, args map[string]int64) {
		penalty := rules.Penalties[code]
		over := part - penalty.Natural
		if over <= 0 {
			return
		}
		args["share_bps"], args["natural_bps"] = int64(part), int64(penalty.Natural)
		list = append(list, signal{verdict.Reason{Code: code, Args: args}, min(penalty.Max, over*penalty.Weight/10_000)})
	}
	codes := Codes()
	matured := j.shippable - found[bitPending]
	report.Stats.Matured = matured
	report.Stats.CoverageBps, report.Stats.FlaggedBps = unknown, share(report.FlaggedOrders, j.paid)
	if !j.unread() && matured > 0 {
		report.Stats.CoverageBps = share(matured-found[bitMissing], matured)
	}
	for bit, orders := range found {
		if 1<<bit&natural != 0 && orders == 1 {
			continue
		}
		if 1<<bit != findPending && orders > 0 {
			whole := j.paid
			if 1<<bit == findMissing {
				whole = matured
			}
			add(codes[bit], share(orders, whole), map[string]int64{"orders": orders})
		}
	}
	report.Stats.RefundsSoonBps = share(j.refundsSoon, j.paid)
	report.Stats.BaseTimesBps = j.baseTimes()
	for _, at := range spikes {
		j.spikeSignals(at, add)
	}
	if j.paid < rules.MinOrders {
		return strongest(list)
	}
	add(CodeRefundSoon, report.Stats.RefundsSoonBps, map[string]int64{"orders": j.refundsSoon})
	if report.Stats.Top10Bps >= 0 {
		add(CodeConcentrate, report.Stats.Top10Bps, map[string]int64{"hhi_bps": int64(report.Stats.HHIBps)})
	}
	if j.knownSince*2 > j.paid {
		add(CodeNewBuyers, share(j.newBuyers, j.knownSince), map[string]int64{"orders": j.newBuyers})
	}
	bursts, nights := j.bursts()
	add(CodeBurst, share(bursts, j.paid), map[string]int64{"orders": bursts})
	add(CodeNight, share(nights, j.paid), map[string]int64{"orders": nights})
	return strongest(list)
}

// Positions of two findings in a tally.
const (
	bitMissing = 6
	bitPending = 10
)

// strongest keeps the costliest signal of each code.
func strongest(list []signal) []signal {
	var kept []signal
	for _, found := range list {
		at := slices.IndexFunc(kept, func(other signal) bool { return other.reason.Code == found.reason.Code })
		switch {
		case at < 0:
			kept = append(kept, found)
		case found.cost > kept[at].cost:
			kept[at] = found
		}
	}
	return kept
}

// spikeSignals judges one month. A month that parcels bear out passes; flat
// electricity then only lowers the score.
func (j *Join) spikeSignals(at spike, add func(string, money.BasisPoints, map[string]int64)) {
	over := share(at.gross-at.base, at.gross)
	if !at.confirmed() {
		add(CodeSpike, over, map[string]int64{"month": at.month, "claimed_fen": at.gross, "base_fen": at.base})
	}
	if at.flat(j.options.Rules.FlatTimes) {
		add(CodeFlat, over, map[string]int64{"month": at.month, "claimed_fen": at.gross, "base_fen": at.base, "power_bps": int64(at.powerTimes)})
	}
}

// baseTimes measures the last month's claimed sales against the own base: the
// trigger of the check, not its verdict.
func (j *Join) baseTimes() money.BasisPoints {
	base := j.gross(365)
	if base == 0 {
		base, _ = j.trailing(0)
	}
	if base == 0 {
		return unknown
	}
	return min(money.BasisPoints(money.MulDiv(10_000, j.gross(0), base)), 1_000_000)
}

// bursts counts the orders of hours in which hardly any buyers order much, and
// those of busy hours at a time of day the shop is otherwise quiet: active on
// at most one day in ten. Hours count back from the moment of decision.
func (j *Join) bursts() (few, night int64) {
	rules := &j.options.Rules
	var active [24]int64
	days := min(j.options.Rules.WindowDays, int64(j.oldest)/dayMinutes+1)
	for at := range j.hours {
		if j.hours[at].orders > 0 {
			active[at%24]++
		}
	}
	for at, cell := range j.hours {
		if cell.orders < rules.BurstOrders {
			continue
		}
		if cell.orders >= rules.BurstPerBuyer*max(cell.buyers, 1) {
			few += int64(cell.orders)
		}
		if active[at%24]*10 <= days {
			night += int64(cell.orders)
		}
	}
	return few, night
}

// takeSpikes deducts what a month claims above its base where nothing bears
// it out: parcels could not be read, or parcels match but electricity stood
// still and buyers or parcels look wrong as well (real parcels with cheap
// goods). Orders without parcels were deducted already.
func (j *Join) takeSpikes(report *Report, spikes []spike, signals []signal) {
	doubted := slices.ContainsFunc(signals, func(found signal) bool {
		switch found.reason.Code {
		case CodeLinked, CodeWeight, CodeFewScans, CodeConcentrate, CodeNewBuyers, CodeBurst, CodeNight, CodeRefundSoon:
			return found.cost > 0
		}
		return false
	})
	left := int64(report.VerifiedRevenue)
	for _, at := range spikes {
		flat := at.flat(j.options.Rules.FlatTimes)
		grown := at.powerTimes >= j.options.Rules.FlatTimes
		if (j.unread() && !grown) || (at.confirmed() && flat && doubted) {
			left -= report.take(CodeSpike, 0, money.Amount(at.gross-at.base), left)
		}
	}
	report.VerifiedRevenue = money.Amount(left)
	report.Stats.Verified90 = min(report.Stats.Verified90, report.VerifiedRevenue)
	report.Deductions = merge(report.Deductions)
}

// merge joins deductions of the same code, in the order of Codes.
func merge(list []verdict.Deduction) []verdict.Deduction {
	var merged []verdict.Deduction
	for _, code := range Codes() {
		sum := verdict.Deduction{Code: code}
		for _, item := range list {
			if item.Code == code {
				sum.Orders += item.Orders
				sum.Amount += item.Amount
			}
		}
		if sum.Orders > 0 || sum.Amount > 0 {
			merged = append(merged, sum)
		}
	}
	return merged
}

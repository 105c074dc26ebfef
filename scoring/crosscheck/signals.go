package crosscheck

import (
	"slices"
	"time"

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
			base = j.inSeason(base, month)
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

// inSeason raises a usual month's sales to what the peers sell in the calendar
// month in whose days the given one lies. A slack season lowers nothing: it
// would make an ordinary month a spike.
func (j *Join) inSeason(base, month int64) int64 {
	season := j.options.Rules.Season
	if len(season) != 12 {
		return base
	}
	factor := money.BasisPoints(10_000)
	for _, day := range []int64{0, monthDays / 2, monthDays - 1} {
		at := j.asOf.Add(-time.Duration(month*monthDays+day) * 24 * time.Hour)
		factor = max(factor, season[at.UTC().Month()-1])
	}
	return int64(money.MulDiv(money.Amount(base), int64(factor), 10_000))
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
func (j *Join) signals(report *Report, sums *sums, spikes []spike) []signal {
	var list []signal
	rules, found := &j.options.Rules, &sums.found
	add := func(code string, part money.BasisPoints, args map[string]int64) bool {
		penalty := rules.Penalties[code]
		over := part - penalty.Natural
		if over <= 0 {
			return false
		}
		args["share_bps"], args["natural_bps"] = int64(part), int64(penalty.Natural)
		list = append(list, signal{verdict.Reason{Code: code, Args: args}, min(penalty.Max, over*penalty.Weight/10_000)})
		return true
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
	var spent money.BasisPoints
	for _, known := range list {
		spent += known.cost
	}
	if before := len(list); testSignals(report.Tests, add) {
		// Shares have paid for the same orders: only what they left is due.
		list[before].cost = max(0, list[before].cost-spent)
	}
	report.Stats.RefundsSoonBps = share(j.refundsSoon, j.paid)
	report.Stats.BaseTimesBps = j.baseTimes()
	for _, at := range spikes {
		j.spikeSignals(at, add)
	}
	j.moneySignals(add)
	if j.paid < rules.MinOrders {
		return strongest(list)
	}
	add(CodeRotation, share(sums.rotating, j.paid), map[string]int64{"orders": sums.rotating})
	add(CodeSharedIP, share(sums.sharedIP, j.paid), map[string]int64{"orders": sums.sharedIP})
	add(CodeConstWeight, share(sums.constant, sums.weighed), map[string]int64{"orders": sums.constant})
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
	bitMissing = 7
	bitPending = findingCount - 1
)

// moneySignals judges what the bank account shows.
func (j *Join) moneySignals(add func(string, money.BasisPoints, map[string]int64) bool) {
	b := &j.bank
	if b.trips >= max(1, j.options.Rules.RoundTrips) {
		add(CodeRoundTrip, share(b.returned, b.sales), map[string]int64{"payments": b.trips, "returned_fen": b.returned})
	}
	if part, claimed, known := j.unbanked(); known {
		add(CodeUnbanked, part, map[string]int64{"claimed_fen": claimed, "received_fen": b.sales})
	}
}

// patterns gives, for each signal about the whole, which sales are behind it,
// and the marks of the tests that failed.
func (j *Join) patterns(report *Report, spikes []spike) (list []pattern, failed uint32) {
	for i := range report.Tests {
		if report.Tests[i].Flagged {
			failed |= report.Tests[i].bits
		}
	}
	type of = func(entry *sale, buyer int32) bool
	marked := func(mark uint32) of {
		return func(entry *sale, _ int32) bool { return entry.findings&mark != 0 && entry.findings&markOutside == 0 }
	}
	bursts, nights := j.burstHours()
	inHours := func(hours []bool) of {
		return func(entry *sale, _ int32) bool { at := int(entry.created / 60); return at < len(hours) && hours[at] }
	}
	inSpike := func(entry *sale, _ int32) bool {
		return slices.ContainsFunc(spikes, func(at spike) bool { return entry.day()/monthDays == at.month })
	}
	constant := j.weights.constant()
	behind := map[string]of{
		CodeFabricated: func(entry *sale, _ int32) bool {
			return entry.findings&failed != 0 && entry.findings&(findPending|markService) == 0
		},
		CodeSpike: inSpike, CodeFlat: inSpike, CodeRefundSoon: marked(markRefundSoon), CodeNewBuyers: marked(markNewBuyer),
		CodeSharedIP: marked(markSharedIP), CodeBurst: inHours(bursts), CodeNight: inHours(nights),
		CodeRotation:    func(entry *sale, buyer int32) bool { return entry.findings&markOutside == 0 && j.circling(buyer) },
		CodeConcentrate: func(_ *sale, buyer int32) bool { return buyer != unknown && j.buyers[buyer].amount >= j.tenth },
		CodeConstWeight: func(entry *sale, _ int32) bool {
			return entry.parcel != unknown && j.parcels[entry.parcel].weight == constant
		},
	}
	for _, signal := range report.Signals {
		if of, known := behind[signal.Code]; known {
			list = append(list, pattern{signal.Code, of})
		}
	}
	return list, failed
}

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
func (j *Join) spikeSignals(at spike, add func(string, money.BasisPoints, map[string]int64) bool) {
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

// bursts counts the orders of the hours that burstHours names.
func (j *Join) bursts() (few, night int64) {
	fewHours, nightHours := j.burstHours()
	if fewHours == nil {
		return 0, 0
	}
	for at, cell := range j.hours {
		if fewHours[at] {
			few += int64(cell.orders)
		}
		if nightHours[at] {
			night += int64(cell.orders)
		}
	}
	return few, night
}

// burstHours names the hours in which hardly any buyers order much, and the
// busy hours at a time of day the shop is otherwise quiet: active on at most
// one day in ten. Hours count back from the moment of decision. Nil when no
// hour is busy.
func (j *Join) burstHours() (few, night []bool) {
	rules := &j.options.Rules
	if j.busiest < rules.BurstOrders {
		return nil, nil
	}
	few, night = make([]bool, hourCount), make([]bool, hourCount)
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
		few[at] = cell.orders >= rules.BurstPerBuyer*max(cell.buyers, 1)
		night[at] = active[at%24]*10 <= days
	}
	return few, night
}

// takeWhole deducts money that went round in a circle, above the share honest
// merchants have, and what a month claims above its base where nothing bears
// it out: parcels could not be read, or parcels match but electricity stood
// still and buyers or parcels look wrong as well (real parcels with cheap
// goods). Orders without parcels were deducted already.
func (j *Join) takeWhole(report *Report, spikes []spike, signals []signal) {
	doubted := slices.ContainsFunc(signals, func(found signal) bool {
		switch found.reason.Code {
		case CodeLinked, CodeFunded, CodeWeight, CodeFewScans, CodeDestination, CodeOrigin, CodeBundle, CodeDensity, CodeFreight, CodeConcentrate,
			CodeRotation, CodeSharedIP, CodeNewBuyers, CodeConstWeight, CodeBurst, CodeNight, CodeRefundSoon, CodeRoundTrip, CodeFabricated:
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
	if b := &j.bank; b.trips >= max(1, j.options.Rules.RoundTrips) {
		honest := money.Amount(b.sales).Share(j.options.Rules.Penalties[CodeRoundTrip].Natural)
		left -= report.take(CodeRoundTrip, 0, max(0, money.Amount(b.returned)-honest), left)
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

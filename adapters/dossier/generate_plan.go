package dossier

import (
	"math"
	"time"
)

// dayOrders is how many orders a day brings.
type dayOrders struct{ honest, fake int }

// fakeDays is how long before the application a ring fabricates orders.
const fakeDays = 150

// plan spreads a merchant's orders over its days so that they add up exactly.
func (g *Generated) plan(p *profile) []dayOrders {
	d := g.dice("plan", p.index)
	honest := make([]float64, p.days)
	fake := make([]float64, p.days)
	slope := d.between(-0.05, 0.25) - 0.08*p.stress
	if p.seat.archetype == ArchetypeDefaulting {
		slope = d.between(-2.4, -1.3)
	}
	for i := range honest {
		day := p.start.AddDate(0, 0, i)
		level := math.Exp(slope*float64(i)/windowDays) * g.season(p, day)
		if weekday := day.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			level *= 1.15
		}
		honest[i] = level * d.between(0.4, 1.6)
		if honest[i] < 0 {
			honest[i] = 0
		}
		// Fabrication comes in campaigns: three days in ten.
		if i >= p.days-fakeDays && d.chance(0.3) {
			fake[i] = d.between(0.3, 1.7)
		}
	}
	honestCounts, fakeCounts := deal(p.honest, honest), deal(p.fake, fake)
	plan := make([]dayOrders, p.days)
	for i := range plan {
		plan[i] = dayOrders{honest: honestCounts[i], fake: fakeCounts[i]}
	}
	return plan
}

// season is the honest calendar: Double Eleven, 618 and the New Year's pause
// for all, and the peaks of a seasonal merchant far above.
func (g *Generated) season(p *profile, day time.Time) float64 {
	doubleEleven, june := 2.2, 1.6
	if p.seat.archetype == ArchetypeSeasonal {
		own := g.dice("season", p.index)
		doubleEleven, june = own.between(9, 16), own.between(4, 8)
	}
	month, date := day.Month(), day.Day()
	switch {
	case month == time.November && date <= 13:
		return 1 + (doubleEleven-1)*math.Exp(-math.Abs(float64(date-11))/2.5)
	case month == time.June && date <= 20:
		return 1 + (june-1)*math.Exp(-math.Abs(float64(date-18))/2.5)
	case month == time.February && date >= 8 && date <= 22:
		return 0.45
	}
	return 1
}

// deal spreads count over weights: the running share decides, so the parts sum
// to count exactly.
func deal(count int, weights []float64) []int {
	total := 0.0
	for _, weight := range weights {
		total += weight
	}
	parts := make([]int, len(weights))
	if total == 0 {
		return parts
	}
	sum, given := 0.0, 0
	for i, weight := range weights {
		sum += weight
		upTo := int(float64(count) * (sum / total))
		parts[i] = upTo - given
		given = upTo
	}
	return parts
}

// honestByDay is the planned honest orders of each day, for meters and
// costs that follow the real business.
func honestByDay(plan []dayOrders) []int {
	counts := make([]int, len(plan))
	for i, day := range plan {
		counts[i] = day.honest
	}
	return counts
}

// hourWeights is when people order, by hour in China; hour 0 of UTC is 8 there.
var hourWeights = [24]float64{
	4, 6, 8, 7, 6, 6, 7, 7, 6, 5, 5, 6, 8, 10, 9, 6, 3, 1.2, 0.5, 0.3, 0.2, 0.3, 0.8, 2,
}

// orderTime draws the moment of an honest order within a day.
func orderTime(d dice, day time.Time) time.Time {
	total := 0.0
	for _, weight := range hourWeights {
		total += weight
	}
	at := d.Float64() * total
	for hour, weight := range hourWeights {
		if at < weight {
			return day.Add(hours(float64(hour) + at/weight))
		}
		at -= weight
	}
	return day.Add(hours(23.9))
}

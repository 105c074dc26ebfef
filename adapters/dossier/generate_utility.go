package dossier

import (
	"math"
	"slices"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// bills are a merchant's meters over its window: electricity each month,
// water every other, gas where it is cooked. Use follows the honest orders
// only, so fabricated sales leave it flat.
func (g *Generated) bills(p *profile) []evidence.UtilityBill {
	plan := g.plan(p)
	d := g.dice("bills", p.index)
	meter := p.index
	if p.seat.archetype == ArchetypeRelated && g.relation(p) == sameAddress {
		meter = p.seat.lead
	}
	var rows []evidence.UtilityBill
	month := time.Date(p.start.Year(), p.start.Month(), 1, 0, 0, 0, 0, time.UTC)
	if month.Before(p.start) {
		month = month.AddDate(0, 1, 0)
	}
	for number := 0; ; number++ {
		end := month.AddDate(0, 1, 0)
		if end.After(p.applied) {
			slices.SortStableFunc(rows, func(a, b evidence.UtilityBill) int { return a.PeriodStart.Compare(b.PeriodStart) })
			return rows
		}
		orders := ordersBetween(p, honestByDay(plan), month, end)
		rows = append(rows, g.bill(p, d, number, bill{
			kind: evidence.Electricity, meter: label("E", 8, meter+1), start: month, end: end, price: 75,
			quantity: (p.trade.kwhBase + p.trade.kwhOrder*orders) * climate(month.Month()) * d.between(0.92, 1.08) * 1000,
		}))
		if number%2 == 1 {
			start := month.AddDate(0, -1, 0)
			rows = append(rows, g.bill(p, d, number, bill{
				kind: evidence.Water, meter: label("W", 8, meter+1), start: start, end: end, price: 460,
				quantity: 2 * p.trade.waterBase * d.between(0.85, 1.15) * 1000,
			}))
		}
		if p.trade.gas {
			rows = append(rows, g.bill(p, d, number, bill{
				kind: evidence.Gas, meter: label("G", 8, meter+1), start: month, end: end, price: 350,
				quantity: (30 + 0.4*orders) * d.between(0.9, 1.1) * 1000,
			}))
		}
		month = end
	}
}

// bill is what a billing period charges; price is fen per kWh or cubic metre.
type bill struct {
	kind       evidence.UtilityKind
	meter      string
	start, end time.Time
	quantity   float64
	price      float64
}

func (g *Generated) bill(p *profile, d dice, number int, b bill) evidence.UtilityBill {
	row := evidence.UtilityBill{
		ID: label("U", 5, p.index+1, number) + "-" + string(b.kind), MeterID: b.meter, Kind: b.kind,
		PeriodStart: b.start, PeriodEnd: b.end, Quantity: int64(b.quantity), Amount: money.Amount(math.Round(b.quantity / 1000 * b.price)),
		DueAt: b.end.AddDate(0, 0, 20),
	}
	age := p.applied.Sub(b.end)
	late := 0.03 + 0.03*math.Max(0, p.stress)
	worst := 6
	if p.seat.archetype == ArchetypeDefaulting && age < days(170) {
		late, worst = 0.8, 55
	}
	row.PaidAt = row.DueAt.AddDate(0, 0, -d.whole(1, 14))
	if d.chance(late) {
		row.PaidAt = row.DueAt.AddDate(0, 0, d.whole(2, worst))
	}
	if row.PaidAt.After(p.applied) {
		row.PaidAt = time.Time{}
	}
	if d.chance(0.01) {
		row.Quantity = -1
	}
	return row
}

// climate is heating and cooling.
func climate(month time.Month) float64 {
	switch month {
	case time.July, time.August:
		return 1.3
	case time.December, time.January, time.February:
		return 1.15
	}
	return 1
}

func ordersBetween(p *profile, byDay []int, from, to time.Time) float64 {
	sum := 0
	for i, count := range byDay {
		if day := p.start.AddDate(0, 0, i); !day.Before(from) && day.Before(to) {
			sum += count
		}
	}
	return float64(sum)
}

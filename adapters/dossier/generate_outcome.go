package dossier

import (
	"math"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// bureau is the credit reference centre's view.
func (g *Generated) bureau(p *profile) (evidence.BureauReport, bool) {
	d := g.dice("bureau", p.index)
	if d.chance(0.02) {
		return evidence.BureauReport{}, false
	}
	report := evidence.BureauReport{ReportID: label("CR", 8, p.index+1), PulledAt: p.applied}
	debt := g.monthlyDebt(p)
	if p.seat.archetype == ArchetypeThinFile || debt == 0 && d.chance(0.15) {
		return report, true
	}
	report.Found = true
	report.OldestOpenedAt = p.founded.AddDate(0, 0, d.whole(60, 300))
	report.Inquiries90D = int32(max(0, d.whole(0, 3)+int(math.Round(p.stress))))
	if debt > 0 {
		report.OpenLoans = int32(d.whole(1, 3))
		report.MonthlyDebt = debt
		report.Outstanding = debt * money.Amount(d.whole(4, 14))
	}
	late := 0.05 + 0.05*math.Max(0, p.stress)
	switch p.seat.archetype {
	case ArchetypeDefaulting:
		report.MaxDPD24M = int32(d.whole(20, 120))
		report.CurrentDPD = int32(d.IntN(int(report.MaxDPD24M)))
		report.Inquiries90D += int32(d.whole(2, 8))
		if d.chance(0.2) {
			report.WrittenOff = 1
		}
		if d.chance(0.25) {
			report.CourtRecords = 1
		}
		return report, true
	case ArchetypeBrushingRing:
		report.Inquiries90D += int32(d.whole(3, 9))
		late = 0.3
	}
	if d.chance(late) {
		report.MaxDPD24M = int32(d.whole(1, 25))
	}
	return report, true
}

// monthlyDebt is what a merchant pays on loans elsewhere each month: nothing
// for six in ten. Bank rows and bureau report agree on it.
func (g *Generated) monthlyDebt(p *profile) money.Amount {
	d := g.dice("debt", p.index)
	chance, share := 0.4, d.between(0.02, 0.08)
	switch p.seat.archetype {
	case ArchetypeThinFile:
		return 0
	case ArchetypeDefaulting:
		chance, share = 0.95, d.between(0.10, 0.22)
	}
	if !d.chance(chance) {
		return 0
	}
	return money.Amount(p.monthly() * share).FloorTo(10_000)
}

// defaultChance is the known probability that the merchant's loan turns bad:
// a level by archetype, moved by the latent stress, by what is asked for
// against the real sales, and by arrears elsewhere.
func (g *Generated) defaultChance(p *profile) float64 {
	level := map[string]float64{
		ArchetypeEstablished: 0.015, ArchetypeSeasonal: 0.02, ArchetypeThinFile: 0.05,
		ArchetypeRelated: 0.06, ArchetypeBrushingRing: 0.30, ArchetypeDefaulting: 0.45,
	}[p.seat.archetype]
	logit := math.Log(level/(1-level)) + 0.7*p.stress - 0.25
	real := float64(p.honest) * p.trade.price * 100 * 30 / float64(p.days)
	logit += 0.5 * (math.Min(2, float64(g.application(p).Amount)/math.Max(real, 1)) - 1)
	if report, ok := g.bureau(p); ok && report.CurrentDPD > 30 {
		logit += 0.6
	}
	return 1 / (1 + math.Exp(-logit))
}

// outcome is seen 90 days after the loan's end at the latest.
func (g *Generated) outcome(p *profile) Outcome {
	application := g.application(p)
	d := g.dice("outcome", p.index)
	bad := d.chance(g.defaultChance(p))
	observed := application.AppliedAt.AddDate(0, application.TenorMonths, 0)
	if bad {
		observed = application.AppliedAt.Add(time.Duration(d.whole(95, 85+30*application.TenorMonths)) * days(1))
	}
	return Outcome{ApplicationID: application.ID, Bad: bad, ObservedAt: observed}
}

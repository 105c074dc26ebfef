package scoring

import (
	"slices"

	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
	"loan310/scoring/pricing"
)

// Codes of a thin file judged while a source lags.
const (
	codeThinWait = "thin_wait" // waits for sources that lag or are down
	codeThinOld  = "thin_old"  // waiting is over: the smallest offer
)

// In the thin-file lane a provider that lags declines nobody, not even by what
// its age costs in points or means: the decision waits for it, and when
// waiting is over and the source still lags, gives the smallest offer.

// tooRisky answers a score that is too low.
func (d *decision) tooRisky() {
	if d.lane == policy.ThinFile {
		late := d.late()
		hopeful := d.scorer.Hopeful(d.vector, func(id features.ID) bool {
			return slices.ContainsFunc(late, id.From)
		})
		_, priced := d.settings.Plan.Band(hopeful)
		if len(late) > 0 && priced && d.scorer.PDPpm(hopeful) <= d.settings.MaxPDPpm && d.lagged(late) {
			return
		}
	}
	d.declines = []Reason{{Code: codeHighRisk, Args: map[string]int64{"pd_ppm": d.verdict.PDPpm, "limit_pd_ppm": d.settings.MaxPDPpm}}}
	d.decline()
}

// late lists the sources that lag, and while waiting is possible those that
// are down.
func (d *decision) late() (list []evidence.Source) {
	for _, source := range evidence.Sources {
		if state := d.states[source]; state == evidence.Stale || state == evidence.Down && !d.in.Final {
			list = append(list, source)
		}
	}
	return list
}

// lagged waits for the sources or, when waiting is over, makes the smallest
// offer if nothing but old data stands against it. False: it could not.
func (d *decision) lagged(late []evidence.Source) bool {
	if !d.in.Final {
		d.verdict.Outcome, d.verdict.WaitFor, d.verdict.Ladder = Deferred, late, nil
		d.verdict.Reasons = []Reason{{Code: codeThinWait}}
		return true
	}
	product, bands := &d.engine.strategy.Product, d.settings.Plan.Bands
	band := bands[len(bands)-1]
	band.Entry = product.MinimumOffer
	capacity := capacityOf(d.vector, &d.in.Applicant)
	capacity.VerifiedMonthly, capacity.InflowMonthly, capacity.Wanted = nil, nil, 0 // of old: neither for nor against
	var fixed []pricing.Cap                                                         // a share of the smallest offer would be none
	for _, outer := range d.caps {
		if outer.Bps == 0 {
			fixed = append(fixed, outer)
		}
	}
	limit, _ := d.settings.Plan.Limit(product, band, capacity, fixed)
	if limit == 0 {
		return false
	}
	least := Reason{Code: codeThinOld, Args: map[string]int64{"cap_fen": int64(limit)}}
	return d.price(limit, band, []Reason{least}, d.climb(&band, &capacity))
}

// climb raises the band and bounds the capacity by the rung the merchant
// stands on, where the lane has a ladder, and says so.
func (d *decision) climb(band *pricing.Band, capacity *pricing.Capacity) []Reason {
	if len(d.settings.Ladder) == 0 {
		return nil
	}
	applicant := &d.in.Applicant
	days, _ := d.vector.Get(features.OwnFirstLoan) // 0 = none yet
	rung, stand, reason := d.settings.Ladder.Stand(pricing.Behaviour{
		LoansRepaid: applicant.LoansRepaid, WorstDPD: applicant.WorstDPD, CurrentDPD: applicant.CurrentDPD, FirstLoanDays: days,
	})
	*band, capacity.Ladder = rung.Raise(*band), rung.MaxLimit
	d.verdict.Ladder = &stand
	return []Reason{reason}
}

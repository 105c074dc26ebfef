package scoring

import (
	"slices"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
	"loan310/scoring/pricing"
	"loan310/scoring/scorecard"
)

// Codes the engine itself gives.
const (
	codeHighRisk = "risk_too_high"  // probability of default above the lane's limit
	codeNoOffer  = "offer_unpriced" // no price keeps the all-in cap

	codeGroupLimit = "group_limit" // connected merchants owe together
	codeGroupFull  = "group_full"  // declines: they have taken all of it
)

const maxReasons = 5

// decision is one verdict in the making; run is the story.
type decision struct {
	engine *Engine
	in     *Input
	states map[evidence.Source]evidence.State
	vector features.Vector
	report *crosscheck.Report
	// relations is nil where they were not read.
	relations *Relations

	facts    policy.Facts // what the rules see of it
	lane     string
	scorer   *scorecard.Scorer
	settings *Lane
	verdict  Verdict
	declines []Reason
	waits    []Reason
	notes    []Reason // worth telling, deciding nothing
	caps     []pricing.Cap
	capCells []int // for each cap, its degradation, or -1
	capRoom  [4]pricing.Cap
	cellRoom [4]int
}

func (d *decision) run() Verdict {
	d.verdict = Verdict{
		Reasons: []Reason{}, Authenticity: d.report.Authenticity, Features: d.vector, Versions: d.engine.versions,
		Relations: d.relations,
	}
	d.caps, d.capCells = d.capRoom[:0], d.cellRoom[:0]
	facts := &d.facts
	*facts = policy.Facts{Applicant: d.in.Applicant, Vector: d.vector, Final: d.in.Final, States: policy.StatesOf(d.states)}
	d.apply(d.engine.policy.Run(policy.KnockOut, facts))
	d.chooseLane()
	d.score(facts)
	d.apply(d.engine.policy.Run(policy.Refer, facts))
	if d.lane != facts.Lane {
		d.useLane(d.lane)
		d.score(facts)
	}
	d.degrade()
	d.apply(d.engine.policy.Run(policy.Hard, facts))
	d.apply(d.engine.policy.Run(policy.Limit, facts))
	d.shareLimit()
	switch {
	case len(d.declines) > 0:
		d.decline()
	case len(d.waits) > 0:
		d.verdict.Outcome = Deferred
		d.verdict.Reasons = trim(d.waits)
	case d.verdict.PDPpm > d.settings.MaxPDPpm:
		d.tooRisky()
	default:
		d.offer()
	}
	return d.verdict
}

// chooseLane takes the standard lane for a merchant with a file at the credit
// reference centre and a history of orders, unless the matrix says thin.
func (d *decision) chooseLane() {
	lane := policy.Standard
	choice := d.engine.strategy.Lanes
	orders, known := d.vector.Get(features.Orders365)
	age, dated := d.vector.Get(features.ShopAgeDays)
	if !known || !dated || orders < choice.MinOrders365 || age < choice.MinShopAgeDays || !read(d.states[evidence.Bureau]) {
		lane = policy.ThinFile
	}
	for at := range evidence.Sources {
		if cell := d.engine.cells.Cell(at, d.facts.States[at], "", d.in.Final); cell != nil && cell.Do == policy.Thin {
			lane = policy.ThinFile
		}
	}
	d.useLane(lane)
}

func (d *decision) useLane(lane string) {
	d.lane, d.scorer, d.settings = lane, d.engine.standard, &d.engine.strategy.Standard
	if lane == policy.ThinFile {
		d.scorer, d.settings = d.engine.thinFile, &d.engine.strategy.ThinFile
	}
	d.verdict.Versions.Lane, d.verdict.Versions.Scorecard = lane, d.scorer.Version()
}

func (d *decision) score(facts *policy.Facts) {
	d.verdict.Score = d.scorer.Score(d.vector)
	d.verdict.PDPpm = d.scorer.PDPpm(d.verdict.Score)
	facts.Score, facts.PDPpm, facts.Lane = d.verdict.Score, d.verdict.PDPpm, d.lane
}

// degrade applies the matrix, source by source, and records each cell of a
// source that is not simply known.
func (d *decision) degrade() {
	for at, source := range evidence.Sources {
		state := d.facts.States[at]
		cell := d.engine.cells.Cell(at, state, d.lane, d.in.Final)
		if state == evidence.Known && cell == nil {
			continue
		}
		effect := policy.Effect{Do: policy.Proceed}
		if cell != nil {
			effect = *cell
		}
		d.verdict.Degradations = append(d.verdict.Degradations, Degradation{Source: source, State: state, Effect: effect.Do})
		effect.WaitFor = []evidence.Source{source}
		d.follow(effect, Reason{Code: effect.Reason}, len(d.verdict.Degradations)-1)
	}
}

// apply follows the rules that fired, in order.
func (d *decision) apply(list []policy.Fired) {
	for _, fired := range list {
		d.verdict.Rules = append(d.verdict.Rules, fired.ID)
		effect := fired.Effect
		if effect.Do == policy.Defer && d.in.Final {
			effect = *effect.Final
			fired.Reason.Code = effect.Reason
		}
		if effect.Lane != "" && effect.Lane != d.lane {
			continue
		}
		d.follow(effect, fired.Reason, -1)
	}
}

// shareLimit leaves a merchant of a connected group what the others have not
// taken of what the group may owe together. Whether they still have not when
// the decision is stored is for the store to check, against Relations.Limit.
func (d *decision) shareLimit() {
	if d.relations == nil || d.relations.Size < 2 {
		return
	}
	rule := d.engine.strategy.Relations.Group
	d.relations.Limit = rule.Limit
	if d.lane == policy.ThinFile {
		d.relations.Limit = rule.ThinLimit
	}
	left := d.relations.Limit - d.relations.Exposure
	// No figures of the others in the reason: the merchant reads it.
	reason := Reason{Code: codeGroupLimit}
	if left < d.engine.strategy.Product.MinimumOffer {
		reason.Code = codeGroupFull
		d.declines = append(d.declines, reason)
		return
	}
	d.caps = append(d.caps, pricing.Cap{Fen: left, Reason: reason})
	d.capCells = append(d.capCells, -1)
}

func (d *decision) follow(effect policy.Effect, reason Reason, cell int) {
	switch effect.Do {
	case policy.Decline:
		d.declines = append(d.declines, reason)
	case policy.Defer:
		d.waits = append(d.waits, reason)
		for _, source := range effect.WaitFor {
			// What has answered already, or was not consented to, will not change.
			if may := d.states[source]; (may == evidence.Stale || may == evidence.Down) && !slices.Contains(d.verdict.WaitFor, source) {
				d.verdict.WaitFor = append(d.verdict.WaitFor, source)
			}
		}
	case policy.Cap:
		d.caps = append(d.caps, pricing.Cap{Fen: effect.CapFen, Bps: effect.CapBps, Floor: d.floor(cell), Reason: reason})
		d.capCells = append(d.capCells, cell)
	case policy.Thin:
		d.lane = policy.ThinFile
		if effect.CapFen > 0 || effect.CapBps > 0 {
			d.caps = append(d.caps, pricing.Cap{Fen: effect.CapFen, Bps: effect.CapBps, Reason: reason})
			d.capCells = append(d.capCells, cell)
			return // the cap tells the reason
		}
		d.notes = append(d.notes, reason)
	}
}

// floor keeps the cell of a source that merely lags from capping a thin file
// away altogether.
func (d *decision) floor(cell int) money.Amount {
	if cell < 0 || d.lane != policy.ThinFile || d.verdict.Degradations[cell].State != evidence.Stale {
		return 0
	}
	return d.engine.strategy.Product.MinimumOffer
}

// decline answers no: rules and cells first, then what the cross-check found,
// then the attributes that lost most.
func (d *decision) decline() {
	d.verdict.Outcome = Declined
	d.verdict.WaitFor, d.verdict.Ladder = nil, nil
	d.verdict.RetryAfter = d.engine.strategy.DefaultRetryDays
	if days, set := d.engine.strategy.RetryDays[d.declines[0].Code]; set {
		d.verdict.RetryAfter = days
	}
	signals := d.verdict.Authenticity.Signals
	d.verdict.Reasons = d.scorer.Reasons(trim(d.declines, signals[:min(len(signals), 2)], d.notes), d.vector, maxReasons)
}

// offer computes limit and price, and declines where neither can be given.
func (d *decision) offer() {
	band, priced := d.settings.Plan.Band(d.verdict.Score)
	if !priced {
		d.tooRisky()
		return
	}
	capacity := capacityOf(d.vector, &d.in.Applicant)
	climbed := d.climb(&band, &capacity)
	limit, bounds := d.settings.Plan.Limit(&d.engine.strategy.Product, band, capacity, d.caps)
	if limit > 0 && d.price(limit, band, bounds, climbed) {
		return
	}
	if late := d.late(); limit == 0 && d.lane == policy.ThinFile && len(late) > 0 && d.lagged(late) {
		return
	}
	d.declines = bounds
	if limit > 0 {
		d.declines = []Reason{{Code: codeNoOffer}}
	}
	d.decline()
}

// price makes the offer; false where no price keeps the all-in cap.
func (d *decision) price(limit money.Amount, band pricing.Band, bounds, climbed []Reason) bool {
	terms, notes, err := d.engine.strategy.Product.Price(limit, band)
	if err != nil {
		return false
	}
	d.recordCaps(bounds)
	d.verdict.Outcome, d.verdict.Terms = Approved, &terms
	d.verdict.Reasons = d.scorer.Reasons(trim(bounds, notes, climbed, d.notes), d.vector, maxReasons)
	return true
}

// recordCaps writes into each degradation what its cap came to in money.
func (d *decision) recordCaps(bounds []Reason) {
	for i, cell := range d.capCells {
		if cell < 0 {
			continue
		}
		d.verdict.Degradations[cell].Cap = d.caps[i].Fen
		for _, bound := range bounds {
			if bound.Code == d.caps[i].Reason.Code {
				d.verdict.Degradations[cell].Cap = money.Amount(bound.Args["cap_fen"])
			}
		}
	}
}

// trim keeps the first reasons of the lists, each code once.
func trim(lists ...[]Reason) []Reason {
	kept := make([]Reason, 0, maxReasons)
	for _, list := range lists {
		for i := range list {
			if len(kept) == maxReasons {
				return kept
			}
			if !slices.ContainsFunc(kept, func(other Reason) bool { return other.Code == list[i].Code }) {
				kept = append(kept, list[i])
			}
		}
	}
	return kept
}

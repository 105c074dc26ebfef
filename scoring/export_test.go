package scoring

import (
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/relations"
)

// Ready is a merchant whose rows are added up already.
type Ready struct {
	in       Input
	states   map[evidence.Source]evidence.State
	vector   features.Vector
	gathered gathered
}

// Prepare adds up the rows of an input.
func (e *Engine) Prepare(in Input) (Ready, error) {
	states := e.states(&in.Evidence)
	sums, err := e.gather(&in.Evidence, states)
	if err != nil {
		return Ready{}, err
	}
	vector := sums.collector.Vector(features.Facts{
		States: states, Report: sums.report, Bureau: in.Evidence.Bureau, Registry: in.Evidence.Registry, Applicant: in.Applicant,
		Relations: relations.Assess(e.strategy.Relations, in.Evidence.Relations),
	})
	return Ready{in, states, vector, sums}, nil
}

// DecideReady is what Decide does once the features are there: score, rules,
// matrix, limit and price.
func (e *Engine) DecideReady(ready *Ready) Verdict {
	decision := &decision{engine: e, in: &ready.in, states: ready.states, vector: ready.vector, report: &ready.gathered.report}
	return decision.run()
}

// SumReady is the floor: every feature read once.
func (r *Ready) SumReady() (sum int64) {
	for i := range r.vector {
		sum += r.vector[i].Value
	}
	return sum
}

// ScoreReady is the scorecard alone.
func (e *Engine) ScoreReady(ready *Ready) int64 {
	return e.standard.PDPpm(e.standard.Score(ready.vector))
}

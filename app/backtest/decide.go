package backtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"loan310/scoring"
	"loan310/scoring/evidence"
)

// judge decides one merchant's applications, oldest first, by one strategy.
// What it remembers is what we would have known of the merchant ourselves.
type judge struct {
	engine  Engine
	options *Options
	past    []past
	// connections are nil where relations are not read.
	connections connections
}

// past is an earlier application of the merchant, as this strategy answered it.
type past struct {
	application Application
	answer      *Answer
	outcome     Outcome
	known       bool
}

// Days past due that stand for a loan that turned bad: over ninety.
const defaultedDPD = 91

// recently is how long a decline counts as recent (applicant.declined_recents).
const recently = 30 * 24 * time.Hour

// decide answers an application as of its own moment. A deferral is followed
// by the final answer, for waiting changes nothing in a finished set.
func (j *judge) decide(folder *Folder, rows *Rows, application Application) (Answer, scoring.Verdict, error) {
	bundle := bundleOf(folder, rows, application, j.options.Assume)
	around, err := j.connections.of(application.Place)
	if err != nil {
		return Answer{}, scoring.Verdict{}, fmt.Errorf("application %s: %w", application.ID, err)
	}
	bundle.Relations = around
	in := scoring.Input{Applicant: j.applicant(folder, application), Evidence: bundle}
	verdict, err := j.engine.Decide(in)
	waited := err == nil && verdict.Outcome == scoring.Deferred
	if waited {
		in.Final = true
		verdict, err = j.engine.Decide(in)
	}
	if err != nil {
		return Answer{}, scoring.Verdict{}, fmt.Errorf("decide application %s: %w", application.ID, err)
	}
	answer, err := answerOf(&verdict)
	answer.Waited = waited
	return answer, verdict, err
}

// applicant is what we would have known at the moment: our own declines and
// loans under this strategy. A loan counts as repaid or defaulted from the
// moment its outcome was observed, as owed in full before that while its tenor
// lasts, and a default as arrears that were never made good.
func (j *judge) applicant(folder *Folder, application Application) scoring.Applicant {
	at := application.AppliedAt
	facts := scoring.Applicant{
		AppliedAt: at, AmountWanted: application.Amount, Purpose: application.Purpose,
		Region: folder.Region, Industry: folder.Industry, MerchantActive: true, ConsentsValid: true,
		RegisteredAt: folder.Applications[0].AppliedAt,
	}
	for _, earlier := range j.past {
		if earlier.answer.Outcome == scoring.Declined && at.Sub(earlier.application.AppliedAt) <= recently {
			facts.DeclinedRecents++
		}
		if !earlier.answer.Approved() {
			continue
		}
		if facts.FirstLoanAt.IsZero() {
			facts.FirstLoanAt = earlier.application.AppliedAt
		}
		switch {
		case earlier.known && !earlier.outcome.ObservedAt.After(at):
			if earlier.outcome.Bad {
				facts.WorstDPD, facts.CurrentDPD = defaultedDPD, defaultedDPD
			} else {
				facts.LoansRepaid++
			}
		case at.Before(earlier.application.AppliedAt.AddDate(0, earlier.application.TenorMonths, 0)):
			facts.OpenExposure += earlier.answer.Limit
		}
	}
	return facts
}

// bundleOf is the evidence as of an application: sources answer at that very
// moment, unless assumed otherwise; a report pulled or a record changed later
// is not used.
func bundleOf(folder *Folder, rows *Rows, application Application, assume map[evidence.Source]evidence.State) evidence.Bundle {
	at := application.AppliedAt
	bundle := evidence.Bundle{
		AsOf: at, Meta: make(map[evidence.Source]evidence.Meta, len(evidence.Sources)),
		Orders: rows.Orders, Waybills: rows.Waybills, Transactions: rows.Transactions, Bills: rows.Bills,
		Bureau: folder.Bureau, Registry: folder.Registry,
	}
	for _, source := range evidence.Sources {
		meta := evidence.Meta{Source: source, State: evidence.Known, DataAsOf: at, FetchedAt: at, Rows: rows.Counts[source]}
		switch source {
		case evidence.Bureau:
			if bundle.Bureau == nil || bureauLater(folder, at) {
				bundle.Bureau, meta.State = nil, evidence.Empty
			} else {
				meta.DataAsOf, meta.Rows = bundle.Bureau.PulledAt, 1
			}
		case evidence.Registry:
			switch {
			case registryLater(folder, at):
				bundle.Registry, meta.State = nil, evidence.Down
			case bundle.Registry == nil:
				meta.State = evidence.Empty
			default:
				meta.Rows = 1
			}
		}
		if state, assumed := assume[source]; assumed {
			meta.State = state
		}
		bundle.Meta[source] = meta
	}
	return bundle
}

// bureauLater tells whether the report was pulled after the application: it
// did not exist then.
func bureauLater(folder *Folder, at time.Time) bool {
	return folder.Bureau != nil && folder.Bureau.PulledAt.After(at)
}

// registryLater tells whether the record was changed after the application:
// what it said then is not known.
func registryLater(folder *Folder, at time.Time) bool {
	return folder.Registry != nil && folder.Registry.ChangedAt.After(at)
}

func answerOf(verdict *scoring.Verdict) (Answer, error) {
	body, err := json.Marshal(verdict)
	if err != nil {
		return Answer{}, fmt.Errorf("hash verdict: %w", err)
	}
	sum := sha256.Sum256(body)
	answer := Answer{
		Outcome: verdict.Outcome, Score: verdict.Score, PDPpm: verdict.PDPpm, Lane: verdict.Versions.Lane,
		AuthenticityBps: verdict.Authenticity.ScoreBps, Claimed: verdict.Authenticity.ClaimedRevenue, Verified: verdict.Authenticity.VerifiedRevenue,
		Hash: hex.EncodeToString(sum[:]), Reasons: make([]string, len(verdict.Reasons)),
	}
	for i, reason := range verdict.Reasons {
		answer.Reasons[i] = reason.Code
	}
	if terms := verdict.Terms; terms != nil {
		answer.Limit, answer.RateBps, answer.IRRBps = terms.Limit, terms.AnnualRateBps, terms.IRRBps
	}
	return answer, nil
}

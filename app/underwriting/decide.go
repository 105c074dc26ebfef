package underwriting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"loan310/app/audit"
	"loan310/app/cost"
	"loan310/app/fault"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// KnockOut declines an application on what we know ourselves, before any
// source is asked or paid for. The bool tells whether it was declined.
func (s *Service) KnockOut(ctx context.Context, applicationID string) (Decision, bool, error) {
	application, err := s.deps.Store.Application(ctx, applicationID)
	if err != nil {
		return Decision{}, false, err
	}
	if application.DecisionID != "" {
		return Decision{}, false, nil
	}
	asOf := s.deps.Now()
	applicant, err := s.applicant(ctx, application, asOf)
	if err != nil {
		return Decision{}, false, err
	}
	reasons := s.deps.Engine.KnockOut(applicant)
	if len(reasons) == 0 {
		return Decision{}, false, nil
	}
	snapshot := s.snapshot(applicant, nil, asOf, true)
	verdict := knockedOut(s.deps.Engine, reasons)
	decision, err := s.store(ctx, application, 1, snapshot, verdict, nil)
	return decision, true, err
}

func knockedOut(engine Engine, reasons []scoring.Reason) scoring.Verdict {
	return scoring.Verdict{Outcome: scoring.Declined, Reasons: reasons, Features: []scoring.FeatureValue{}, Versions: engine.Versions()}
}

// Decide makes and stores the next decision from the metas that Gather gave.
// Deciding the same seq again gives the stored decision. Final answers a cell
// of the matrix that would defer by its final effect.
func (s *Service) Decide(ctx context.Context, applicationID string, seq int, metas []evidence.Meta, final bool) (Decision, error) {
	application, err := s.deps.Store.Application(ctx, applicationID)
	if err != nil {
		return Decision{}, err
	}
	decisions, err := s.deps.Store.DecisionsOf(ctx, applicationID)
	if err != nil {
		return Decision{}, err
	}
	if seq <= len(decisions) { // decided before a crash; the answer stands
		return decisions[seq-1], nil
	}
	var spots *evidence.Meta
	for try := 1; ; try++ {
		decision, err := s.decideOnce(ctx, application, seq, slices.Clone(metas), &spots, final)
		if err == nil {
			s.fresh.drop(metas)
			s.afterDecision(ctx, &decision)
		}
		if err == nil || fault.CodeOf(err) != CodeGroupChanged || try == groupTries {
			return decision, err
		}
	}
}

// decideOnce makes a decision on what is known now and stores it. It is a
// Conflict with CodeGroupChanged where connected merchants were decided in
// between and have taken what it counted on. Carriers are asked once: spots
// keeps their answers for the next time.
func (s *Service) decideOnce(ctx context.Context, application Application, seq int, metas []evidence.Meta, spots **evidence.Meta, final bool) (Decision, error) {
	asOf := s.deps.Now() // the last source has answered
	applicant, err := s.applicant(ctx, application, asOf)
	if err != nil {
		return Decision{}, err
	}
	var near []string
	if s.deps.Relations != nil {
		var meta evidence.Meta
		meta, near = s.readRelations(ctx, application, asOf)
		metas = append(metas, meta)
	}
	if *spots != nil {
		metas = append(metas, **spots)
	}
	snapshot := s.snapshot(applicant, metas, asOf, final)
	verdict, err := s.judge(ctx, s.deps.Engine, snapshot)
	if err != nil {
		return Decision{}, err
	}
	if suspects := verdict.Authenticity.SuspectWaybills; len(suspects) > 0 && *spots == nil {
		meta, asked := s.spotCheck(ctx, application, s.carriers(ctx, metas, suspects))
		if asked {
			*spots = &meta
			snapshot.Evidence = append(snapshot.Evidence, meta)
			if verdict, err = s.judge(ctx, s.deps.Engine, snapshot); err != nil {
				return Decision{}, err
			}
		}
	}
	checked := Event{ApplicationID: application.ID, Kind: "checked", At: s.deps.Now()}
	return s.store(ctx, application, seq, snapshot, verdict, near, checked)
}

// applicant is the merchant with its request as of the moment of decision, one
// moment for what sources say, for our own loans and for connected merchants.
func (s *Service) applicant(ctx context.Context, application Application, asOf time.Time) (scoring.Applicant, error) {
	standing, err := s.deps.Store.Standing(ctx, application.MerchantID, application.ID, asOf)
	if err != nil {
		return scoring.Applicant{}, err
	}
	applicant := standing.Applicant
	applicant.AppliedAt, applicant.AmountWanted, applicant.Purpose = application.SubmittedAt, application.AmountWanted, application.Purpose
	return applicant, nil
}

// snapshot is as of a moment after the last source has answered: nothing they
// said is later than it.
func (s *Service) snapshot(applicant scoring.Applicant, metas []evidence.Meta, asOf time.Time, final bool) Snapshot {
	return Snapshot{
		AsOf: asOf, Applicant: applicant, Evidence: metas, Final: final,
		Strategy: s.deps.Engine.Versions().StrategyHash,
	}
}

func (s *Service) judge(ctx context.Context, engine Engine, snapshot Snapshot) (scoring.Verdict, error) {
	bundle, err := s.bundle(ctx, snapshot)
	if err != nil {
		return scoring.Verdict{}, err
	}
	verdict, err := engine.Decide(scoring.Input{Applicant: snapshot.Applicant, Evidence: bundle, Final: snapshot.Final})
	if err != nil {
		return scoring.Verdict{}, fmt.Errorf("decide: %w", err)
	}
	return verdict, nil
}

// parcel names a waybill to its carrier.
type parcel struct{ number, carrier string }

// carriers finds who carried the suspicious waybills; one nobody carried
// cannot be asked about.
func (s *Service) carriers(ctx context.Context, metas []evidence.Meta, suspects []string) []parcel {
	var parcels []parcel
	for row, err := range rows[evidence.Waybill](ctx, s, latest(metas, evidence.Logistics)) {
		if err != nil {
			return nil
		}
		wanted := row.Carrier != "" && slices.Contains(suspects, row.No)
		if wanted && !slices.ContainsFunc(parcels, func(p parcel) bool { return p.number == row.No }) {
			parcels = append(parcels, parcel{row.No, row.Carrier})
		}
	}
	return parcels
}

// spotCheck asks carriers about suspicious waybills in parallel, within the
// pull budget and the time left. A waybill the carrier does not know is
// stored as cancelled: it proves nothing.
func (s *Service) spotCheck(ctx context.Context, application Application, suspects []parcel) (evidence.Meta, bool) {
	budget, cancel := context.WithTimeout(cost.About(ctx, "application/"+application.ID), s.deps.Budgets.spot())
	defer cancel()
	answers := make([]*evidence.Waybill, len(suspects))
	var group sync.WaitGroup
	for i, suspect := range suspects {
		group.Go(func() {
			waybill, err := s.deps.Spots.SpotCheck(budget, application.ID, suspect.number, suspect.carrier)
			switch {
			case err == nil:
				answers[i] = &waybill
			case fault.KindOf(err) == fault.NotFound:
				answers[i] = &evidence.Waybill{No: suspect.number, Status: evidence.WaybillCancelled}
			}
		})
	}
	group.Wait()
	meta, err := s.storeSpots(ctx, application.ID, answers)
	if err != nil {
		s.deps.Logger.WarnContext(ctx, "spot checks not stored", "application_id", application.ID, "error", err)
	}
	return meta, err == nil && meta.Rows > 0
}

func (s *Service) storeSpots(ctx context.Context, applicationID string, answers []*evidence.Waybill) (evidence.Meta, error) {
	sink, err := s.deps.Evidence.Begin(ctx, applicationID, SpotChecks)
	if err != nil {
		return evidence.Meta{}, fmt.Errorf("begin spot checks: %w", err)
	}
	defer func() { _ = sink.Abort(context.WithoutCancel(ctx)) }()
	meta := evidence.Meta{Source: SpotChecks, State: evidence.Known, FetchedAt: s.deps.Now()}
	encoder := json.NewEncoder(sink)
	for _, answer := range answers {
		if answer == nil {
			continue
		}
		meta.Rows++
		if err := encoder.Encode(answer); err != nil {
			return evidence.Meta{}, fmt.Errorf("write spot checks: %w", err)
		}
	}
	if meta.Rows == 0 {
		return meta, nil
	}
	return sink.Commit(ctx, meta)
}

// store keeps a decision with its hashes and tells the merchant's screen.
func (s *Service) store(ctx context.Context, application Application, seq int, snapshot Snapshot, verdict scoring.Verdict, near []string, told ...Event) (Decision, error) {
	now := s.deps.Now()
	decision := Decision{
		ID: s.deps.NewID(), ApplicationID: application.ID, MerchantID: application.MerchantID, Seq: seq,
		Verdict: verdict, Snapshot: snapshot, DecidedAt: now, LatencyMS: now.Sub(application.SubmittedAt).Milliseconds(), Near: near,
	}
	var err error
	if decision.InputHash, err = hashOf(snapshot); err != nil {
		return Decision{}, err
	}
	if decision.VerdictHash, err = hashOf(verdict); err != nil {
		return Decision{}, err
	}
	if verdict.Outcome == scoring.Approved && verdict.Terms != nil {
		decision.OfferExpires = now.Add(time.Duration(verdict.Terms.ValidDays) * 24 * time.Hour)
		decision.ContractHash = ContractHash(decision, "zh-CN")
	}
	detail := fmt.Sprintf("%s %s %s", verdict.Outcome, verdict.Versions.Strategy, decision.VerdictHash)
	told = append(told, Event{ApplicationID: application.ID, Kind: "decided", At: now, Outcome: verdict.Outcome, WaitFor: verdict.WaitFor})
	return s.deps.Store.Decide(ctx, decision, s.entry(audit.Workflow("underwriting/"+application.ID), "decision.made", application.ID, detail), told...)
}

// hashOf is the SHA-256 (hex) of a value's JSON; field order is the struct's
// and map keys are sorted, so the same value always hashes alike.
func hashOf(value any) (string, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("hash %T: %w", value, err)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// Replay is the outcome of deciding again from a snapshot.
type Replay struct {
	DecisionID  string          `json:"decision_id"`
	Same        bool            `json:"same"` // input and verdict bit for bit
	InputHash   string          `json:"input_hash"`
	VerdictHash string          `json:"verdict_hash"`
	Stored      scoring.Verdict `json:"stored"`
	Replayed    scoring.Verdict `json:"replayed"`
}

// Replay decides a stored decision again from its snapshot, its evidence and
// its own strategy.
func (s *Service) Replay(ctx context.Context, decisionID string) (Replay, error) {
	decision, err := s.deps.Store.Decision(ctx, decisionID)
	if err != nil {
		return Replay{}, err
	}
	text, err := s.deps.Store.Strategy(ctx, decision.Snapshot.Strategy)
	if err != nil {
		return Replay{}, fmt.Errorf("strategy of decision %s: %w", decisionID, err)
	}
	engine, err := s.deps.LoadEngine(text)
	if err != nil {
		return Replay{}, fmt.Errorf("load strategy %s: %w", decision.Snapshot.Strategy, err)
	}
	replay := Replay{DecisionID: decisionID, Stored: decision.Verdict}
	if len(decision.Snapshot.Evidence) == 0 {
		replay.Replayed = knockedOut(engine, engine.KnockOut(decision.Snapshot.Applicant))
	} else if replay.Replayed, err = s.judge(ctx, engine, decision.Snapshot); err != nil {
		return Replay{}, err
	}
	if replay.InputHash, err = hashOf(decision.Snapshot); err != nil {
		return Replay{}, err
	}
	if replay.VerdictHash, err = hashOf(replay.Replayed); err != nil {
		return Replay{}, err
	}
	replay.Same = replay.InputHash == decision.InputHash && replay.VerdictHash == decision.VerdictHash
	return replay, nil
}

// AnswerUnjudged answers an application that Decide failed on: with a
// deferral, so that no merchant waits on an error of ours, and when waiting
// is over with a decline that may be asked again after a day. It gives false
// when a deferral stands already, which then is the answer.
func (s *Service) AnswerUnjudged(ctx context.Context, applicationID string, seq int, metas []evidence.Meta, final bool) (bool, error) {
	application, err := s.deps.Store.Application(ctx, applicationID)
	if err != nil || (application.State != Submitted && application.State != Deferred) {
		return false, err
	}
	if application.State == Deferred && !final {
		return false, nil
	}
	asOf := s.deps.Now()
	applicant, err := s.applicant(ctx, application, asOf)
	if err != nil {
		return false, err
	}
	verdict := scoring.Verdict{
		Outcome: scoring.Deferred, Reasons: []scoring.Reason{{Code: scoring.ReasonUnjudged}}, Features: []scoring.FeatureValue{},
		Versions: s.deps.Engine.Versions(),
	}
	if final {
		verdict.Outcome, verdict.RetryAfter = scoring.Declined, 1
	}
	_, err = s.store(ctx, application, seq, s.snapshot(applicant, metas, asOf, final), verdict, nil)
	return err == nil, err
}

package backtest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Decision is one line of a file of decisions. Champion fields are there when a
// challenger was compared; the outcome where it is known.
type Decision struct {
	ApplicationID   string   `json:"application_id"`
	MerchantID      string   `json:"merchant_id"`
	AsOf            string   `json:"as_of"` // RFC 3339, UTC
	Outcome         string   `json:"outcome"`
	Waited          bool     `json:"waited"`                     // deferred first, then answered finally
	LimitFen        *int64   `json:"limit_fen,omitempty"`        // approved only
	RateBps         *int64   `json:"annual_rate_bps,omitempty"`  //
	IRRBps          *int64   `json:"irr_bps,omitempty"`          // all-in
	Score           int64    `json:"score"`                      // points
	PDPpm           int64    `json:"pd_ppm"`                     // per million
	Lane            string   `json:"lane"`                       //
	Reasons         []string `json:"reasons"`                    // most important first
	AuthenticityBps int64    `json:"authenticity_bps"`           //
	ClaimedFen      int64    `json:"claimed_revenue_fen"`        //
	VerifiedFen     int64    `json:"verified_revenue_fen"`       //
	VerdictHash     string   `json:"verdict_hash"`               // SHA-256 of the verdict: deciding again gives the same
	Strategy        string   `json:"strategy"`                   // hash of the strategy that decided
	Champion        string   `json:"champion_outcome,omitempty"` //
	ChampionHash    string   `json:"champion_verdict_hash,omitempty"`
	Bad             *bool    `json:"bad,omitempty"`        // known outcome
	Mature          bool     `json:"mature"`               // it counts towards bad rates
	ProfitFen       *int64   `json:"profit_fen,omitempty"` // approved and mature
}

// Decisions gives the lines of a run in the order of the applications.
func (r *Run) Decisions() func(yield func(*Decision) bool) {
	return func(yield func(*Decision) bool) {
		strategy := r.Options.Champion.Versions().StrategyHash
		if r.Options.Challenger != nil {
			strategy = r.Options.Challenger.Versions().StrategyHash
		}
		for i := range r.Cases {
			line := r.decision(&r.Cases[i], strategy)
			if !yield(&line) {
				return
			}
		}
	}
}

func (r *Run) decision(c *Case, strategy string) Decision {
	answer := &c.Challenger
	line := Decision{
		ApplicationID: c.ID, MerchantID: c.MerchantID, AsOf: c.AppliedAt.UTC().Format(time.RFC3339), Outcome: string(answer.Outcome),
		Waited: answer.Waited, Score: answer.Score, PDPpm: answer.PDPpm, Lane: answer.Lane, Reasons: answer.Reasons,
		AuthenticityBps: int64(answer.AuthenticityBps), ClaimedFen: int64(answer.Claimed), VerifiedFen: int64(answer.Verified),
		VerdictHash: answer.Hash, Strategy: strategy, Mature: c.Mature,
	}
	if answer.Approved() {
		line.LimitFen, line.RateBps, line.IRRBps = new(int64(answer.Limit)), new(int64(answer.RateBps)), new(int64(answer.IRRBps))
		if c.Mature {
			line.ProfitFen = new(int64(answer.Money.Profit()))
		}
	}
	if r.Options.Challenger != nil {
		line.Champion, line.ChampionHash = string(c.Champion.Outcome), c.Champion.Hash
	}
	if c.Known {
		line.Bad = &c.Outcome.Bad
	}
	return line
}

// WriteJSON writes one JSON object a line.
func (r *Run) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	for line := range r.Decisions() {
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("write decisions: %w", err)
		}
	}
	return nil
}

// WriteCSV writes a header and one row a decision; an empty field means there
// is no such value. Reasons are separated by blanks.
func (r *Run) WriteCSV(w io.Writer) error {
	table := csv.NewWriter(w)
	header := []string{
		"application_id", "merchant_id", "as_of", "outcome", "waited", "limit_fen", "annual_rate_bps", "irr_bps", "score", "pd_ppm", "lane", "reasons",
		"authenticity_bps", "claimed_revenue_fen", "verified_revenue_fen", "verdict_hash", "strategy",
		"champion_outcome", "champion_verdict_hash", "bad", "mature", "profit_fen",
	}
	if err := table.Write(header); err != nil {
		return fmt.Errorf("write decisions: %w", err)
	}
	for line := range r.Decisions() {
		row := []string{
			line.ApplicationID, line.MerchantID, line.AsOf, line.Outcome, strconv.FormatBool(line.Waited),
			optional(line.LimitFen), optional(line.RateBps), optional(line.IRRBps), whole(line.Score), whole(line.PDPpm), line.Lane, strings.Join(line.Reasons, " "),
			whole(line.AuthenticityBps), whole(line.ClaimedFen), whole(line.VerifiedFen), line.VerdictHash, line.Strategy,
			line.Champion, line.ChampionHash, yesNo(line.Bad), strconv.FormatBool(line.Mature), optional(line.ProfitFen),
		}
		if err := table.Write(row); err != nil {
			return fmt.Errorf("write decisions: %w", err)
		}
	}
	table.Flush()
	if err := table.Error(); err != nil {
		return fmt.Errorf("write decisions: %w", err)
	}
	return nil
}

func whole(value int64) string { return strconv.FormatInt(value, 10) }

func optional(value *int64) string {
	if value == nil {
		return ""
	}
	return whole(*value)
}

func yesNo(value *bool) string {
	if value == nil {
		return ""
	}
	return strconv.FormatBool(*value)
}

package crosscheck

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"loan310/app/money"
)

// Marks are what a test of fabrication can count, by the names the strategy
// uses. Most are findings; the others deduct nothing by themselves.
func marks() map[string]uint32 {
	return map[string]uint32{
		CodeReused: findReused, CodeForeign: findForeign, CodeFunded: findFunded, CodeLinked: findLinked, CodeVoid: findVoid,
		CodePredates: findPredates, CodeTooFast: findTooFast, CodeMissing: findMissing, CodeWeight: findWeight, CodeFewScans: findFewScans,
		CodeDestination: findDestination, CodeOrigin: findOrigin, CodeBundle: findBundle, CodeDensity: findDensity, CodeFreight: findFreight,
		CodeBeforePaid: findBeforePaid,
		// Not to be deducted by, each a sharper or a weaker reading of a finding.
		"shipped_unproven":          markShipped,
		"shipment_stuck":            markStuck,
		"handover_before_order":     markBeforeOrder,
		"delivered_in_no_time":      markNoTime,
		"stamped_at_once":           markAtOnce,
		"handover_before_quick_pay": markQuickPaid,
		"next_to_nothing":           markLight,
		"buyer_again":               markRepeat,
	}
}

// Test asks whether a merchant has more orders with any of some marks than
// chance gives an honest one. Orders are taken as independent; an honest order
// bears a mark with the chance HonestPPM. An honest merchant fails the test
// with a chance of at most AlphaPPM, so the sum of all tests' AlphaPPM bounds
// the share of honest merchants flagged, as far as HonestPPM is right.
type Test struct {
	Name      string   `json:"name"`
	Marks     []string `json:"marks"`
	HonestPPM int64    `json:"honest_ppm"` // per million orders; 0 = not tested unless the peer group says
	AlphaPPM  int64    `json:"alpha_ppm"`
}

// Peer is a group of merchants, told by the categories they mostly sell,
// whose honest rates were measured (loan310 dossier peers).
type Peer struct {
	Name       string           `json:"name"`
	Categories []string         `json:"categories"`
	HonestPPM  map[string]int64 `json:"honest_ppm"`                // by test; a test not named keeps its own rate
	DensityMax money.Amount     `json:"density_max_fen,omitempty"` // value of an order per 100 g of its parcel; 0 = the rules'
}

// TestResult is what one test found.
type TestResult struct {
	Name      string
	Orders    int64 // judged
	Found     int64 // of them, with a mark
	HonestPPM int64 // expected of an honest merchant of this peer group
	Surprise  int64 // 1/1000 nat: -ln of the chance that an honest merchant has as many
	Flagged   bool

	bits uint32
}

// ChancePPM gives the chance behind Surprise in parts per million, rounded up.
func (t *TestResult) ChancePPM() int64 {
	// e^-s = 2^-(s/ln 2): whole halvings of a million are exact enough to show.
	chance := int64(million)
	for left := nat(t.Surprise) * tenth; left >= ln2 && chance > 1; left -= ln2 {
		chance = (chance + 1) / 2
	}
	return chance
}

func (r *Rules) validateTests() error {
	known := marks()
	for i, test := range r.Tests {
		at := fmt.Sprintf("tests[%d] (%s)", i, test.Name)
		switch {
		case test.Name == "":
			return fmt.Errorf("tests[%d]: name: missing", i)
		case slices.ContainsFunc(r.Tests[:i], func(other Test) bool { return other.Name == test.Name }):
			return fmt.Errorf("%s: name: stands twice", at)
		case len(test.Marks) == 0:
			return fmt.Errorf("%s: marks: none", at)
		case test.HonestPPM < 0 || test.HonestPPM >= million:
			return fmt.Errorf("%s: honest_ppm: want 0 to 999999", at)
		case test.AlphaPPM <= 0 || test.AlphaPPM >= million:
			return fmt.Errorf("%s: alpha_ppm: want 1 to 999999", at)
		}
		for _, mark := range test.Marks {
			if known[mark] == 0 {
				return fmt.Errorf("%s: marks: no such mark: %s", at, mark)
			}
		}
	}
	if len(r.Peers) > maxPeers {
		return errors.New("peers: more than 250 groups")
	}
	for i := range r.Peers {
		if err := r.validatePeer(&r.Peers[i]); err != nil {
			return fmt.Errorf("peers[%d] (%s): %w", i, r.Peers[i].Name, err)
		}
	}
	return nil
}

func (r *Rules) validatePeer(peer *Peer) error {
	switch {
	case peer.Name == "":
		return errors.New("name: missing")
	case len(peer.Categories) == 0:
		return errors.New("categories: none")
	case peer.DensityMax < 0:
		return errors.New("density_max_fen: negative")
	}
	for name, ppm := range peer.HonestPPM {
		if !slices.ContainsFunc(r.Tests, func(test Test) bool { return test.Name == name }) {
			return fmt.Errorf("honest_ppm.%s: no such test", name)
		}
		if ppm < 0 || ppm >= million {
			return fmt.Errorf("honest_ppm.%s: want 0 to 999999", name)
		}
	}
	return nil
}

const maxPeers = 250

// peerGroup is the one that most orders belong to, the first among equals;
// nil when no group has half of them.
func (j *Join) peerGroup() *Peer {
	best, most := -1, int64(0)
	for i, orders := range j.peerOrders {
		if orders > most {
			best, most = i, orders
		}
	}
	if best < 0 || most*2 < j.judgedOrders {
		return nil
	}
	return &j.options.Rules.Peers[best]
}

// startTests prepares the tests of the merchant's peer group.
func (j *Join) startTests() []TestResult {
	known, peer := marks(), j.peerGroup()
	results := make([]TestResult, len(j.options.Rules.Tests))
	for i, test := range j.options.Rules.Tests {
		results[i] = TestResult{Name: test.Name, HonestPPM: test.HonestPPM}
		if peer != nil {
			if ppm, measured := peer.HonestPPM[test.Name]; measured {
				results[i].HonestPPM = ppm
			}
		}
		for _, mark := range test.Marks {
			results[i].bits |= known[mark]
		}
	}
	return results
}

// finishTests settles each test from the orders counted by their findings.
func (j *Join) finishTests(results []TestResult, judged int64) {
	for i := range results {
		result := &results[i]
		result.Orders = judged
		value := surprise(result.Found, judged, result.HonestPPM)
		result.Surprise = int64(value / tenth)
		result.Flagged = value > 0 && value >= ln(million, uint64(j.options.Rules.Tests[i].AlphaPPM)) //nolint:gosec // positive, see Validate
	}
}

// testSignals makes one signal of the tests that failed, if any: the most
// surprising speaks for all. It says whether there is one.
func testSignals(results []TestResult, add func(string, money.BasisPoints, map[string]int64) bool) bool {
	var worst *TestResult
	for i := range results {
		if results[i].Flagged && (worst == nil || results[i].Surprise > worst.Surprise) {
			worst = &results[i]
		}
	}
	return worst != nil && add(CodeFabricated, 10_000, map[string]int64{"orders": worst.Found, "of": worst.Orders, "chance_ppm": worst.ChancePPM()})
}

// lowest gives the position of the lowest bit.
func lowest(findings uint32) int { return bits.TrailingZeros32(findings) }

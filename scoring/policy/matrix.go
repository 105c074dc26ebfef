package policy

import (
	"errors"
	"fmt"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Effects of a rule or of a cell of the matrix.
const (
	Proceed = "proceed" // go on as if nothing were wrong
	Cap     = "cap"     // go on with a limit of at most so much
	Thin    = "thin"    // judge in the thin-file lane; may carry a cap, too
	Defer   = "defer"   // wait for the source; Final answers when waiting is over
	Decline = "decline"
)

// Lanes of judgement.
const (
	Standard = "standard"
	ThinFile = "thin_file"
)

// Effect is what follows. The zero value of each number means: not used.
type Effect struct {
	Do     string            `json:"do"`
	CapFen money.Amount      `json:"cap_fen,omitempty"` // absolute limit
	CapBps money.BasisPoints `json:"cap_bps,omitempty"` // of the limit computed without caps
	Lane   string            `json:"lane,omitempty"`    // only in this lane; proceed in the other
	Reason string            `json:"reason,omitempty"`  // code; required unless Do is proceed
	Final  *Effect           `json:"final,omitempty"`   // of defer: the answer when waiting is over
	// WaitFor is what a rule that defers waits for; a cell waits for its own
	// source.
	WaitFor []evidence.Source `json:"wait_for,omitempty"`
}

// Matrix says for each source and each of its states how to go on.
type Matrix map[evidence.Source]map[evidence.State]Effect

// States lists the states a matrix must answer for.
func States() []evidence.State {
	return []evidence.State{evidence.Known, evidence.Stale, evidence.Empty, evidence.Down, evidence.Withheld}
}

// Validate says whether every cell is there and makes sense; the error names
// the cell.
func (m Matrix) Validate() error {
	for _, source := range evidence.Sources {
		for _, state := range States() {
			cell, there := m[source][state]
			if !there {
				return fmt.Errorf("%s.%s: no such cell", source, state)
			}
			if err := cell.validate(true); err != nil {
				return fmt.Errorf("%s.%s: %w", source, state, err)
			}
			if len(cell.WaitFor) > 0 {
				return fmt.Errorf("%s.%s: wait_for: a cell waits for its own source", source, state)
			}
		}
		if len(m[source]) != len(States()) {
			return fmt.Errorf("%s: a state that does not exist", source)
		}
	}
	if len(m) != len(evidence.Sources) {
		return errors.New("a source that does not exist")
	}
	return nil
}

// Cell gives what follows in a lane; with final, what follows once waiting is
// over. The lane is "" while it is not chosen yet: then a cell bound to one
// lane proceeds.
func (m Matrix) Cell(source evidence.Source, state evidence.State, lane string, final bool) Effect {
	effect := m[source][state]
	if of := effect.in(lane, final); of != nil {
		return *of
	}
	return Effect{Do: Proceed}
}

// in gives what follows of a cell, nil where it proceeds for being bound to
// another lane.
func (e *Effect) in(lane string, final bool) *Effect {
	if final && e.Do == Defer && e.Final != nil {
		e = e.Final
	}
	if e.Lane != "" && e.Lane != lane {
		return nil
	}
	return e
}

// Cells is a matrix laid out to be read by a source's place.
type Cells [len(evidence.Sources)][5]Effect

// Cells lays the matrix out.
func (m Matrix) Cells() *Cells {
	var cells Cells
	for at, source := range evidence.Sources {
		for state, effect := range m[source] {
			if column := columnOf(state); column >= 0 {
				cells[at][column] = effect
			}
		}
	}
	return &cells
}

// Cell is Matrix.Cell by a source's place in evidence.Sources; nil proceeds.
// The effect is the matrix's own: to be read only.
func (c *Cells) Cell(source int, state evidence.State, lane string, final bool) *Effect {
	column := columnOf(state)
	if column < 0 {
		return nil
	}
	effect := c[source][column].in(lane, final)
	if effect == nil || effect.Do == Proceed {
		return nil
	}
	return effect
}

func columnOf(state evidence.State) int {
	switch state {
	case evidence.Known:
		return 0
	case evidence.Stale:
		return 1
	case evidence.Empty:
		return 2
	case evidence.Down:
		return 3
	case evidence.Withheld:
		return 4
	default:
		return -1
	}
}

func (e Effect) validate(mayWait bool) error {
	switch {
	case e.Do != Proceed && e.Reason == "":
		return fmt.Errorf("reason: none")
	case e.Do != Cap && e.Do != Thin && (e.CapFen != 0 || e.CapBps != 0):
		return fmt.Errorf("a cap without the effect %q or %q", Cap, Thin)
	case e.CapFen < 0 || e.CapBps < 0 || e.CapBps > 10_000 || e.CapFen != 0 && e.CapBps != 0:
		return fmt.Errorf("cap: want one of cap_fen above 0 and cap_bps of 1 to 10000")
	case e.Lane != "" && e.Lane != Standard && e.Lane != ThinFile:
		return fmt.Errorf("lane %q: want %q or %q", e.Lane, Standard, ThinFile)
	case (e.Do == Defer) != (e.Final != nil):
		return fmt.Errorf("final: %q wants one, nothing else does", Defer)
	case e.Do != Defer && len(e.WaitFor) > 0:
		return fmt.Errorf("wait_for without the effect %q", Defer)
	case e.Lane != "" && e.Do == Thin:
		return fmt.Errorf("lane: %q chooses the lane", Thin)
	}
	switch e.Do {
	case Proceed, Thin, Decline:
		return nil
	case Cap:
		if e.CapFen == 0 && e.CapBps == 0 {
			return fmt.Errorf("cap: none")
		}
		return nil
	case Defer:
		if !mayWait {
			return fmt.Errorf("a final effect that waits again")
		}
		if err := e.Final.validate(false); err != nil {
			return fmt.Errorf("final: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("effect %q: want %s, %s, %s, %s or %s", e.Do, Proceed, Cap, Thin, Defer, Decline)
	}
}

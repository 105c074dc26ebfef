package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/money"
	"loan310/app/reconciliation"
)

// rail is a payout rail with a book of its own. What it does with a call
// follows from the seed and our reference, not from the order of calls.
type rail struct {
	name string
	seed uint64
	now  clock.Clock

	mu      sync.Mutex
	book    map[string]*movement
	calls   map[string]int
	out     map[string][]string // keys paid, by day
	back    map[string][]string // keys returned, by day
	due     map[string][]string // keys to be returned, by day
	told    []drawdown.Return   // not acknowledged
	counted map[string]int
}

// movement is a line of the rail's book.
type movement struct {
	amount     money.Amount
	state      drawdown.RailState
	at         time.Time // paid
	ready      time.Time // pending until then
	returnedAt time.Time
}

var errSilent = errors.New("no answer")

func newRail(name string, seed uint64, now clock.Clock) *rail {
	return &rail{
		name: name, seed: seed ^ hash(name), now: now, book: map[string]*movement{}, calls: map[string]int{}, out: map[string][]string{},
		back: map[string][]string{}, due: map[string][]string{}, counted: map[string]int{},
	}
}

// Pay pays once for a reference, and answers as it happens to.
func (r *rail) Pay(_ context.Context, told drawdown.Instruction) (drawdown.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[told.Key]++
	luck := newDice(r.seed, hash(told.Key), uint64(r.calls[told.Key])) //nolint:gosec // a small count
	if m, known := r.book[told.Key]; known {
		if m.amount != told.Amount {
			return drawdown.Receipt{State: drawdown.RailFailed, Code: "REFERENCE_REUSED"}, nil
		}
		return r.receipt(told.Key, m), nil
	}
	switch luck.pick(900, 30, 20, 20, 15, 10, 5) {
	case 1:
		r.counted["answer lost"]++
		r.pay(told, &luck)
		return drawdown.Receipt{}, errSilent
	case 2:
		r.counted["call lost"]++
		return drawdown.Receipt{}, errSilent
	case 3:
		r.counted["pending"]++
		r.book[told.Key] = &movement{amount: told.Amount, state: drawdown.RailPending, ready: r.now().Add(time.Duration(luck.between(1, 30)) * time.Hour)}
	case 4:
		r.counted["refused"]++
		r.book[told.Key] = &movement{amount: told.Amount, state: drawdown.RailFailed}
	case 5:
		r.counted["unreachable"]++
		return drawdown.Receipt{}, fmt.Errorf("breaker: %w", drawdown.ErrNotSent)
	case 6:
		r.counted["failed for reasons of the rail"]++
		r.book[told.Key] = &movement{amount: told.Amount, state: drawdown.RailFailed}
		return drawdown.Receipt{State: drawdown.RailFailed, Code: "BALANCE_NOT_ENOUGH", RailSide: true}, nil
	default:
		r.pay(told, &luck)
	}
	return r.receipt(told.Key, r.book[told.Key]), nil
}

// pay moves the money; some of it comes back days later.
func (r *rail) pay(told drawdown.Instruction, luck *dice) {
	at := r.now()
	r.book[told.Key] = &movement{amount: told.Amount, state: drawdown.RailPaid, at: at}
	r.out[drawdown.Day(at)] = append(r.out[drawdown.Day(at)], told.Key)
	if luck.chance(4) {
		back := drawdown.Day(at.AddDate(0, 0, luck.between(1, 5)))
		r.due[back] = append(r.due[back], told.Key)
	}
}

func (r *rail) receipt(key string, m *movement) drawdown.Receipt {
	if m.state == drawdown.RailPending && !r.now().Before(m.ready) {
		m.state, m.at = drawdown.RailPaid, r.now()
		r.out[drawdown.Day(m.at)] = append(r.out[drawdown.Day(m.at)], key)
	}
	return drawdown.Receipt{State: m.state, Ref: "R" + key, Code: map[bool]string{true: "PAYEE_NOT_EXIST"}[m.state == drawdown.RailFailed], At: m.at}
}

// Query tells what became of a reference, if it answers.
func (r *rail) Query(_ context.Context, key string) (drawdown.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls["?"+key]++
	luck := newDice(r.seed, hash(key), 1_000_000+uint64(r.calls["?"+key])) //nolint:gosec // a small count
	if luck.chance(80) {
		r.counted["question lost"]++
		return drawdown.Receipt{}, errSilent
	}
	m, known := r.book[key]
	if !known {
		return drawdown.Receipt{State: drawdown.RailNoRecord}, nil
	}
	return r.receipt(key, m), nil
}

// sendBack returns what is due to come back on a day.
func (r *rail) sendBack(day string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.due[day])
	for _, key := range r.due[day] {
		m := r.book[key]
		m.state, m.returnedAt = drawdown.RailReturned, r.now()
		r.back[day] = append(r.back[day], key)
		r.counted["returned"]++
		r.told = append(r.told, drawdown.Return{Key: key, Amount: m.amount, Code: "AC04", At: m.returnedAt})
	}
	delete(r.due, day)
}

// Returns gives what came back and was not acknowledged.
func (r *rail) Returns(_ context.Context, limit int) ([]drawdown.Return, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told[:min(limit, len(r.told))]), nil
}

// Acknowledge takes one off the list.
func (r *rail) Acknowledge(_ context.Context, taken drawdown.Return) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = slices.DeleteFunc(r.told, func(each drawdown.Return) bool { return each.Key == taken.Key })
	return nil
}

// paid gives what the rail paid on a reference and kept paid.
func (r *rail) paid(key string) (money.Amount, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, known := r.book[key]
	if !known || m.state != drawdown.RailPaid {
		return 0, false
	}
	return m.amount, true
}

// Statement gives the day's movements, payouts first, by reference.
func (r *rail) Statement(_ context.Context, day string, each func(reconciliation.Line) error) (string, error) {
	r.mu.Lock()
	var lines []reconciliation.Line
	for _, key := range slices.Sorted(slices.Values(r.out[day])) {
		lines = append(lines, reconciliation.Line{Key: key, Ref: "R" + key, Direction: reconciliation.Out, Amount: r.book[key].amount, At: r.book[key].at})
	}
	for _, key := range slices.Sorted(slices.Values(r.back[day])) {
		lines = append(lines, reconciliation.Line{Key: key, Ref: "B" + key, Direction: reconciliation.In, Return: true, Amount: r.book[key].amount, At: r.book[key].returnedAt})
	}
	r.mu.Unlock()
	sum := sha256.New()
	for i := range lines {
		lines[i].N = i + 1
		fmt.Fprintln(sum, lines[i].Key, lines[i].Direction, lines[i].Amount)
		if err := each(lines[i]); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// drawOf gives what a reference pays: the draw's id without its hyphens.
func drawOf(key string) string {
	draw, _, _ := strings.Cut(key, "P")
	return draw
}

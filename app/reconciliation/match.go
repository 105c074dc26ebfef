package reconciliation

import (
	"time"

	"loan310/app/ident"
	"loan310/app/money"
)

// window is a civil day of the lender's zone.
type window struct {
	day      string
	from, to time.Time
}

func (w window) has(at time.Time) bool { return !at.Before(w.from) && at.Before(w.to) }

// Judge tells what is wrong with one key on one day, in the order of Reason;
// nothing when both sides say the same. It is pure.
func Judge(rail, day string, from, to time.Time, p Pair) []Break {
	w := window{day, from, to}
	var out, back []Line
	for _, line := range p.Today {
		if line.Direction == Out {
			out = append(out, line)
		} else {
			back = append(back, line)
		}
	}
	said, came := sum(out), sum(back)
	if p.Ours == nil {
		return []Break{w.found(rail, p, MissingHere, max(said, came), 0)}
	}
	var breaks []Break
	add := func(reason Reason, rails, ours money.Amount) {
		breaks = append(breaks, w.found(rail, p, reason, rails, ours))
	}
	ours := *p.Ours
	if ours.Direction == In {
		return w.judgeIn(rail, p, back, out)
	}
	switch {
	case len(out) > 0 && len(out)+p.Earlier > 1:
		add(TwiceAtRail, said, ours.Amount)
	case len(out) == 1 && said != ours.Amount:
		add(AmountDiffers, said, ours.Amount)
	case len(out) == 1 && ours.State == Open:
		add(UnknownHere, said, 0)
	case len(out) == 1 && ours.State == NotMoved && len(back) == 0:
		add(MissingHere, said, 0)
	case len(out) == 1 && ours.State == Moved && !w.has(ours.SettledAt):
		add(Late, said, ours.Amount)
	case len(out) == 0 && ours.State == Moved && w.has(ours.SettledAt):
		reason := MissingAtRail
		if p.Earlier > 0 {
			reason = Late
		}
		add(reason, 0, ours.Amount)
	}
	switch {
	case len(back) > 0 && ours.State == Moved:
		add(ReversedThere, came, ours.Amount)
	case len(back) > 0 && came != ours.Amount:
		add(AmountDiffers, came, ours.Amount)
	}
	return breaks
}

// judgeIn is Judge for money that comes to us, such as a debit.
func (w window) judgeIn(rail string, p Pair, in, out []Line) []Break {
	ours, said := *p.Ours, sum(in)
	reason := Reason("")
	switch {
	case len(in) > 0 && len(in)+p.Earlier > 1:
		reason = TwiceAtRail
	case len(out) > 0: // given back there; nothing of ours does that
		reason, said = ReversedThere, sum(out)
	case len(in) == 1 && said != ours.Amount:
		reason = AmountDiffers
	case len(in) == 1 && ours.State == Open:
		reason = UnknownHere
	case len(in) == 1 && ours.State != Moved:
		reason = MissingHere
	case len(in) == 1 && !w.has(ours.SettledAt):
		reason = Late
	case len(in) == 0 && ours.State == Moved && w.has(ours.SettledAt) && p.Earlier > 0:
		reason = Late
	case len(in) == 0 && ours.State == Moved && w.has(ours.SettledAt):
		reason = MissingAtRail
	default:
		return nil
	}
	return []Break{w.found(rail, p, reason, said, ours.Amount)}
}

func (w window) found(rail string, p Pair, reason Reason, rails, ours money.Amount) Break {
	key := p.Key
	if key == "" && len(p.Today) > 0 {
		key = p.Today[0].Ref // the rail's own; ours it does not name
	}
	b := Break{
		ID: ident.DerivedID("break", rail, w.day, key, string(reason)), Rail: rail, Day: w.day, Key: key, Reason: reason,
		Rails: rails, Ours: ours, State: BreakOpen,
	}
	if p.Ours != nil {
		b.Subject, b.Collects = p.Ours.Subject, p.Ours.Direction == In
	}
	if reason == Late { // both sides have it: worth knowing, nothing to do
		b.State = BreakClosed
	}
	return b
}

func sum(lines []Line) money.Amount {
	var total money.Amount
	for _, line := range lines {
		total += line.Amount
	}
	return total
}

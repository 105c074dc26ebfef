package collection

import (
	"context"
	"errors"
	"strconv"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// NoticeState is where a reminder stands.
type NoticeState string

// States of reminders.
const (
	NoticePlanned NoticeState = "planned" // stored with its words; not known to be sent
	NoticeSent    NoticeState = "sent"
	NoticeDropped NoticeState = "dropped" // paid, paused or too late before it was known to be sent
)

// Notice is a reminder of one line, once per loan, line and kind. Its words
// are stored before it is sent, so that it is sent under its key as it was.
type Notice struct {
	LoanID     string
	MerchantID string
	Line       int
	Kind       string
	Template   string
	DueOn      loan.Date
	Amount     money.Amount // of the line, unpaid when it was written
	State      NoticeState
	At         time.Time // planned
	SentAt     time.Time
}

// Key is what the message is sent under.
func (n *Notice) Key() string { return n.LoanID + ":" + strconv.Itoa(n.Line) + ":" + n.Kind }

// LineRef names a line of a loan.
type LineRef struct {
	LoanID string
	Line   int
}

// Notices keeps reminders. They are planned by Store.Change.
type Notices interface {
	// LinesDue lists lines of active loans due on a day, with something unpaid
	// as last stored and no notice of a kind, those after a reference, in
	// order.
	LinesDue(ctx context.Context, on loan.Date, kind string, after LineRef, limit int) ([]LineRef, error)
	// PlannedNotices lists those planned, oldest first.
	PlannedNotices(ctx context.Context, limit int) ([]Notice, error)
	// MarkNotice moves a planned notice on.
	MarkNotice(ctx context.Context, n Notice, state NoticeState, at time.Time) error
	// NoticesOf lists a loan's, oldest first.
	NoticesOf(ctx context.Context, loanID string) ([]Notice, error)
}

// Reminded counts what a round of reminders did.
type Reminded struct {
	Planned, Sent, Dropped int
}

const (
	noticesAtOnce = 200
	noticesARound = 20_000
)

// Remind plans the reminders of today and sends what is planned, within the
// hours of contact; outside them it does nothing. It may be called again and
// again, by any number of processes: each reminder is sent once. One that
// cannot be sent now is tried again by the next call.
func (s *Service) Remind(ctx context.Context) (Reminded, error) {
	var done Reminded
	now := s.deps.Now().In(clock.Lender())
	if s.deps.Send == nil {
		return done, nil
	}
	for _, plan := range s.deps.Plans.plans {
		if !plan.Contact.has(now) {
			continue
		}
		for _, reminder := range plan.Reminders {
			planned, err := s.planReminders(ctx, reminder, loan.DateOf(now, clock.Lender()))
			done.Planned += planned
			if err != nil {
				return done, err
			}
		}
	}
	return done, s.sendPlanned(ctx, &done)
}

// planReminders stores the reminders of one kind for today.
func (s *Service) planReminders(ctx context.Context, reminder Reminder, today loan.Date) (planned int, err error) {
	on := today - loan.Date(reminder.Days) //nolint:gosec // at most 60
	for after := (LineRef{}); ; {
		lines, err := s.deps.Store.LinesDue(ctx, on, reminder.Kind, after, noticesAtOnce)
		if err != nil || len(lines) == 0 {
			return planned, err
		}
		for _, ref := range lines {
			stored := false
			_, err := s.deps.Store.Change(ctx, ref.LoanID, func(standing Standing) (Step, error) {
				stored = false
				n, ok, err := s.notice(&standing, ref.Line, reminder.Kind)
				if err != nil || !ok || n.DueOn != on {
					return Step{}, err
				}
				stored = true
				return Step{Notice: &n}, nil
			})
			if err != nil {
				return planned, err
			}
			if stored {
				planned++
			}
		}
		after = lines[len(lines)-1]
	}
}

// notice writes a reminder of a line, where there is anything to remind of
// and the loan's plan has the kind.
func (s *Service) notice(standing *Standing, number int, kind string) (Notice, bool, error) {
	l := &standing.Record.Loan
	reminder, ok := s.deps.Plans.For(l.Contract.Product.ID).reminder(kind)
	if !ok {
		return Notice{}, false, nil
	}
	position, err := s.position(standing)
	if err != nil || l.State == servicing.StateCancelled || position.OffBooks || position.Paused {
		return Notice{}, false, err
	}
	for i := range position.Instalments {
		line := &position.Instalments[i]
		if line.Number != number || line.Unpaid <= position.Credit {
			continue
		}
		return Notice{
			LoanID: l.ID, MerchantID: l.MerchantID, Line: number, Kind: kind, Template: reminder.Template, DueOn: line.DueOn,
			Amount: line.Unpaid - position.Credit, State: NoticePlanned, At: s.deps.Now(),
		}, true, nil
	}
	return Notice{}, false, nil
}

// sendPlanned sends what is planned and still true.
func (s *Service) sendPlanned(ctx context.Context, done *Reminded) error {
	var problems []error
	for range noticesARound / noticesAtOnce {
		notices, err := s.deps.Store.PlannedNotices(ctx, noticesAtOnce)
		if err != nil || len(notices) == 0 {
			return errors.Join(append(problems, err)...)
		}
		before := *done
		for i := range notices {
			if err := s.sendOne(ctx, &notices[i], done); err != nil {
				problems = append(problems, err)
			}
		}
		if len(problems) > 0 || *done == before { // what is not sent is still planned: the next call
			break
		}
	}
	return errors.Join(problems...)
}

// sendOne sends a reminder whose line is unpaid and whose day is today, and
// drops any other.
func (s *Service) sendOne(ctx context.Context, n *Notice, done *Reminded) error {
	record, err := s.deps.Servicing.Record(ctx, n.LoanID)
	if err != nil {
		return err
	}
	standing := Standing{Record: record}
	fresh, ok, err := s.notice(&standing, n.Line, n.Kind)
	if err != nil {
		return err
	}
	plan := s.deps.Plans.For(record.Loan.Contract.Product.ID)
	reminder, _ := plan.reminder(n.Kind)
	now := s.deps.Now().In(clock.Lender())
	today := loan.DateOf(now, clock.Lender())
	if !ok || fresh.DueOn != n.DueOn || n.DueOn+loan.Date(reminder.Days) != today { //nolint:gosec // at most 60
		done.Dropped++
		return s.deps.Store.MarkNotice(ctx, *n, NoticeDropped, s.deps.Now())
	}
	if !plan.Contact.has(now) {
		return nil
	}
	// Sent under its key before with other words: it was sent.
	if err := s.deps.Send(ctx, *n); err != nil && fault.KindOf(err) != fault.Mismatch {
		return err
	}
	done.Sent++
	return s.deps.Store.MarkNotice(ctx, *n, NoticeSent, s.deps.Now())
}

// Notices lists what a loan's merchant was reminded of, oldest first.
func (s *Service) Notices(ctx context.Context, loanID string) ([]Notice, error) {
	return s.deps.Store.NoticesOf(ctx, loanID)
}

package store_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
)

// phonebook counts messages by key; it may be down.
type phonebook struct {
	mu   sync.Mutex
	sent map[string]int
	down bool
}

func (p *phonebook) send(_ context.Context, n collection.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return fault.New(fault.Unavailable, fault.CodeProviderDown, "down")
	}
	p.sent[n.Key()]++
	return nil
}

// A loan's first line is due on 11 December: reminded of on the 8th, the 10th,
// the 11th and the 12th, once each, however many processes do so; not at
// night, not once it is paid, not while the loan is paused.
func TestRemindersAreSentOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		phones := &phonebook{sent: map[string]int{}}
		sending := func(d *collection.Deps) { d.Send = phones.send }
		one, two := s.collecting(s.DB, nil, clock, sending), s.collecting(s.open(t), nil, clock, sending)
		books := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		unpaid, paid, paused := s.loan(t, s.line(t, 600_00), 600_00), s.loan(t, s.line(t, 600_00), 600_00), s.loan(t, s.line(t, 600_00), 600_00)
		for day := 25; day <= 33; day++ { // 6 to 14 December
			for _, hour := range []int{2, 9, 15, 22} {
				clock.day(day, hour)
				if day == 29 && hour == 2 { // the 10th, before anybody is reminded
					_, err := books.Pause(ctx, command(paused.ID, "flood"), 0)
					require.NoError(t, err)
				}
				if day == 30 && hour == 2 {
					payment := repayment(paid.ID, "k", 103_53, 0)
					_, err := books.Repay(ctx, payment)
					require.NoError(t, err)
				}
				phones.down = day == 31 && hour == 9 // comes back in the afternoon
				answers := inParallel(4, func(i int) (collection.Reminded, error) {
					if i%2 == 0 {
						return one.Remind(ctx)
					}
					return two.Remind(ctx)
				})
				for _, answer := range answers {
					if phones.down {
						continue
					}
					require.NoError(t, answer.err)
				}
			}
		}
		kinds := func(id string) []string {
			list, err := one.Notices(ctx, id)
			require.NoError(t, err)
			var sent []string
			for _, n := range list {
				if n.State == collection.NoticeSent {
					require.GreaterOrEqual(t, phones.sent[n.Key()], 1)
					sent = append(sent, n.Kind)
				}
			}
			return sent
		}
		require.Equal(t, []string{"due_in_3_days", "due_tomorrow", "due_today", "overdue_1_day"}, kinds(unpaid.ID))
		require.Equal(t, []string{"due_in_3_days", "due_tomorrow"}, kinds(paid.ID))
		require.Equal(t, []string{"due_in_3_days"}, kinds(paused.ID))
		require.Len(t, phones.sent, 7)
		list, err := one.Notices(ctx, unpaid.ID)
		require.NoError(t, err)
		for _, n := range list {
			hour := n.SentAt.In(time.FixedZone("CST", 8*3600)).Hour()
			require.GreaterOrEqual(t, hour, 8)
			require.Less(t, hour, 22)
		}
		require.EqualValues(t, 103_53, list[0].Amount)
		require.Equal(t, 15, list[3].SentAt.In(time.FixedZone("CST", 8*3600)).Hour(), "sent when the phones were back")
	})
}

// What was planned and could not be sent is dropped when the line was paid.
func TestAReminderOfWhatIsPaidMeanwhileIsDropped(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 9)
		phones := &phonebook{sent: map[string]int{}, down: true}
		service := s.collecting(s.DB, nil, clock, func(d *collection.Deps) { d.Send = phones.send })
		l := s.loan(t, s.line(t, 600_00), 600_00)
		done, err := service.Remind(ctx)
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
		require.Equal(t, 1, done.Planned)
		books := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		_, err = books.Repay(ctx, repayment(l.ID, "k", 103_53, 0))
		require.NoError(t, err)
		phones.down = false
		done, err = service.Remind(ctx)
		require.NoError(t, err)
		require.Equal(t, collection.Reminded{Dropped: 1}, done)
		require.Empty(t, phones.sent)
	})
}

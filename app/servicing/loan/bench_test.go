package loan_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/servicing/loan"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

// busyLife is 12 months with 15 events: late, partial, early, backdated by
// order, a fee, a reversal.
func busyLife(t require.TestingT, c *loan.Contract) []loan.Event {
	var events []loan.Event
	for k := range 10 {
		due := c.Due(k + 1)
		switch k {
		case 3:
			due += 12 // late
		case 5:
			due -= 9 // early
		}
		events = append(events, loan.Event{ID: "pay" + due.String(), Kind: loan.Repayment, On: due, Amount: 888_488})
	}
	return append(events,
		loan.Event{ID: "half", Kind: loan.Repayment, On: c.Due(4) + 3, Amount: 200_000},
		loan.Event{ID: "fee", Kind: loan.FeeCharged, On: c.Due(4) + 5, Amount: 2_000},
		loan.Event{ID: "wrong", Kind: loan.Repayment, On: c.Due(6) + 1, Amount: 50_000},
		loan.Event{ID: "undo", Kind: loan.Reversal, On: c.Due(6) + 4, ReversesID: "wrong"},
		loan.Event{ID: "last", Kind: loan.Repayment, On: c.Due(12), Amount: 5_000_000},
	)
}

// BenchmarkReplay stands beside its floor, the plain schedule laid once.
func BenchmarkReplay(b *testing.B) {
	for _, repayment := range []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime} {
		c := golden(b, repayment)
		events := busyLife(b, &c)
		require.Len(b, events, 15)
		through := c.Due(12) + 1
		measure(b, string(repayment)+"/schedule", func() error {
			_, err := pricing.Schedule(repayment, c.Principal, c.RateBps, c.TenorMonths, time.Time{})
			return err
		})
		measure(b, string(repayment)+"/replay", func() error {
			_, _, err := loan.Replay(c, events, through)
			return err
		})
		_, entries, err := loan.Replay(c, events, through)
		require.NoError(b, err)
		var books book
		books.bring(b, c.LoanID, entries)
		measure(b, string(repayment)+"/diff", func() error {
			if !loan.Diff(books.journals, entries).Empty() {
				return errors.New("differs")
			}
			return nil
		})
	}
}

// measure reports processor time, which other work on the machine disturbs
// least.
func measure(b *testing.B, name string, run func() error) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		start := cpu()
		for b.Loop() {
			if err := run(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
	})
}

// cpu is this process's processor time.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

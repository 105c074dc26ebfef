package pricing_test

import (
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

// plainIRR is the definition of IRR: halving the whole range by 1/1,000 basis
// points, from nothing to 1,000 % a year.
func plainIRR(received money.Amount, schedule []pricing.Line) money.BasisPoints {
	low, high := uint64(0), uint64(100_000*1_000)
	if !plainWorthMore(received, schedule, low) {
		return 0
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		if plainWorthMore(received, schedule, middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return money.BasisPoints((high + 500) / 1_000)
}

func plainWorthMore(received money.Amount, schedule []pricing.Line, rate uint64) bool {
	const whole = 12 * 10_000 * 1_000
	hi, lo := bits.Mul64(1<<62, whole)
	step, _ := bits.Div64(hi, lo, whole+rate)
	factor := uint64(1) << 62
	var sumHi, sumLo uint64
	for k := range schedule {
		hi, lo = bits.Mul64(factor, step)
		factor = hi<<2 | lo>>62
		if schedule[k].Total <= 0 {
			continue
		}
		hi, lo = bits.Mul64(uint64(schedule[k].Total), factor)
		var carry uint64
		sumLo, carry = bits.Add64(sumLo, lo, 0)
		sumHi, _ = bits.Add64(sumHi, hi, carry)
	}
	hi, lo = bits.Mul64(uint64(received), 1<<62)
	return sumHi > hi || sumHi == hi && sumLo > lo
}

// plainAllIn is the definition of the all-in rate: every schedule laid out and
// its IRR searched.
func plainAllIn(t require.TestingT, product *pricing.Product, limit money.Amount, rate money.BasisPoints) money.BasisPoints {
	var highest money.BasisPoints
	received := limit - limit.Share(product.Fee)
	for _, kind := range product.Repayment {
		if kind == verdict.AnyTime {
			highest = max(highest, money.BasisPoints(money.MulDiv(money.Amount(rate), 365, int64(product.DayCountBase))))
			if product.Fee == 0 {
				continue
			}
			kind = verdict.Bullet
		}
		for _, tenor := range product.TenorMonths {
			lines, err := pricing.ScheduleDayCount(kind, limit, rate, tenor, time.Unix(0, 0).UTC(), product.DayCountBase)
			require.NoError(t, err)
			highest = max(highest, plainIRR(received, lines))
		}
	}
	return highest
}

func anyAmount(t *rapid.T, name string) money.Amount {
	digits := rapid.Int64Range(1, 11).Draw(t, name+" digits")
	top := int64(1)
	for range digits {
		top *= 10
	}
	return money.Amount(rapid.Int64Range(1, top).Draw(t, name))
}

func TestTheSearchFindsWhatHalvingTheWholeRangeFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		schedule := make([]pricing.Line, rapid.IntRange(1, 36).Draw(t, "tenor"))
		received := anyAmount(t, "received")
		if rapid.Bool().Draw(t, "any payments") {
			for k := range schedule {
				schedule[k].Total = anyAmount(t, "total") - 1
			}
		} else {
			kinds := []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime}
			var err error
			rate := money.BasisPoints(rapid.Int64Range(0, 5_000).Draw(t, "rate"))
			schedule, err = pricing.Schedule(rapid.SampledFrom(kinds).Draw(t, "kind"), received, rate, len(schedule), firstDue)
			require.NoError(t, err)
			received -= received.Share(money.BasisPoints(rapid.Int64Range(0, 1_000).Draw(t, "fee")))
			received = max(received, 1)
		}
		irr, err := pricing.IRR(received, schedule)
		require.NoError(t, err)
		require.Equal(t, plainIRR(received, schedule), irr)
	})
}

func TestThePriceIsThatOfEverySchedule(t *testing.T) {
	t.Parallel()
	kinds := []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime}
	rapid.Check(t, func(t *rapid.T) {
		product := &pricing.Product{
			IRRCap: money.BasisPoints(rapid.Int64Range(1, 3_600).Draw(t, "cap")), DayCountBase: rapid.SampledFrom([]int{360, 365}).Draw(t, "base"),
			TenorMonths: rapid.SliceOfN(rapid.IntRange(1, 26), 1, 2).Draw(t, "tenors"),
			Repayment:   rapid.SliceOfN(rapid.SampledFrom(kinds), 1, 3).Draw(t, "kinds"),
		}
		if rapid.Bool().Draw(t, "with fee") {
			product.Fee = money.BasisPoints(rapid.Int64Range(0, 1_000).Draw(t, "fee"))
		}
		limit := max(anyAmount(t, "limit"), 10)
		band := pricing.Band{AnnualRate: money.BasisPoints(rapid.Int64Range(0, 3_700).Draw(t, "rate"))}
		terms, _, err := product.Price(limit, band)
		rate := band.AnnualRate
		for rate >= 0 {
			irr := plainAllIn(t, product, limit, rate)
			if irr <= product.IRRCap {
				require.NoError(t, err)
				require.Equal(t, rate, terms.AnnualRateBps)
				require.Equal(t, irr, terms.IRRBps)
				return
			}
			rate -= irr - product.IRRCap
		}
		require.ErrorIs(t, err, pricing.ErrSchedule)
	})
}

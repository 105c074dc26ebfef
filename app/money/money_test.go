package money_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
)

func TestParseReadsYuan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Amount{"100": 10000, "100.5": 10050, "-3.07": -307, "0.01": 1, "92233720368547758.07": math.MaxInt64} {
		got, err := money.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", ".5", "1.", "1.234", "1e3", "+1", "--1", "1,000", " 1", "１"} {
		_, err := money.Parse(text)
		require.ErrorIs(t, err, money.ErrSyntax, text)
	}
	_, err := money.Parse("92233720368547758.08")
	require.ErrorIs(t, err, money.ErrRange)
}

func TestStringIsParsedBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := money.Amount(rapid.Int64Range(-1<<62, 1<<62).Draw(t, "fen"))
		back, err := money.Parse(amount.String())
		require.NoError(t, err)
		require.Equal(t, amount, back)
	})
}

func TestMulDivRoundsHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	require.Equal(t, money.Amount(1), money.MulDiv(1, 1, 2))            // 0.5 -> 1
	require.Equal(t, money.Amount(-1), money.MulDiv(-1, 1, 2))          // -0.5 -> -1
	require.Equal(t, money.Amount(3), money.MulDiv(10, 1, 3))           // 3.33 -> 3
	require.Equal(t, money.Amount(100), money.Amount(10000).Share(100)) // 1 % of 100.00
	require.Equal(t, money.Amount(math.MaxInt64), money.MulDiv(math.MaxInt64, 3, 1))
	require.Equal(t, money.Amount(-200), money.Amount(-101).FloorTo(100))
}

func TestMulDivAgreesWithUnboundedArithmetic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, num := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "num")
		den := rapid.Int64().Filter(func(v int64) bool { return v != 0 }).Draw(t, "den")
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(a), big.NewInt(num)), big.NewInt(den))
		// Half away from zero: add a half in the value's own direction, then cut.
		half := big.NewRat(int64(exact.Sign()), 2)
		exact.Add(exact, half)
		want := new(big.Int).Quo(exact.Num(), exact.Denom())
		switch {
		case want.Cmp(big.NewInt(math.MaxInt64)) > 0:
			want.SetInt64(math.MaxInt64)
		case want.Cmp(big.NewInt(math.MinInt64)) <= 0:
			want.SetInt64(math.MinInt64)
		}
		require.Equal(t, want.Int64(), int64(money.MulDiv(money.Amount(a), num, den)))
	})
}

package store_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/relations"
)

// lineOf gives a merchant that shares nothing with others a line, by a
// decision of a lane.
func (s *suite) lineOf(tb testing.TB, m merchant.Merchant, limit money.Amount, lane string) underwriting.Line {
	tb.Helper()
	a := s.applyFrom(tb, m.ID, underwriting.Origin{})
	d := newDecision(a, 1, scoring.Approved)
	d.Verdict.Versions.Lane = lane
	d.Verdict.Terms.Limit = limit
	_, err := s.Underwriting().Decide(tb.Context(), d, entry("decision.made", "application/"+a.ID))
	require.NoError(tb, err)
	line, err := s.Underwriting().Accept(tb.Context(), newLine(d, limit), entry("offer.accepted", "application/"+a.ID))
	require.NoError(tb, err)
	return line
}

// joined gives two merchants lines of 30,000.00 and 20,000.00 and then makes
// them known to be paid into one account.
func (s *suite) joined(tb testing.TB, lane string) (first, second underwriting.Line) {
	tb.Helper()
	a, b := s.stranger(tb), s.stranger(tb)
	first, second = s.lineOf(tb, a, 30_000_00, lane), s.lineOf(tb, b, 20_000_00, lane)
	b.Payout.Number = a.Payout.Number
	_, err := s.Merchants().Update(tb.Context(), b, entry("merchant.changed", "merchant/"+b.ID))
	require.NoError(tb, err)
	return first, second
}

// groupRules join by an account and let a group be committed to 40,000.00.
func groupRules(tb testing.TB, onExcess relations.Excess) *relations.Rules {
	tb.Helper()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(tb, err)
	rules := *engine.Strategy().Relations
	rules.Group = relations.GroupRule{Limit: 500_000_00, ThinLimit: 40_000_00, OnExcess: onExcess}
	require.NoError(tb, rules.Validate())
	return &rules
}

func TestMerchantsFoundConnectedLaterAreHeldToTheGroupsLimit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		for action, want := range map[relations.Excess]struct {
			lowered money.Amount
			frozen  int
			left    money.Amount
			state   string
		}{
			"":               {10_000_00, 0, 0, "active"},
			relations.Freeze: {0, 2, 10_000_00, "frozen"},
			relations.Alert:  {0, 0, 10_000_00, "active"},
		} {
			first, second := s.joined(t, "thin_file")
			service := reviewer(s, groupRules(t, action))
			review, held, err := service.ReviewGroup(ctx, first.MerchantID)
			require.NoError(t, err)
			require.True(t, held)
			require.Equal(t, slices.Sorted(slices.Values([]string{first.MerchantID, second.MerchantID})), review.Members)
			require.Equal(t, money.Amount(50_000_00), review.Committed)
			require.Equal(t, money.Amount(40_000_00), review.Limit)
			require.Equal(t, want.lowered, review.Lowered)
			require.Equal(t, want.frozen, review.Frozen)
			require.Equal(t, want.left, review.Left())
			lines, err := s.Underwriting().LinesOf(ctx, second.MerchantID)
			require.NoError(t, err)
			require.Equal(t, want.state, lines[0].State)
			other, err := s.Underwriting().LinesOf(ctx, first.MerchantID)
			require.NoError(t, err)
			require.Equal(t, 50_000_00-want.lowered, other[0].Limit+lines[0].Limit)
			_, again, err := service.ReviewGroup(ctx, second.MerchantID)
			require.NoError(t, err)
			require.False(t, again, "the same is found once")
			trail, err := s.Audit(ctx, "group/"+review.GroupID)
			require.NoError(t, err)
			require.Len(t, trail, 1)
		}
		list, next, err := s.Groups().Reviews(ctx, underwriting.Page{Limit: 2})
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.NotEmpty(t, next)
		rest, _, err := s.Groups().Reviews(ctx, underwriting.Page{Limit: 2, Cursor: next})
		require.NoError(t, err)
		require.Len(t, rest, 1)
	})
}

// What is drawn cannot be taken back: the rest is left over and said.
func TestALoweredLineKeepsWhatIsDrawn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		first, second := s.joined(t, "thin_file")
		s.reserve(t, s.drawdown(t, first, 28_000_00))
		s.reserve(t, s.drawdown(t, second, 19_000_00))
		review, held, err := reviewer(s, groupRules(t, "")).ReviewGroup(t.Context(), second.MerchantID)
		require.NoError(t, err)
		require.True(t, held)
		require.Equal(t, money.Amount(3_000_00), review.Lowered)
		require.Equal(t, money.Amount(7_000_00), review.Left())
		_, again, err := reviewer(s, groupRules(t, "")).ReviewGroup(t.Context(), first.MerchantID)
		require.NoError(t, err)
		require.False(t, again, "what is left over is said once")
		s.sound(t)
	})
}

// A group within its limit, or of merchants in the standard lane that owe less
// than that lane's, is left alone, and so is one whose lines are one merchant's.
func TestAGroupWithinItsLimitIsLeftAlone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		first, _ := s.joined(t, "standard")
		_, held, err := reviewer(s, groupRules(t, "")).ReviewGroup(t.Context(), first.MerchantID)
		require.NoError(t, err)
		require.False(t, held)
		alone := s.lineOf(t, s.stranger(t), 90_000_00, "thin_file")
		_, held, err = reviewer(s, groupRules(t, "")).ReviewGroup(t.Context(), alone.MerchantID)
		require.NoError(t, err)
		require.False(t, held)
	})
}

// Sixteen reviewers in two processes, while both merchants draw: the excess is
// taken once, and no line is ever drawn beyond its limit.
func TestManyReviewersOfOneGroup(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		first, second := s.joined(t, "thin_file")
		rules := groupRules(t, "")
		services := []*underwriting.Service{reviewer(s, rules), reviewer(&suite{DB: s.open(t), t: t}, rules)}
		var draws [][2]string
		for i := range 8 {
			line := []underwriting.Line{first, second}[i%2]
			d := s.drawdown(t, line, 1_000_00)
			draws = append(draws, [2]string{d.ID, line.ID})
		}
		answers := inParallel(24, func(i int) (int, error) {
			if i < 8 {
				d, err := s.Drawdowns().Drawdown(t.Context(), draws[i][0])
				if err != nil {
					return 0, err
				}
				_, _, err = s.Drawdowns().Reserve(t.Context(), d.ID, newPayout(d), promised(d), entry("drawdown.reserved", "drawdown/"+d.ID))
				return 0, err
			}
			if i%2 == 0 {
				return services[i/2%2].ReviewGroups(t.Context(), now().AddDate(0, 0, -1))
			}
			_, held, err := services[i/2%2].ReviewGroup(t.Context(), first.MerchantID)
			if held {
				return 1, err
			}
			return 0, err
		})
		found := 0
		for _, answer := range answers {
			require.NoError(t, answer.err)
			found += answer.value
		}
		require.Equal(t, 1, found)
		var sum money.Amount
		for _, merchantID := range []string{first.MerchantID, second.MerchantID} {
			lines, err := s.Underwriting().LinesOf(t.Context(), merchantID)
			require.NoError(t, err)
			require.LessOrEqual(t, lines[0].Used, lines[0].Limit)
			sum += lines[0].Limit
		}
		require.Equal(t, money.Amount(40_000_00), sum)
		s.sound(t)
	})
}

// reviewer is an underwriting that looks at groups by rules.
func reviewer(s *suite, rules *relations.Rules) *underwriting.Service {
	deps := deciderDeps(s.DB, now)
	deps.Groups, deps.GroupRules = s.Groups(), rules
	return underwriting.NewService(deps)
}

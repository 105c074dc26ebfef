package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
	"loan310/scoring/verdict"
)

func decline(id, when string) policy.Rule {
	return policy.Rule{ID: id, Stage: policy.Hard, When: when, Effect: policy.Effect{Do: policy.Decline, Reason: "why"}}
}

func facts(name string, value int64) *policy.Facts {
	vector := make(features.Vector, features.Count)
	for id, def := range features.All() {
		vector[id] = verdict.FeatureValue{Name: def.Name, State: verdict.FeatureMissing}
	}
	if id, known := features.Index(name); known {
		vector[id].Value, vector[id].State = value, verdict.FeatureKnown
	}
	return &policy.Facts{Vector: vector, Lane: policy.Standard}
}

func TestRulesRunByPriorityWithTheirArguments(t *testing.T) {
	t.Parallel()
	late, early := decline("late", "score < 500"), decline("early", "has_orders_90d && orders_90d < 10")
	late.Priority, early.Priority, early.Args = 20, 10, []string{"orders_90d"}
	set, err := policy.New([]policy.Rule{late, early})
	require.NoError(t, err)
	fired := set.Run(policy.Hard, facts("orders_90d", 3))
	require.Len(t, fired, 2)
	require.Equal(t, "early", fired[0].ID)
	require.Equal(t, map[string]int64{"orders_90d": 3}, fired[0].Reason.Args)
	require.Equal(t, "late", fired[1].ID)
	require.Len(t, set.Run(policy.Hard, facts("orders_90d", 10)), 1)
	require.Empty(t, set.Run(policy.Limit, facts("", 0)))
}

func TestAMissingFeatureIsNotZero(t *testing.T) {
	t.Parallel()
	set, err := policy.New([]policy.Rule{decline("few", "has_orders_90d && orders_90d == 0")})
	require.NoError(t, err)
	require.Empty(t, set.Run(policy.Hard, facts("", 0)))
	require.Len(t, set.Run(policy.Hard, facts("orders_90d", 0)), 1)
}

func TestARuleThatCannotBeEvaluatedFailsClosed(t *testing.T) {
	t.Parallel()
	// Neither overflow nor division shows before the numbers are there.
	for _, when := range []string{
		"has_orders_90d && orders_90d * 9223372036854775807 > 0",
		"has_orders_90d && orders_90d > 5 && 100 / (orders_90d - 7) > 1",
		"has_orders_90d && orders_90d > 6 && has_orders_365d == (orders_365d > 3)",
	} {
		set, err := policy.New([]policy.Rule{decline("ok", "score < 1"), {
			ID: "broken", Stage: policy.Limit, When: when, Effect: policy.Effect{Do: policy.Cap, CapBps: 5_000, Reason: "why"},
		}})
		if err != nil {
			require.ErrorContains(t, err, "broken", "refused already at load")
			continue
		}
		fired := set.Run(policy.Limit, facts("orders_90d", 7))
		require.Len(t, fired, 1)
		require.Equal(t, "broken"+policy.FailedSuffix, fired[0].ID)
		require.Equal(t, policy.Decline, fired[0].Effect.Do, "a broken cap must not lend")
		require.Equal(t, policy.CodeRuleFailed, fired[0].Reason.Code)
	}
}

func TestBadRulesAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule policy.Rule
		want string
	}{
		"floating point literal":     {decline("x", "score > 1.5"), "rules[0] (x)"},
		"floating point by cast":     {decline("x", "double(score) > double(3)"), "floating point"},
		"floating point in a list":   {decline("x", "size([1.0, 2.0]) > 1"), "floating point"},
		"unknown feature":            {decline("x", "horoscope > 3"), "undeclared reference"},
		"not a bool":                 {decline("x", "score + 1"), "not bool"},
		"unguarded feature":          {decline("x", "orders_90d > 3"), "guard each feature"},
		"one guard for two features": {decline("x", "has_orders_90d && orders_365d > 3"), "guard each feature"},
		"knock-out sees no feature": {
			policy.Rule{ID: "x", Stage: policy.KnockOut, When: "has_orders_90d", Effect: policy.Effect{Do: policy.Decline, Reason: "r"}}, "undeclared reference",
		},
		"no such stage":        {policy.Rule{ID: "x", Stage: "soft", When: "true"}, "stage"},
		"hard does not cap":    {policy.Rule{ID: "x", Stage: policy.Hard, When: "true", Effect: policy.Effect{Do: policy.Cap, CapFen: 1, Reason: "r"}}, "effect"},
		"cap without amount":   {policy.Rule{ID: "x", Stage: policy.Limit, When: "true", Effect: policy.Effect{Do: policy.Cap, Reason: "r"}}, "cap: none"},
		"no reason":            {policy.Rule{ID: "x", Stage: policy.Hard, When: "true", Effect: policy.Effect{Do: policy.Decline}}, "reason"},
		"defer without final":  {policy.Rule{ID: "x", Stage: policy.Refer, When: "true", Effect: policy.Effect{Do: policy.Defer, Reason: "r"}}, "final"},
		"args of another kind": {policy.Rule{ID: "x", Stage: policy.Hard, When: "true", Effect: policy.Effect{Do: policy.Decline, Reason: "r"}, Args: []string{"lane"}}, "args"},
		"no id":                {decline("", "true"), "id"},
		"waits for nobody knows": {policy.Rule{ID: "x", Stage: policy.Refer, When: "true", Effect: policy.Effect{
			Do: policy.Defer, Reason: "r", Final: &policy.Effect{Do: policy.Decline, Reason: "r"},
		}}, "wait_for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.New([]policy.Rule{test.rule})
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := policy.New([]policy.Rule{decline("x", "true"), decline("x", "true")})
	require.ErrorContains(t, err, "rules[1] (x)")
}

func TestWorkIsLimited(t *testing.T) {
	t.Parallel()
	endless := "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, a+b+c+d > 0))))"
	_, err := policy.New([]policy.Rule{decline("x", endless)})
	require.ErrorContains(t, err, "cost limit")
}

func complete() policy.Matrix {
	matrix := policy.Matrix{}
	for _, source := range evidence.Sources {
		matrix[source] = map[evidence.State]policy.Effect{}
		for _, state := range policy.States() {
			matrix[source][state] = policy.Effect{Do: policy.Proceed}
		}
	}
	return matrix
}

func TestEveryCellOfTheMatrixMustBeThere(t *testing.T) {
	t.Parallel()
	require.NoError(t, complete().Validate())
	for _, source := range evidence.Sources {
		for _, state := range policy.States() {
			matrix := complete()
			delete(matrix[source], state)
			require.ErrorContains(t, matrix.Validate(), string(source)+"."+string(state))
		}
	}
	matrix := complete()
	matrix["gossip"] = matrix[evidence.Bank]
	require.Error(t, matrix.Validate())
}

func TestACellAnswersByLaneAndByPatience(t *testing.T) {
	t.Parallel()
	matrix := complete()
	matrix[evidence.Bureau][evidence.Down] = policy.Effect{Do: policy.Defer, Reason: "wait", Final: &policy.Effect{Do: policy.Thin, Reason: "thin", CapFen: 500}}
	matrix[evidence.Utility][evidence.Down] = policy.Effect{Do: policy.Cap, CapBps: 7_000, Lane: policy.ThinFile, Reason: "cap"}
	require.NoError(t, matrix.Validate())
	require.Equal(t, policy.Defer, matrix.Cell(evidence.Bureau, evidence.Down, policy.Standard, false).Do)
	require.Equal(t, policy.Thin, matrix.Cell(evidence.Bureau, evidence.Down, policy.Standard, true).Do)
	require.Equal(t, policy.Proceed, matrix.Cell(evidence.Utility, evidence.Down, policy.Standard, false).Do)
	require.Equal(t, policy.Cap, matrix.Cell(evidence.Utility, evidence.Down, policy.ThinFile, false).Do)
}

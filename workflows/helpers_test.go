package workflows_test

import (
	"go.temporal.io/sdk/worker"

	"loan310/app/merchant"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/workflows"
)

func workerOptions() worker.Options { return worker.Options{} }

func seqOf(in any) int { return in.(workflows.DecideInput).Seq }

func finalOf(in any) bool { return in.(workflows.DecideInput).Final }

func decided(outcome scoring.Outcome, waitFor ...evidence.Source) workflows.Answer {
	return workflows.MakeAnswer(outcome, waitFor...)
}

func standing(state merchant.State, checking bool) workflows.RegistrationStanding {
	return workflows.MakeStanding(state, checking)
}

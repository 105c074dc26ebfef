package workflows

import (
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"loan310/app/merchant"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// What the external tests need of the package's inside.
var (
	Refuse  = refuse
	FaultOf = faultOf
)

// Types that activities answer with.
type (
	Answer               = answer
	DecideInput          = decideInput
	RegistrationStanding = registrationStanding
)

// MakeAnswer is Decide's answer.
func MakeAnswer(outcome scoring.Outcome, waitFor ...evidence.Source) Answer {
	return answer{Outcome: outcome, WaitFor: waitFor}
}

// MakeStanding is a registration step's answer.
func MakeStanding(state merchant.State, checking bool) RegistrationStanding {
	return registrationStanding{State: state, Checking: checking}
}

// AtVersion says which version of the merchant a standing was read from.
func AtVersion(standing RegistrationStanding, version int64) RegistrationStanding {
	standing.Version = version
	return standing
}

// DecodeInput reads the input of a continued workflow.
func DecodeInput(input *commonpb.Payloads, into any) error {
	return converter.GetDefaultDataConverter().FromPayloads(input, into)
}

package loan

import "loan310/app/money"

// Component is a part of what a loan owes.
type Component string

// The components.
const (
	Penalty   Component = "penalty"
	Fee       Component = "fee"
	Interest  Component = "interest"
	Principal Component = "principal"
)

// Amounts is money by component, in fen.
type Amounts struct {
	Principal money.Amount `json:"principal_fen"`
	Interest  money.Amount `json:"interest_fen"`
	Penalty   money.Amount `json:"penalty_fen"`
	Fee       money.Amount `json:"fee_fen"`
}

// Total is the sum of the components.
func (a Amounts) Total() money.Amount { return a.Principal + a.Interest + a.Penalty + a.Fee }

// Plus adds by component.
func (a Amounts) Plus(b Amounts) Amounts {
	return Amounts{a.Principal + b.Principal, a.Interest + b.Interest, a.Penalty + b.Penalty, a.Fee + b.Fee}
}

// Minus takes away by component.
func (a Amounts) Minus(b Amounts) Amounts {
	return Amounts{a.Principal - b.Principal, a.Interest - b.Interest, a.Penalty - b.Penalty, a.Fee - b.Fee}
}

// Of gives one component; 0 for a name that is none.
func (a Amounts) Of(component Component) money.Amount {
	if at := a.at(component); at != nil {
		return *at
	}
	return 0
}

func (a *Amounts) at(component Component) *money.Amount {
	switch component {
	case Penalty:
		return &a.Penalty
	case Fee:
		return &a.Fee
	case Interest:
		return &a.Interest
	case Principal:
		return &a.Principal
	default:
		return nil
	}
}

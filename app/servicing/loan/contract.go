package loan

import (
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/scoring/pricing"
)

// Codes of contracts that cannot stand.
const (
	CodeContract fault.Code = "contract_invalid"
	CodeIRRCap   fault.Code = "irr_over_cap"
)

// Contract is what was agreed for one loan, with the product as it was.
type Contract struct {
	LoanID      string            `json:"loan_id"`     // the drawdown's id
	MerchantID  string            `json:"merchant_id"` // the borrower
	Principal   money.Amount      `json:"principal_fen"`
	RateBps     money.BasisPoints `json:"rate_bps"` // annual nominal
	TenorMonths int               `json:"tenor_months"`
	DisbursedOn Date              `json:"disbursed_on"`
	FirstDue    Date              `json:"first_due"` // 0 = a month after the disbursement
	Product     Product           `json:"product"`
}

// Due gives the due date of line n (1..): n months after the disbursement, or
// n-1 months after FirstDue where the contract names another day.
func (c *Contract) Due(n int) Date {
	if c.FirstDue == 0 || c.FirstDue == c.DisbursedOn.AddMonths(1) {
		return c.DisbursedOn.AddMonths(n)
	}
	return c.FirstDue.AddMonths(n - 1)
}

// UpfrontFee is what is kept back at payout, in fen.
func (c *Contract) UpfrontFee() money.Amount { return c.Principal.Share(c.Product.Fees.UpfrontBps) }

// PaidOut is what the merchant received, in fen. The payout books it as
// principal receivable; everything after it follows from Replay.
func (c *Contract) PaidOut() money.Amount { return c.Principal - c.UpfrontFee() }

// Opening is the sum of the journals that the payout has booked, in transit
// accounts gone: with the entries of Replay it makes the loan's balances.
func (c *Contract) Opening(settlement ledger.Account) []ledger.Posting {
	return []ledger.Posting{{Account: ledger.PrincipalReceivable, Amount: c.PaidOut()}, {Account: settlement, Amount: -c.PaidOut()}}
}

// Check reports the first thing wrong with the contract: fault.Invalid with
// CodeContract, CodeProduct, or CodeIRRCap where the all-in IRR is above the
// product's cap; the field is the JSON path.
func (c *Contract) Check() error {
	if err := c.Product.Check(); err != nil {
		return err
	}
	switch {
	case c.LoanID == "":
		return fault.Field("loan_id", CodeContract, "empty")
	case c.RateBps < 0 || c.RateBps > 3_600:
		return fault.Field("rate_bps", CodeContract, "want 0 to 3600, not %d", c.RateBps)
	case c.TenorMonths < c.Product.MinTenor || c.TenorMonths > c.Product.MaxTenor:
		return fault.Field("tenor_months", CodeContract, "want %d to %d, not %d", c.Product.MinTenor, c.Product.MaxTenor, c.TenorMonths)
	case c.DisbursedOn <= 0:
		return fault.Field("disbursed_on", CodeContract, "no date")
	case c.FirstDue != 0 && (c.FirstDue <= c.DisbursedOn || c.FirstDue > c.DisbursedOn.AddMonths(2)):
		return fault.Field("first_due", CodeContract, "want a day after %s and at most two months later, not %s", c.DisbursedOn, c.FirstDue)
	}
	quote, err := c.Quote()
	if err != nil {
		return err
	}
	if quote.IRRBps > c.Product.IRRCap() {
		return fault.Field("rate_bps", CodeIRRCap, "the all-in IRR of %d basis points is above the cap of %d", quote.IRRBps, c.Product.IRRCap())
	}
	return nil
}

// Quote is what is shown before signing.
type Quote struct {
	Lines    []Instalment
	Received money.Amount      // fen that reach the merchant
	Interest money.Amount      // of all lines, fen
	Fees     money.Amount      // kept back and of all lines, fen
	IRRBps   money.BasisPoints // all-in, annualised nominally: 12 times the monthly rate
}

// Quote lays the agreed schedule and prices it as offers are: twelve times the
// monthly rate at which lines of whole months, fees included, are worth what
// was received, and for daily interest no less than the daily rate times 365. fault.Invalid with CodeContract for terms no schedule can be made
// of.
func (c *Contract) Quote() (Quote, error) {
	var r replay
	if err := r.begin(c, nil, c.DisbursedOn); err != nil {
		return Quote{}, err
	}
	quote := Quote{Received: c.PaidOut(), Fees: c.UpfrontFee(), Lines: make([]Instalment, len(r.lines))}
	whole := make([]pricing.Line, len(r.lines))
	if err := pricing.Lay(whole, c.Product.Repayment, c.Principal, c.RateBps); err != nil {
		return Quote{}, fault.New(fault.Invalid, CodeContract, "%v", err)
	}
	balance := c.Principal
	for k := range r.lines {
		line := &r.lines[k]
		balance -= line.owed.Principal
		quote.Lines[k] = Instalment{
			Number: line.number, From: line.from, DueOn: line.due, State: Upcoming,
			Owed: line.owed, Unpaid: line.owed.Total(), Balance: balance,
		}
		quote.Interest += line.owed.Interest
		quote.Fees += line.owed.Fee
		whole[k].Total += line.owed.Fee
	}
	irr, err := pricing.IRR(quote.Received, whole)
	if err != nil {
		return Quote{}, fault.Field("principal_fen", CodeContract, "%v", err)
	}
	if r.daily {
		irr = max(irr, money.BasisPoints(money.MulDiv(money.Amount(c.RateBps), 365, int64(c.Product.DayCountBase))))
	}
	quote.IRRBps = irr
	return quote, nil
}

// AboveFourLPR tells whether the all-in rate is above four times the one-year
// loan prime rate (basis points), where courts may not follow a lender: shown
// as a warning, refused by nothing here.
func (q *Quote) AboveFourLPR(lpr money.BasisPoints) bool { return q.IRRBps > 4*lpr }

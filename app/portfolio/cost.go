package portfolio

import (
	"slices"
	"strings"
)

// Purpose is what something was used for.
type Purpose string

// The purposes, in report order.
const (
	ForApproved     Purpose = "approved"     // applications that were offered a line
	ForDeclined     Purpose = "declined"     // applications that were not
	ForOpen         Purpose = "open"         // applications without a final answer
	ForRegistration Purpose = "registration" // merchants
	ForPayout       Purpose = "payout"       // draws
	ForNobody       Purpose = "nobody"       // one-time codes, rechecks
)

// Purposes lists them in report order.
var Purposes = [...]Purpose{ForApproved, ForDeclined, ForOpen, ForRegistration, ForPayout, ForNobody}

// SharingRule is shown wherever costs per loan are.
const SharingRule = "everything used in the month, also for applications that were declined or are open, for registrations and for nobody, " +
	"is shared equally over the loans paid out in the month"

// UsageLine is how often an item was used on a day for a purpose.
type UsageLine struct {
	Item     string
	Purpose  Purpose
	Day      int // days since 1970-01-01
	Quantity int64
}

// Usage is what was used in a stretch of time.
type Usage struct {
	Loans    int64 // paid out
	Approved int64 // applications finally answered
	Declined int64
	Lines    []UsageLine
}

// Cost is what the loans of a stretch of time cost.
type Cost struct {
	Prices   string // name of the price list
	Loans    int64
	Approved int64
	Declined int64
	Items    []ItemCost // in order of amount, the dearest first
	Purposes map[Purpose]Micro
	Total    Micro
	PerLoan  Micro // rounded half up; zero without loans
	Target   Micro
	Unpriced []string // items without a price: not in the sums
}

// ItemCost is one item of all purposes.
type ItemCost struct {
	Item     string
	Quantity int64
	Amount   Micro
}

// Within tells whether a loan costs no more than the target, every item being
// priced. Without loans it does when nothing was used.
func (c Cost) Within() bool {
	if c.Loans == 0 {
		return c.Total == 0 && len(c.Unpriced) == 0
	}
	return c.PerLoan <= c.Target && len(c.Unpriced) == 0
}

// CostOf prices what was used, each line at the price of its day.
func CostOf(u Usage, prices Prices) Cost {
	c := Cost{Prices: prices.Name, Loans: u.Loans, Approved: u.Approved, Declined: u.Declined, Target: prices.Target, Purposes: map[Purpose]Micro{}}
	items := map[string]*ItemCost{}
	for _, line := range u.Lines {
		unit, ok := prices.At(line.Item, line.Day)
		if !ok {
			if !slices.Contains(c.Unpriced, line.Item) {
				c.Unpriced = append(c.Unpriced, line.Item)
			}
			continue
		}
		if items[line.Item] == nil {
			items[line.Item] = &ItemCost{Item: line.Item}
		}
		amount := unit * Micro(line.Quantity)
		items[line.Item].Quantity += line.Quantity
		items[line.Item].Amount += amount
		c.Purposes[line.Purpose] += amount
		c.Total += amount
	}
	for _, item := range items {
		c.Items = append(c.Items, *item)
	}
	slices.SortFunc(c.Items, func(a, b ItemCost) int {
		if a.Amount != b.Amount {
			return int(max(min(b.Amount-a.Amount, 1), -1))
		}
		return strings.Compare(a.Item, b.Item)
	})
	slices.Sort(c.Unpriced)
	c.PerLoan = c.Total.over(c.Loans)
	return c
}

// over shares m among n, rounded half up; zero for nobody.
func (m Micro) over(n int64) Micro {
	if n <= 0 {
		return 0
	}
	return (2*m + Micro(n)) / Micro(2*n)
}

// LoanUsage is what was used for one loan: its payout, its application and
// its merchant's registration, and among how many loans each is shared.
type LoanUsage struct {
	LoanID        string
	ApplicationID string
	MerchantID    string
	Draws         int64       // paid out on the application's line so far
	MerchantDraws int64       // paid out to the merchant so far
	Lines         []UsageLine // ForPayout, ForApproved (the application) and ForRegistration
	Month         Month       // of the application: whose declined ones it helps to carry
}

// LoanCost is what one loan cost so far. It falls with each further draw on
// the line.
type LoanCost struct {
	LoanUsage
	Payout       Micro
	Application  Micro // its share of the application
	Registration Micro // its share of the registration
	Shared       Micro // its share of what was used for others: see LoanSharingRule
	Total        Micro
	Target       Micro
	Unpriced     []string
}

// LoanSharingRule is shown beside a single loan's cost.
const LoanSharingRule = "the application is shared equally over the draws on its line, the registration over the merchant's draws; " +
	"what the month's declined and open applications and nobody used is shared equally over its approved applications, and then over the draws on the line"

// CostOfLoan prices one loan; month is what was used in the application's
// month, by everybody.
func CostOfLoan(own LoanUsage, month Usage, prices Prices) LoanCost {
	priced, all := CostOf(Usage{Lines: own.Lines}, prices), CostOf(month, prices)
	c := LoanCost{LoanUsage: own, Target: prices.Target, Payout: priced.Purposes[ForPayout], Unpriced: priced.Unpriced}
	draws := max(own.Draws, 1)
	c.Application = priced.Purposes[ForApproved].over(draws)
	c.Registration = priced.Purposes[ForRegistration].over(max(own.MerchantDraws, 1))
	others := all.Purposes[ForDeclined] + all.Purposes[ForOpen] + all.Purposes[ForNobody]
	c.Shared = others.over(max(month.Approved, 1) * draws)
	c.Total = c.Payout + c.Application + c.Registration + c.Shared
	return c
}

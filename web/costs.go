package web

import (
	"context"
	"time"

	"loan310/app/portfolio"
)

type costRequest struct {
	Month string `query:"month" maxLength:"7" doc:"In China's time; absent: the running one." example:"2026-11"`
}

type costItemView struct {
	Item      string `json:"item" example:"bureau.report"`
	Quantity  int64  `json:"quantity"`
	MicroYuan int64  `json:"micro_yuan" doc:"Millionths of a yuan."`
}

type costView struct {
	Month            string           `json:"month" example:"2026-11"`
	Prices           string           `json:"prices" doc:"Name of the price list."`
	Loans            int64            `json:"loans" doc:"Paid out in the month."`
	Approved         int64            `json:"approved" doc:"Applications."`
	Declined         int64            `json:"declined" doc:"Applications."`
	Items            []costItemView   `json:"items" doc:"The dearest first."`
	Purposes         map[string]int64 `json:"purposes" doc:"Millionths of a yuan by what it was used for."`
	TotalMicroYuan   int64            `json:"total_micro_yuan"`
	PerLoanMicroYuan int64            `json:"per_loan_micro_yuan" doc:"The total over the loans; 0 without loans."`
	TargetMicroYuan  int64            `json:"target_micro_yuan"`
	Within           bool             `json:"within" doc:"A loan costs no more than the target, and every item has a price."`
	Unpriced         []string         `json:"unpriced" doc:"Items without a price: not in the sums."`
	Rule             string           `json:"rule" doc:"How what was not used for a loan is shared."`
}

func (s *server) portfolioCost(ctx context.Context, _ Principal, in *costRequest) (*body[costView], error) {
	zone := time.FixedZone("CST", 8*60*60)
	month := portfolio.MonthOf(s.Now().In(zone))
	if in.Month != "" {
		var err error
		if month, err = portfolio.ParseMonth(in.Month); err != nil {
			return nil, err
		}
	}
	usage, err := s.Costs.Usage(ctx, month.Start(zone), (month + 1).Start(zone))
	if err != nil {
		return nil, err
	}
	c := portfolio.CostOf(usage, s.Prices)
	view := costView{
		Month: month.String(), Prices: c.Prices, Loans: c.Loans, Approved: c.Approved, Declined: c.Declined, Items: []costItemView{},
		Purposes: map[string]int64{}, TotalMicroYuan: int64(c.Total), PerLoanMicroYuan: int64(c.PerLoan), TargetMicroYuan: int64(c.Target),
		Within: c.Within(), Unpriced: append([]string{}, c.Unpriced...), Rule: portfolio.SharingRule,
	}
	for _, item := range c.Items {
		view.Items = append(view.Items, costItemView{item.Item, item.Quantity, int64(item.Amount)})
	}
	for _, purpose := range portfolio.Purposes {
		view.Purposes[string(purpose)] = int64(c.Purposes[purpose])
	}
	return &body[costView]{view}, nil
}

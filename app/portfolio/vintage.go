package portfolio

import (
	"iter"
	"slices"

	"loan310/app/money"
)

// Vintage is the life of the loans paid out in one month.
type Vintage struct {
	Cohort    Month
	Loans     int
	Disbursed money.Amount
	Cells     []Cell // by months on book, 0 = the month of the payout
}

// Cell is a vintage at a number of months on book.
type Cell struct {
	Balance    money.Amount // principal on the books
	Over30     money.Amount // of it, 30 or more days past due
	Over90     money.Amount
	NPL        money.Amount // of it, substandard, doubtful or loss
	ChargedOff money.Amount // ever, up to here
	Recovered  money.Amount // of it, ever
	Mature     bool         // the month is over
}

// Over30Rate is the share of what was paid out that is 30 or more days past
// due: the curve to compare cohorts by, which growth does not hide.
func (v Vintage) Over30Rate(at int) Rate { return share(v.Cells[at].Over30, v.Disbursed) }

// Over90Rate is the same for 90 or more days.
func (v Vintage) Over90Rate(at int) Rate { return share(v.Cells[at].Over90, v.Disbursed) }

// LostRate is the share of what was paid out that was charged off and not
// recovered.
func (v Vintage) LostRate(at int) Rate {
	return share(max(v.Cells[at].ChargedOff-v.Cells[at].Recovered, 0), v.Disbursed)
}

// BadDebtRate is (substandard + doubtful + loss) / balance.
func (v Vintage) BadDebtRate(at int) Rate { return share(v.Cells[at].NPL, v.Cells[at].Balance) }

// Vintages walks rows in order of loan and month, through a month, and gives
// the vintages in order of cohort. over tells whether that last month is over;
// the cells of a running month are not mature. A loan whose rows have ended
// keeps what was charged off of it in the cells that follow.
func Vintages(rows iter.Seq2[Snapshot, error], through Month, over bool) ([]Vintage, error) {
	type curve struct {
		Vintage
		left []Cell // what loans whose last row stands here leave to later cells
	}
	cohorts := map[Month]*curve{}
	var last Snapshot
	leave := func() {
		if c := cohorts[last.Cohort]; c != nil && last.Month < through {
			at := &c.left[last.Month-last.Cohort+1]
			at.ChargedOff += last.ChargedOff
			at.Recovered += last.Recovered
		}
	}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if row.Month > through || row.Month < row.Cohort {
			continue
		}
		c := cohorts[row.Cohort]
		if c == nil {
			length := int(through-row.Cohort) + 1
			c = &curve{Vintage: Vintage{Cohort: row.Cohort, Cells: make([]Cell, length)}, left: make([]Cell, length)}
			cohorts[row.Cohort] = c
		}
		if row.LoanID != last.LoanID {
			if last.LoanID != "" {
				leave()
			}
			c.Loans++
			c.Disbursed += row.Disbursed
		}
		c.Cells[row.Month-row.Cohort].add(row)
		last = row
	}
	if last.LoanID != "" {
		leave()
	}
	vintages := make([]Vintage, 0, len(cohorts))
	for _, c := range cohorts {
		var left Cell
		for i := range c.Cells {
			left.ChargedOff += c.left[i].ChargedOff
			left.Recovered += c.left[i].Recovered
			c.Cells[i].ChargedOff += left.ChargedOff
			c.Cells[i].Recovered += left.Recovered
			c.Cells[i].Mature = over || c.Cohort+Month(i) < through
		}
		vintages = append(vintages, c.Vintage)
	}
	slices.SortFunc(vintages, func(a, b Vintage) int { return int(a.Cohort - b.Cohort) })
	return vintages, nil
}

func (c *Cell) add(row Snapshot) {
	c.Balance += row.Outstanding
	if row.DPD >= 30 {
		c.Over30 += row.Outstanding
	}
	if row.DPD >= 90 {
		c.Over90 += row.Outstanding
	}
	if row.Class.NonPerforming() {
		c.NPL += row.Outstanding
	}
	c.ChargedOff += row.ChargedOff
	c.Recovered += row.Recovered
}

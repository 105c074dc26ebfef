package portfolio

import (
	"iter"
	"slices"

	"loan310/app/money"
)

// Roll says where the balances of one month stood a month later.
type Roll struct {
	Month Month // the later one
	// Moved is the balance of the month before, by its bucket then (up to
	// Days90) and its bucket now. A loan's balance counts as it was then.
	Moved [overdues][buckets]money.Amount
}

// From is the balance a bucket had the month before.
func (r Roll) From(b Bucket) money.Amount {
	var sum money.Amount
	for _, moved := range r.Moved[b] {
		sum += moved
	}
	return sum
}

// Rate is a bucket's roll rate: the share of its balance that stands in a
// worse bucket a month later, or was charged off.
func (r Roll) Rate(b Bucket) Rate {
	var worse money.Amount
	for to := b + 1; to <= Off; to++ {
		worse += r.Moved[b][to]
	}
	return share(worse, r.From(b))
}

// Cured is the share of an overdue bucket's balance that is current or repaid
// a month later.
func (r Roll) Cured(b Bucket) Rate {
	return share(r.Moved[b][Current]+r.Moved[b][Repaid], r.From(b))
}

// Rolls walks rows in order of loan and month and gives the moves from each
// month to the next, in order. A loan without a row in the next month moves
// nowhere there.
func Rolls(rows iter.Seq2[Snapshot, error]) ([]Roll, error) {
	months := map[Month]*Roll{}
	var last Snapshot
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if row.LoanID == last.LoanID && row.Month == last.Month+1 && last.bucket() < overdues {
			r := months[row.Month]
			if r == nil {
				r = &Roll{Month: row.Month}
				months[row.Month] = r
			}
			r.Moved[last.bucket()][row.bucket()] += last.Outstanding
		}
		last = row
	}
	rolls := make([]Roll, 0, len(months))
	for _, r := range months {
		rolls = append(rolls, *r)
	}
	slices.SortFunc(rolls, func(a, b Roll) int { return int(a.Month - b.Month) })
	return rolls, nil
}

package portfolio

import (
	"iter"

	"loan310/app/money"
)

// BadDebtDefinition is shown wherever the rate is.
const BadDebtDefinition = "bad-debt rate = (substandard + doubtful + loss) / outstanding principal; charged-off loans are in neither"

// MatureAfter is how many months on book make a cohort mature: young loans
// cannot yet be 90 days late, so growth hides what is coming.
const MatureAfter = 6

// Quality is the state of the book at the end of a month.
type Quality struct {
	Month  Month
	All    Book
	Mature Book // cohorts of MatureAfter months on book or more
}

// Book sums loans.
type Book struct {
	Loans       int // with principal outstanding
	Outstanding money.Amount
	Buckets     [overdues]money.Amount // of it, by days past due
	Classes     map[Class]money.Amount // of it, by class
	ChargedOff  money.Amount           // ever
	Recovered   money.Amount           // of it, ever
	Disbursed   money.Amount           // ever
}

// Over gives the share of the outstanding principal in a bucket or a worse one.
func (b Book) Over(from Bucket) Rate {
	var sum money.Amount
	for _, amount := range b.Buckets[from:] {
		sum += amount
	}
	return share(sum, b.Outstanding)
}

// NPL is the non-performing principal: substandard, doubtful and loss.
func (b Book) NPL() money.Amount {
	return b.Classes[Substandard] + b.Classes[Doubtful] + b.Classes[Loss]
}

// BadDebtRate is NPL / outstanding, see BadDebtDefinition.
func (b Book) BadDebtRate() Rate { return share(b.NPL(), b.Outstanding) }

// LostRate is what was charged off and not recovered, of all ever paid out.
func (b Book) LostRate() Rate { return share(max(b.ChargedOff-b.Recovered, 0), b.Disbursed) }

// QualityOf walks rows in order of loan and month and sums the book at the end
// of a month. Loans whose rows have ended are off the books; what was paid out
// and charged off of them still counts.
func QualityOf(rows iter.Seq2[Snapshot, error], month Month) (Quality, error) {
	q := Quality{Month: month, All: Book{Classes: map[Class]money.Amount{}}, Mature: Book{Classes: map[Class]money.Amount{}}}
	var last Snapshot
	take := func() {
		if last.LoanID == "" {
			return
		}
		q.All.add(last, month)
		if month-last.Cohort >= MatureAfter {
			q.Mature.add(last, month)
		}
	}
	for row, err := range rows {
		if err != nil {
			return Quality{}, err
		}
		if row.Month > month {
			continue
		}
		if row.LoanID != last.LoanID {
			take()
		}
		last = row
	}
	take()
	return q, nil
}

func (b *Book) add(last Snapshot, month Month) {
	b.Disbursed += last.Disbursed
	b.ChargedOff += last.ChargedOff
	b.Recovered += last.Recovered
	if last.Month != month || last.bucket() >= overdues {
		return
	}
	b.Loans++
	b.Outstanding += last.Outstanding
	b.Buckets[last.bucket()] += last.Outstanding
	b.Classes[last.Class] += last.Outstanding
}

package loan

// Class is the five-level classification (风险分类): 正常, 关注, 次级, 可疑, 损失.
type Class string

// The classes, best first.
const (
	Normal         Class = "normal"
	SpecialMention Class = "special_mention"
	Substandard    Class = "substandard"
	Doubtful       Class = "doubtful"
	Loss           Class = "loss"
)

// Rank is 1 for normal up to 5 for loss; 0 for text that is no class.
func (c Class) Rank() int {
	switch c {
	case Normal:
		return 1
	case SpecialMention:
		return 2
	case Substandard:
		return 3
	case Doubtful:
		return 4
	case Loss:
		return 5
	default:
		return 0
	}
}

// NonPerforming tells whether the class is one of the last three (不良).
func (c Class) NonPerforming() bool { return c.Rank() >= 3 }

// worse gives the worse of two classes.
func worse(a, b Class) Class {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}

// ClassOfDPD classifies by days past due alone: overdue at all is special
// mention, over 90 days substandard, over 270 doubtful, over 360 loss.
func ClassOfDPD(dpd int) Class {
	switch {
	case dpd > 360:
		return Loss
	case dpd > 270:
		return Doubtful
	case dpd > 90:
		return Substandard
	case dpd > 0:
		return SpecialMention
	default:
		return Normal
	}
}

// Standing is what classification needs of one loan.
type Standing struct {
	Open     bool // something is owed, on the books or charged off
	DPD      int
	WorstDPD int
	Class    Class // the loan's own, observation and charge-off counted in
}

// Standing gives the position's.
func (p *Position) Standing() Standing {
	return Standing{Open: p.State != Closed, DPD: p.DPD, WorstDPD: p.WorstDPD, Class: p.Class}
}

// Borrower is a merchant's class over all its loans.
type Borrower struct {
	Class    Class
	DPD      int // the worst of today, over open loans
	WorstDPD int // the worst ever, over all loans
}

// ClassifyBorrower gives one class to all that a borrower owes: the worst of
// its open loans, so that no loan of a merchant in arrears is called sound.
// Closed loans count for WorstDPD alone.
func ClassifyBorrower(loans []Standing) Borrower {
	borrower := Borrower{Class: Normal}
	for _, each := range loans {
		borrower.WorstDPD = max(borrower.WorstDPD, each.WorstDPD)
		if each.Open {
			borrower.DPD = max(borrower.DPD, each.DPD)
			borrower.Class = worse(borrower.Class, worse(each.Class, ClassOfDPD(each.DPD)))
		}
	}
	return borrower
}

// Bucket is a range of days past due. Last is -1 where it is open.
type Bucket struct {
	Name        string
	First, Last int
}

// Buckets lists the delinquency buckets, from current to the open last one.
func Buckets() []Bucket {
	return []Bucket{
		{"current", 0, 0},
		{"1-3", 1, 3},
		{"4-30", 4, 30},
		{"31-60", 31, 60},
		{"61-90", 61, 90},
		{"91-180", 91, 180},
		{"181-270", 181, 270},
		{"271-360", 271, 360},
		{"361+", 361, -1},
	}
}

// BucketOf names the bucket of days past due.
func BucketOf(dpd int) string {
	switch {
	case dpd <= 0:
		return "current"
	case dpd <= 3:
		return "1-3"
	case dpd <= 30:
		return "4-30"
	case dpd <= 60:
		return "31-60"
	case dpd <= 90:
		return "61-90"
	case dpd <= 180:
		return "91-180"
	case dpd <= 270:
		return "181-270"
	case dpd <= 360:
		return "271-360"
	default:
		return "361+"
	}
}

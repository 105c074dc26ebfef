package validate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// earlier is a loan that a borrower had before.
type earlier struct {
	created  time.Time
	closed   time.Time
	firstDue time.Time
	firstPay time.Time
	amount   float64
	term     float64
}

const superTime = "2006-01-02 15:04:05.000000"

func superlender(r *runner, set *Set) error {
	set.Title = "SuperLender: repeat borrowers in Nigeria"
	set.Protocol = []string{
		"By time: trained on the earlier 70 % of the loans of July 2017, figures on the last 30 %.",
		"Of earlier loans only those closed when the loan was asked for are used; 518 of the 3,030 loans have an earlier one that was still open, whose end nobody knew then.",
	}
	people := map[string]row{}
	if err := r.each(set, "superlender/demographics.csv.gz", func(v row) error {
		if _, there := people[v["customerid"]]; !there {
			people[v["customerid"]] = v
		}
		return nil
	}); err != nil {
		return err
	}
	history, err := r.earlierLoans(set)
	if err != nil {
		return err
	}
	var rows [][]string
	if err := r.each(set, "superlender/loans.csv.gz", func(v row) error {
		line, err := superRow(v, people[v["customerid"]], history[v["customerid"]])
		rows = append(rows, line)
		return err
	}); err != nil {
		return err
	}
	dir, done, err := r.scratch()
	if err != nil {
		return err
	}
	defer done()
	file, err := writeTable(dir, "superlender.csv", superColumns(), rows)
	if err != nil {
		return err
	}
	spec, err := r.spec("superlender_loans")
	if err != nil {
		return err
	}
	const sample = "last 30 % by time"
	reports, err := r.both(set, file, spec, sample)
	if err != nil {
		return err
	}
	for _, kind := range kinds() {
		if err := set.measure(kind, "first 70 %, out of fold", reports[kind].FoldPD, reports[kind].FoldBad); err != nil {
			return err
		}
	}
	set.atLeast("better model, AUC by time (floor of a plain card: 0.707)", set.best(sample).AUC.AUC, 0.707)
	set.Remarks = []string{
		"Features were chosen by the out-of-fold AUC of the first 70 % alone. Price and term were left out because inside that part the risk of 15-day loans already fell from 59 % to 27 % bad while their number tripled: the lender changed whom it gave them to. Used all the same they cost 0.03 to 0.06 of AUC in the last 30 % when that was tried.",
		"An AUC of about 0.70 on borrowers who were all accepted before is what real default data give. Two loans in nine are bad: at 2 % bad next to nobody can be approved; such a book lives from price, not from selection.",
		"The floor's own split is not known in detail, and the interval is wider than any difference spoken of here.",
	}
	return nil
}

func (r *runner) earlierLoans(set *Set) (map[string][]earlier, error) {
	history := map[string][]earlier{}
	err := r.each(set, "superlender/previous_loans.csv.gz", func(v row) error {
		loan := earlier{amount: number(v["loanamount"]), term: number(v["termdays"])}
		for column, to := range map[string]*time.Time{"creationdate": &loan.created, "closeddate": &loan.closed, "firstduedate": &loan.firstDue, "firstrepaiddate": &loan.firstPay} {
			at, err := time.Parse(superTime, v[column])
			if err != nil {
				return fmt.Errorf("%s: %w", column, err)
			}
			*to = at
		}
		history[v["customerid"]] = append(history[v["customerid"]], loan)
		return nil
	})
	for _, loans := range history {
		slices.SortFunc(loans, func(a, b earlier) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.amount, b.amount)) })
	}
	return history, err
}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return value
}

func superColumns() []string {
	return []string{
		"loan_id", "created", "bad", "loan_number", "amount", "price", "term_days", "referred",
		"age", "account_type", "employment", "education", "bank",
		"earlier_loans", "late_share", "late_mean_days", "late_max_days", "late_last_days", "late_last3_days",
		"over_last_days", "over_mean_days", "over_max_days", "use_last", "use_mean", "since_closed_days", "amount_growth", "amount_max_earlier", "tenure_days",
	}
}

// superRow is what was known when a loan was asked for.
func superRow(v, person row, loans []earlier) ([]string, error) {
	created, err := time.Parse(superTime, v["creationdate"])
	if err != nil {
		return nil, fmt.Errorf("creationdate: %w", err)
	}
	amount, due := number(v["loanamount"]), number(v["totaldue"])
	line := []string{
		v["systemloanid"], created.Format(time.RFC3339), strconv.FormatBool(v["good_bad_flag"] == "Bad"), v["loannumber"], v["loanamount"],
		figure((due - amount) / amount), v["termdays"], strconv.FormatBool(v["referredby"] != ""),
	}
	age := ""
	if born, err := time.Parse(superTime, person["birthdate"]); err == nil {
		age = figure(created.Sub(born).Hours() / 24 / 365.25)
	}
	line = append(line, age, person["bank_account_type"], person["employment_status_clients"], person["level_of_education_clients"], person["bank_name_clients"])
	return append(line, repaid(created, amount, loans)...), nil
}

// repaid sums up the earlier loans that were closed by then.
func repaid(at time.Time, amount float64, loans []earlier) []string {
	var late, over, use []float64
	var first, last earlier
	lateCount, biggest := 0, 0.0
	for _, loan := range loans {
		if !loan.closed.Before(at) {
			continue
		}
		if len(late) == 0 {
			first = loan
		}
		last, biggest = loan, max(biggest, loan.amount)
		days := loan.firstPay.Sub(loan.firstDue).Hours() / 24
		if days > 0 {
			lateCount++
		}
		held := loan.closed.Sub(loan.created).Hours() / 24
		late, over, use = append(late, days), append(over, held-loan.term), append(use, held/loan.term)
	}
	count := len(late)
	if count == 0 {
		return append([]string{"0"}, make([]string, 14)...)
	}
	values := []float64{
		float64(lateCount) / float64(count), mean(late), slices.Max(late), late[count-1], mean(late[max(count-3, 0):]),
		over[count-1], mean(over), slices.Max(over), use[count-1], mean(use),
		at.Sub(last.closed).Hours() / 24, amount / last.amount, biggest, at.Sub(first.created).Hours() / 24,
	}
	out := []string{strconv.Itoa(count)}
	for _, v := range values {
		out = append(out, figure(v))
	}
	return out
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func figure(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 6, 64), ".000000")
}

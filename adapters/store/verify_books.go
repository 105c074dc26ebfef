package store

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/ledger"
	"loan310/app/money"
)

// walkPage is how many journals are read at a time.
const walkPage = 2000

// subjectBooks is all that is booked about one subject.
type subjectBooks struct {
	subject  string
	id       string // the subject without its kind and slash
	journals []ledger.Journal
	sums     map[ledger.Account]money.Amount
}

// auditor holds the books of subjects of one kind against their records. It
// is handed every subject of its kind once, a batch at a time, and gives what
// does not fit.
type auditor func(ctx context.Context, tx *gorm.DB, batch []subjectBooks) ([]LedgerFault, error)

// auditors by kind of subject, the word before the slash. A loan's life is
// booked under "loan/<id>": servicing adds its auditor here, which recomputes
// each loan of a batch from its events and holds the entries against the
// journals that stand. Subjects of kinds without one are checked journal by
// journal only.
func auditors() map[string]auditor {
	return map[string]auditor{"drawdown": auditDrawdowns, "debit": auditDebits}
}

// bookWalk is what is known while the journals are walked.
type bookWalk struct {
	report   *LedgerReport
	closings *closings
	balances map[ledger.Account]*ledger.Balance
	last     ledger.Journal
	open     *subjectBooks // may go on in the next page
	whole    []subjectBooks
	read     int // of this page
}

// walkBooks reads every journal, in order of subject.
func walkBooks(ctx context.Context, tx *gorm.DB, report *LedgerReport, told func(done, of int)) error {
	total, err := queryOne[int64](ctx, tx, "SELECT COUNT(*) FROM journals")
	if err != nil {
		return err
	}
	w := &bookWalk{report: report, balances: map[ledger.Account]*ledger.Balance{}}
	if w.closings, err = closingsOf(ctx, tx); err != nil {
		return err
	}
	for ended := false; !ended; {
		w.read, w.whole = 0, nil
		err := each(ctx, tx, w.take, linesOf+"(SELECT * FROM journals WHERE (subject, id) > (?, ?) ORDER BY subject, id"+limited(walkPage)+
			") AS j LEFT JOIN postings p ON p.journal_id = j.id ORDER BY j.subject, j.id, p.n", w.last.Subject, w.last.ID)
		if err != nil {
			return err
		}
		if ended = w.read < walkPage; ended && w.open != nil {
			w.whole = append(w.whole, *w.open)
		}
		if err := report.audit(ctx, tx, w.whole); err != nil {
			return err
		}
		if told != nil {
			told(int(report.Journals), int(total))
		}
	}
	report.add(w.closings.check()...)
	report.balances(w.balances)
	return nil
}

// take takes the next journal.
func (w *bookWalk) take(j ledger.Journal) error {
	w.read++
	w.last = j
	w.report.Journals++
	w.report.add(checkJournal(j)...)
	w.closings.add(j)
	if w.open == nil || w.open.subject != j.Subject {
		if w.open != nil {
			w.whole = append(w.whole, *w.open)
		}
		_, id, _ := strings.Cut(j.Subject, "/")
		w.open = &subjectBooks{subject: j.Subject, id: id, sums: map[ledger.Account]money.Amount{}}
	}
	w.open.journals = append(w.open.journals, j)
	for _, p := range j.Postings {
		w.open.sums[p.Account] += p.Amount
		if w.balances[p.Account] == nil {
			w.balances[p.Account] = &ledger.Balance{Account: p.Account}
		}
		w.balances[p.Account].Amount += p.Amount
		w.balances[p.Account].Count++
	}
	return nil
}

// balances puts what was walked in the order of the chart.
func (r *LedgerReport) balances(walked map[ledger.Account]*ledger.Balance) {
	rows := make([]balanceRow, 0, len(walked))
	for _, b := range walked {
		rows = append(rows, balanceRow{string(b.Account), int64(b.Amount), b.Count})
		r.Postings += b.Count
	}
	sort.Slice(rows, func(i, k int) bool { return rows[i].Account < rows[k].Account })
	r.Balances = inOrder(rows)
}

// checkJournal holds one journal against its own rules.
func checkJournal(j ledger.Journal) []LedgerFault {
	var faults []LedgerFault
	var sum money.Amount
	foreign := 0
	for _, p := range j.Postings {
		sum += p.Amount
		if !ledger.Known(p.Account) {
			foreign++
		}
	}
	if sum != 0 {
		faults = append(faults, LedgerFault{RuleJournalBalances, j.ID, 0, sum})
	}
	if len(j.Postings) < 2 {
		faults = append(faults, LedgerFault{RuleJournalLines, j.ID, 2, money.Amount(len(j.Postings))})
	}
	if foreign > 0 {
		faults = append(faults, LedgerFault{RuleAccount, j.ID, 0, money.Amount(foreign)})
	}
	return faults
}

// audit checks a batch of whole subjects: reversals, then each kind against
// its records.
func (r *LedgerReport) audit(ctx context.Context, tx *gorm.DB, batch []subjectBooks) error {
	kinds := map[string][]subjectBooks{}
	var order []string
	for _, books := range batch {
		r.Subjects++
		r.add(checkReversals(books)...)
		kind, _, _ := strings.Cut(books.subject, "/")
		if kinds[kind] == nil {
			order = append(order, kind)
		}
		kinds[kind] = append(kinds[kind], books)
	}
	all := auditors()
	for _, kind := range order {
		audit, ok := all[kind]
		if !ok {
			continue
		}
		for part := range slices.Chunk(kinds[kind], auditBatch) {
			faults, err := audit(ctx, tx, part)
			if err != nil {
				return err
			}
			r.add(faults...)
		}
	}
	return nil
}

// railBank is the rail whose money is in ledger.SettlementBank.
const railBank = "bank"

// auditBatch is the most subjects an auditor is handed at a time.
const auditBatch = 512

// checkReversals holds each reversal against its original, which is about
// the same subject.
func checkReversals(books subjectBooks) []LedgerFault {
	var faults []LedgerFault
	for _, j := range books.journals {
		if j.ReversesID == "" {
			continue
		}
		at := slices.IndexFunc(books.journals, func(o ledger.Journal) bool { return o.ID == j.ReversesID })
		if at < 0 || !j.Undoes(books.journals[at]) {
			faults = append(faults, LedgerFault{RuleReversal, j.ID, 1, 0})
		}
	}
	return faults
}

// auditDrawdowns holds what is booked about drawdowns against their states.
// Only the payout is booked under a drawdown.
func auditDrawdowns(ctx context.Context, tx *gorm.DB, batch []subjectBooks) ([]LedgerFault, error) {
	type drawRow struct {
		ID        string
		AmountFen int64
		State     string
		Rail      *string // that has paid
	}
	ids := make([]any, auditBatch) // one statement for any number: the last id fills up
	for i := range ids {
		ids[i] = batch[min(i, len(batch)-1)].id
	}
	rows, err := query[drawRow](ctx, tx, "SELECT d.id, d.amount_fen - d.fee_fen AS amount_fen, d.state, p.rail FROM drawdowns d LEFT JOIN payouts p ON p.drawdown_id = d.id AND p.state = 'paid' WHERE d.id IN (?"+strings.Repeat(", ?", auditBatch-1)+")", ids...)
	if err != nil {
		return nil, err
	}
	draws := make(map[string]drawRow, len(rows))
	for _, row := range rows {
		draws[row.ID] = row
	}
	var faults []LedgerFault
	for _, books := range batch {
		draw, ok := draws[books.id]
		if !ok {
			faults = append(faults, LedgerFault{RuleSubject, books.subject, 1, money.Amount(len(books.journals))})
			continue
		}
		faults = append(faults, auditDrawdown(books, money.Amount(draw.AmountFen), draw.State, draw.Rail != nil && *draw.Rail == railBank)...)
	}
	return faults, nil
}

// auditDrawdown compares the sums of one drawdown with what its state asks.
func auditDrawdown(books subjectBooks, amount money.Amount, state string, overBank bool) []LedgerFault {
	var receivable, transit, settlement, bank, elsewhere money.Amount
	for account, sum := range books.sums {
		switch account {
		case ledger.PrincipalReceivable:
			receivable += sum
		case ledger.PayoutInTransit:
			transit += sum
		case ledger.Settlement:
			settlement += sum
		case ledger.SettlementBank:
			bank += sum
		default:
			elsewhere += max(sum, -sum)
		}
	}
	want := map[string][3]money.Amount{ // receivable, in transit, settlement; nothing in other states
		"paying": {amount, -amount, 0}, "unknown": {amount, -amount, 0}, "paid": {amount, 0, -amount},
	}[state]
	wantBank := money.Amount(0)
	if overBank {
		want[2], wantBank = 0, want[2]
	}
	var faults []LedgerFault
	for _, f := range []LedgerFault{
		{RuleReceivable, books.id, want[0], receivable},
		{RuleInTransit, books.id, want[1], transit},
		{RuleSettlement, books.id, want[2], settlement},
		{RuleSettlementBank, books.id, wantBank, bank},
		{RuleElsewhere, books.id, 0, elsewhere},
	} {
		if f.Want != f.Have {
			faults = append(faults, f)
		}
	}
	return faults
}

// closings are the stored balances of moments, and what the journals say.
type closings struct {
	before []int64 // ascending
	stored []map[ledger.Account]balanceRow
	walked []map[ledger.Account]balanceRow // between a moment and the one before it
}

func closingsOf(ctx context.Context, tx *gorm.DB) (*closings, error) {
	type closingRow struct {
		Before    int64
		Account   string
		AmountFen int64
		Postings  int64
	}
	rows, err := query[closingRow](ctx, tx, "SELECT before, account, amount_fen, postings FROM ledger_closings ORDER BY before, account")
	if err != nil {
		return nil, err
	}
	c := &closings{}
	for _, row := range rows {
		if last := len(c.before) - 1; last < 0 || c.before[last] != row.Before {
			c.before = append(c.before, row.Before)
			c.stored = append(c.stored, map[ledger.Account]balanceRow{})
			c.walked = append(c.walked, map[ledger.Account]balanceRow{})
		}
		c.stored[len(c.stored)-1][ledger.Account(row.Account)] = balanceRow{row.Account, row.AmountFen, row.Postings}
	}
	return c, nil
}

// add counts a journal to the first closing after it.
func (c *closings) add(j ledger.Journal) {
	booked := j.BookedAt.UnixMicro()
	at := sort.Search(len(c.before), func(i int) bool { return c.before[i] > booked })
	if at == len(c.before) {
		return
	}
	for _, p := range j.Postings {
		sum := c.walked[at][p.Account]
		sum.Amount += int64(p.Amount)
		sum.Count++
		c.walked[at][p.Account] = sum
	}
}

// check compares every stored balance with the journals.
func (c *closings) check() []LedgerFault {
	var faults []LedgerFault
	sums := map[ledger.Account]balanceRow{}
	for i, before := range c.before {
		for account, sum := range c.walked[i] {
			sums[account] = balanceRow{string(account), sums[account].Amount + sum.Amount, sums[account].Count + sum.Count}
		}
		accounts := make([]ledger.Account, 0, len(sums))
		for account := range sums {
			accounts = append(accounts, account)
		}
		for account := range c.stored[i] {
			if _, ok := sums[account]; !ok {
				accounts = append(accounts, account)
			}
		}
		slices.Sort(accounts)
		for _, account := range accounts {
			want, have := sums[account], c.stored[i][account]
			if want.Amount != have.Amount || want.Count != have.Count {
				subject := string(account) + " before " + time.UnixMicro(before).UTC().Format(time.RFC3339)
				faults = append(faults, LedgerFault{RuleClosing, subject, money.Amount(want.Amount), money.Amount(have.Amount)})
			}
		}
	}
	return faults
}

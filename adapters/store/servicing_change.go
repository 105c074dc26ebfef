package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// Change locks a loan and stores what is decided of it.
func (s loans) Change(ctx context.Context, id string, decide func(servicing.Record) (servicing.Update, error)) (servicing.Loan, error) {
	var stored servicing.Loan
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[loanRow](ctx, tx, "SELECT * FROM loans WHERE id = ?"+s.db.forUpdate(""), id)
		if err != nil {
			return missing("loan", err)
		}
		records, err := recordsOf(ctx, tx, []loanRow{row})
		if err != nil {
			return err
		}
		stored = records[0].Loan
		update, err := decide(records[0])
		if err != nil || update.Empty() {
			return err
		}
		changes := []loanChange{{records[0], update}}
		err = storeLoans(ctx, tx, changes, s.db.clock())
		stored = changes[0].update.Loan
		return err
	})
	return stored, failed("changing a loan", err)
}

// loanChange is a loan as it was and what becomes of it.
type loanChange struct {
	before servicing.Record
	update servicing.Update
}

// storeLoans stores changes of locked loans, in a number of statements that
// does not grow with theirs but for lines.
func storeLoans(ctx context.Context, tx *gorm.DB, changes []loanChange, now time.Time) error {
	if err := storeEvents(ctx, tx, changes); err != nil {
		return err
	}
	if err := storeJournals(ctx, tx, changes); err != nil {
		return err
	}
	if err := storeHeadroom(ctx, tx, changes); err != nil {
		return err
	}
	if err := updateLoans(ctx, tx, changes); err != nil {
		return err
	}
	if err := storeInstalments(ctx, tx, changes); err != nil {
		return err
	}
	if err := classify(ctx, tx, changes, now); err != nil {
		return err
	}
	for i := range changes {
		if entry := changes[i].update.Audit; entry != nil {
			if err := record(ctx, tx, *entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsAtOnce bounds the rows of one INSERT, and so its parameters.
const rowsAtOnce = 500

// insertMany inserts rows of equal width.
func insertMany(ctx context.Context, tx *gorm.DB, into string, rows [][]any, conflict string) error {
	for part := range slices.Chunk(rows, rowsAtOnce) {
		row := "(?" + strings.Repeat(", ?", len(part[0])-1) + ")"
		args := make([]any, 0, len(part)*len(part[0]))
		for _, values := range part {
			args = append(args, values...)
		}
		if _, err := exec(ctx, tx, "INSERT INTO "+into+" VALUES "+row+strings.Repeat(", "+row, len(part)-1)+conflict, args...); err != nil {
			return err
		}
	}
	return nil
}

func storeEvents(ctx context.Context, tx *gorm.DB, changes []loanChange) error {
	var rows [][]any
	for i := range changes {
		event := changes[i].update.Event
		if event == nil {
			continue
		}
		var reverses *string
		if event.ReversesID != "" {
			reverses = &event.ReversesID
		}
		rows = append(rows, []any{
			event.ID, changes[i].before.Loan.ID, len(changes[i].before.Events) + 1, string(event.Kind), int32(event.On), int64(event.Amount), reverses,
			event.PayloadHash,
			document[loan.Event]{event.Event},
			at(event.At),
		})
	}
	return insertMany(ctx, tx, "loan_events (id, loan_id, seq, kind, on_day, amount_fen, reverses_id, payload_hash, event, recorded_at)", rows, "")
}

// storeJournals books the journals of all changes, reversals first where the
// plan says so, and notes which entry each books.
func storeJournals(ctx context.Context, tx *gorm.DB, changes []loanChange) error {
	var journals, postings, notes [][]any
	type undone struct{ cause, original string }
	var reversed []undone
	for i := range changes {
		loanID := changes[i].before.Loan.ID
		for _, j := range changes[i].update.Journals {
			if err := j.Check(); err != nil {
				return err
			}
			var reverses *string
			if j.ReversesID != "" {
				reverses = &j.ReversesID
				reversed = append(reversed, undone{j.Cause, j.ReversesID})
			} else {
				notes = append(notes, []any{j.ID, loanID, j.EntryKey, j.Revision, int32(j.On), j.Cause})
			}
			journals = append(journals, []any{j.ID, j.Key, j.Subject, j.Kind, reverses, at(j.BookedAt)})
			for n, p := range j.Postings {
				postings = append(postings, []any{j.ID, n, string(p.Account), int64(p.Amount)})
			}
		}
	}
	if err := insertMany(ctx, tx, "journals (id, key, subject, kind, reverses_id, booked_at)", journals, ""); err != nil {
		return err
	}
	if err := insertPostings(ctx, tx, postings); err != nil {
		return err
	}
	for _, each := range reversed {
		stood, err := exec(ctx, tx, "UPDATE loan_journals SET reversed_cause = ? WHERE journal_id = ? AND reversed_cause IS NULL", each.cause, each.original)
		if err != nil {
			return err
		}
		if stood != 1 {
			return fault.New(fault.Internal, fault.CodeConstraint, "a loan's journal was reversed meanwhile")
		}
	}
	return insertMany(ctx, tx, "loan_journals (journal_id, loan_id, entry_key, revision, on_day, cause)", notes, "")
}

// insertPostings inserts postings, never a journal's in two statements: the
// database checks that what a statement adds to a journal sums to zero.
func insertPostings(ctx context.Context, tx *gorm.DB, rows [][]any) error {
	const into = "postings (journal_id, n, account, amount_fen)"
	for len(rows) > rowsAtOnce {
		cut := rowsAtOnce
		for rows[cut][0] == rows[cut-1][0] {
			cut--
		}
		if err := insertMany(ctx, tx, into, rows[:cut], ""); err != nil {
			return err
		}
		rows = rows[cut:]
	}
	return insertMany(ctx, tx, into, rows, "")
}

// storeHeadroom gives lines back what was repaid, and takes it again where a
// repayment was reversed: as much as the line still has room for. What it has
// none for is taken at a later change of the loan.
func storeHeadroom(ctx context.Context, tx *gorm.DB, changes []loanChange) error {
	order := make([]*loanChange, 0, len(changes))
	for i := range changes {
		l := &changes[i].update.Loan
		l.Released = changes[i].before.Loan.Released
		if servicing.Headroom(l) != l.Released {
			order = append(order, &changes[i])
		}
	}
	slices.SortFunc(order, func(a, b *loanChange) int {
		return cmp.Or(cmp.Compare(a.update.Loan.LineID, b.update.Loan.LineID), cmp.Compare(a.update.Loan.ID, b.update.Loan.ID))
	})
	for _, change := range order {
		l := &change.update.Loan
		moved, err := moveHeadroom(ctx, tx, l.LineID, servicing.Headroom(l)-l.Released)
		if err != nil {
			return err
		}
		l.Released += moved
	}
	return nil
}

// moveHeadroom gives a line back an amount, or takes it where it is negative,
// and gives how much it could.
func moveHeadroom(ctx context.Context, tx *gorm.DB, lineID string, amount money.Amount) (money.Amount, error) {
	changed, err := exec(ctx, tx, `UPDATE lines SET used_fen = used_fen - ?, version = version + 1
		WHERE id = ? AND used_fen >= ? AND limit_fen - used_fen >= ?`, int64(amount), lineID, int64(amount), int64(-amount))
	if err != nil || changed == 1 {
		return amount, err
	}
	if amount > 0 {
		return 0, fault.New(fault.Internal, fault.CodeConstraint, "the loan and its line contradict each other")
	}
	line, err := queryOne[lineRow](ctx, tx, "UPDATE lines SET version = version + 1 WHERE id = ? RETURNING *", lineID)
	if err != nil {
		return 0, missing("line", err)
	}
	_, err = exec(ctx, tx, "UPDATE lines SET used_fen = limit_fen WHERE id = ?", lineID)
	return money.Amount(line.UsedFen - line.LimitFen), err
}

// loanColumns are what a change of a loan updates, with their types, the id
// first.
func loanColumns() [][2]string {
	return [][2]string{
		{"id", "TEXT"},
		{"released_fen", "BIGINT"},
		{"through_on", "BIGINT"},
		{"wake_on", "BIGINT"},
		{"state", "TEXT"},
		{"outstanding_fen", "BIGINT"},
		{"due_fen", "BIGINT"},
		{"overdue_fen", "BIGINT"},
		{"credit_fen", "BIGINT"},
		{"written_off_fen", "BIGINT"},
		{"recovered_fen", "BIGINT"},
		{"charged_off_fen", "BIGINT"},
		{"recovered_principal_fen", "BIGINT"},
		{"dpd", "BIGINT"},
		{"worst_dpd", "BIGINT"},
		{"class", "TEXT"},
		{"next_due", "BIGINT"},
		{"next_due_fen", "BIGINT"},
	}
}

// loanValues are the values of loanColumns.
func loanValues(l *servicing.Loan) []any {
	return []any{
		l.ID, int64(l.Released), int32(l.Through), dayOrNull(l.Wake), string(l.State), int64(l.Outstanding),
		int64(l.Due), int64(l.Overdue), int64(l.Credit), int64(l.WrittenOff), int64(l.Recovered),
		int64(l.ChargedOff), int64(l.RecoveredPrincipal), l.DPD, l.WorstDPD, string(l.Class), dayOrNull(l.NextDue), int64(l.NextAmount),
	}
}

// updateLoans writes the positions of all changes.
func updateLoans(ctx context.Context, tx *gorm.DB, changes []loanChange) error {
	var set, typed []string
	for i, column := range loanColumns() {
		typed = append(typed, "CAST(? AS "+column[1]+")")
		if i > 0 {
			set = append(set, column[0]+" = v."+column[0])
		}
	}
	names := make([]string, len(typed))
	for i, column := range loanColumns() {
		names[i] = column[0]
	}
	row := "SELECT " + strings.Join(typed, ", ")
	for part := range slices.Chunk(changes, 128) {
		args := make([]any, 0, len(part)*len(typed))
		for i := range part {
			args = append(args, loanValues(&part[i].update.Loan)...)
		}
		done, err := exec(ctx, tx, "WITH v ("+strings.Join(names, ", ")+") AS ("+row+strings.Repeat(" UNION ALL "+row, len(part)-1)+
			") UPDATE loans SET version = loans.version + 1, "+strings.Join(set, ", ")+" FROM v WHERE loans.id = v.id", args...)
		if err != nil {
			return err
		}
		if done != int64(len(part)) {
			return fault.New(fault.Internal, fault.CodeConstraint, "a loan that was locked is gone")
		}
	}
	for i := range changes {
		changes[i].update.Loan.Version = changes[i].before.Loan.Version + 1
	}
	return nil
}

type loanLineRow struct {
	LoanID    string
	Number    int
	DueOn     int32
	State     string
	OwedFen   int64
	UnpaidFen int64
	PaidOn    *int32
}

// storeInstalments brings the kept lines up to date, touching only those that
// changed.
func storeInstalments(ctx context.Context, tx *gorm.DB, changes []loanChange) error {
	ids := make([]string, len(changes))
	for i := range changes {
		ids[i] = changes[i].before.Loan.ID
	}
	in, args := among(ids)
	stored, err := query[loanLineRow](ctx, tx, "SELECT * FROM loan_instalments WHERE loan_id IN "+in, args...)
	if err != nil {
		return err
	}
	type lineKey struct {
		loan   string
		number int
	}
	known := make(map[lineKey]loanLineRow, len(stored))
	for _, row := range stored {
		known[lineKey{row.LoanID, row.Number}] = row
	}
	var rows [][]any
	for i := range changes {
		id, lines := changes[i].before.Loan.ID, changes[i].update.Position.Instalments
		for k := range lines {
			row := lineOf(id, &lines[k])
			key := lineKey{id, row.Number}
			old, ok := known[key]
			delete(known, key)
			if ok && sameLine(&old, &row) {
				continue
			}
			rows = append(rows, []any{row.LoanID, row.Number, row.DueOn, row.State, row.OwedFen, row.UnpaidFen, row.PaidOn})
		}
	}
	for gone := range known {
		if _, err := exec(ctx, tx, "DELETE FROM loan_instalments WHERE loan_id = ? AND number = ?", gone.loan, gone.number); err != nil {
			return err
		}
	}
	return insertMany(ctx, tx, "loan_instalments (loan_id, number, due_on, state, owed_fen, unpaid_fen, paid_on)", rows,
		` ON CONFLICT (loan_id, number) DO UPDATE SET due_on = excluded.due_on, state = excluded.state, owed_fen = excluded.owed_fen,
		unpaid_fen = excluded.unpaid_fen, paid_on = excluded.paid_on`)
}

func lineOf(loanID string, line *loan.Instalment) loanLineRow {
	return loanLineRow{
		LoanID: loanID, Number: line.Number, DueOn: int32(line.DueOn), State: string(line.State),
		OwedFen: int64(line.Owed.Total()), UnpaidFen: int64(line.Unpaid), PaidOn: dayOrNull(line.PaidOn),
	}
}

func sameLine(a, b *loanLineRow) bool {
	return a.DueOn == b.DueOn && a.State == b.State && a.OwedFen == b.OwedFen && a.UnpaidFen == b.UnpaidFen && dateOf(a.PaidOn) == dateOf(b.PaidOn)
}

// classify gives every borrower whose loan stands otherwise the class of all
// its loans together.
func classify(ctx context.Context, tx *gorm.DB, changes []loanChange, now time.Time) error {
	var merchants []string
	for i := range changes {
		before, after := &changes[i].before.Loan, &changes[i].update.Loan
		if before.State != after.State || before.DPD != after.DPD || before.WorstDPD != after.WorstDPD || before.Class != after.Class {
			merchants = append(merchants, after.MerchantID)
		}
	}
	slices.Sort(merchants)
	merchants = slices.Compact(merchants)
	if len(merchants) == 0 {
		return nil
	}
	rows := make([][]any, len(merchants))
	for i, id := range merchants {
		rows[i] = []any{id, 1, string(loan.Normal), 0, 0, at(now)}
	}
	const into = "borrowers (merchant_id, version, class, dpd, worst_dpd, classified_at)"
	if err := insertMany(ctx, tx, into, rows, " ON CONFLICT (merchant_id) DO UPDATE SET version = borrowers.version + 1"); err != nil {
		return err
	}
	// From here on the borrowers are locked: what others changed of their
	// loans before is seen, and what they change after sees this.
	standings, err := standingsOf(ctx, tx, merchants)
	if err != nil {
		return err
	}
	for i, id := range merchants {
		borrower := loan.ClassifyBorrower(standings[id])
		rows[i] = []any{id, 1, string(borrower.Class), borrower.DPD, borrower.WorstDPD, at(now)}
	}
	return insertMany(ctx, tx, into, rows, ` ON CONFLICT (merchant_id) DO UPDATE SET class = excluded.class, dpd = excluded.dpd,
		worst_dpd = excluded.worst_dpd, classified_at = excluded.classified_at`)
}

package main

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/stack"
)

type ledgerCommands struct {
	Verify ledgerVerifyCommand `cmd:"" help:"Check that every journal balances and agrees with lines, draws, payouts and closings."`
	Trial  ledgerTrialCommand  `cmd:"" help:"Print the trial balance as of a moment."`
	Export ledgerExportCommand `cmd:"" help:"Write journals with their postings as CSV."`
	Close  ledgerCloseCommand  `cmd:"" help:"Store the balances of a day's end, so that trial balances need not sum older journals."`
}

type ledgerVerifyCommand struct {
	Connection connectionFlags `embed:""`
}

// Run prints what it found as JSON, then one line that sums it up, and exits
// non-zero when something is off.
func (c *ledgerVerifyCommand) Run(e *env) error {
	db, err := c.Connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	progress := newCounter(e.stderr, "verified")
	report, err := db.Ledger().VerifyTelling(e.ctx, progress.show)
	progress.end()
	if err != nil {
		return err
	}
	if err := printLedger(e.stdout, report); err != nil {
		return err
	}
	if !report.Sound() {
		return errReported
	}
	return nil
}

// ledgerView is how a report of the ledger is printed. Want and have are in
// fen where the rule is about money, else numbers of records.
type ledgerView struct {
	Journals int64             `json:"journals"`
	Postings int64             `json:"postings"`
	Balances []ledgerBalance   `json:"balances"`
	Faults   []ledgerFaultView `json:"faults"`
}

type ledgerBalance struct {
	Account   string `json:"account"`
	AmountFen int64  `json:"amount_fen"`
	Postings  int64  `json:"postings"`
}

type ledgerFaultView struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject"`
	Want    int64  `json:"want"`
	Have    int64  `json:"have"`
}

func printLedger(w io.Writer, report stack.LedgerReport) error {
	view := ledgerView{Journals: report.Journals, Postings: report.Postings, Balances: []ledgerBalance{}, Faults: []ledgerFaultView{}}
	for _, b := range report.Balances {
		view.Balances = append(view.Balances, ledgerBalance{string(b.Account), int64(b.Amount), b.Count})
	}
	for _, f := range report.Faults {
		view.Faults = append(view.Faults, ledgerFaultView{f.Rule, f.Subject, int64(f.Want), int64(f.Have)})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(view); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	fmt.Fprintf(w, "journals=%d unbalanced=%d faults=%d\n", report.Journals, stack.Unbalanced(report), len(report.Faults))
	return nil
}

// period is a stretch of days in the lender's zone, or moments.
type period struct{ from, before time.Time }

// dayOrMoment reads a DATE, a day in China, or an RFC 3339 moment: the day's
// start and the next one's, or the moment and the first one after it.
func dayOrMoment(flag, text string) (period, error) {
	if text == "" {
		return period{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, clock.Lender()); err == nil {
		return period{day, day.AddDate(0, 0, 1)}, nil
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return period{}, fault.Field(flag, fault.CodeInvalid, "--%s is a date such as 2026-11-11 or a moment such as 2026-11-11T08:00:00+08:00", flag)
	}
	return period{moment, moment.Truncate(time.Microsecond).Add(time.Microsecond)}, nil
}

type ledgerTrialCommand struct {
	Connection connectionFlags `embed:""`
	At         string          `help:"As of the end of this day in China, or of this moment; absent: now." placeholder:"DATE"`
	CSV        bool            `name:"csv" help:"Print CSV, amounts in fen, instead of a table in yuan."`
}

// Run prints the balances and exits non-zero when they do not sum to zero.
func (c *ledgerTrialCommand) Run(e *env) error {
	as, err := dayOrMoment("at", c.At)
	if err != nil {
		return err
	}
	db, err := c.Connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	balances, err := db.Ledger().TrialBalance(e.ctx, as.before)
	if err != nil {
		return err
	}
	show := printTrial
	if c.CSV {
		show = printTrialCSV
	}
	sum, err := show(e.stdout, balances)
	if err != nil {
		return err
	}
	if sum != 0 {
		fmt.Fprintf(e.stderr, "loan310: the balances sum to %s, not to zero: run loan310 ledger verify\n", sum)
		return errReported
	}
	return nil
}

// printTrial prints debit and credit balances side by side, in yuan.
func printTrial(w io.Writer, balances []ledger.Balance) (money.Amount, error) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "debit\tcredit\tpostings\t  account")
	var debit, credit money.Amount
	for _, b := range balances {
		left, right := b.Amount.String(), ""
		if debit += max(b.Amount, 0); b.Amount < 0 {
			left, right = "", (-b.Amount).String()
			credit -= b.Amount
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t  %s\n", left, right, b.Count, b.Account)
	}
	fmt.Fprintf(table, "%s\t%s\t\t  total\n", debit, credit)
	if err := table.Flush(); err != nil {
		return 0, fmt.Errorf("print the trial balance: %w", err)
	}
	return debit - credit, nil
}

// printTrialCSV prints a row per account, in fen, debit positive.
func printTrialCSV(w io.Writer, balances []ledger.Balance) (money.Amount, error) {
	table := csv.NewWriter(w)
	var sum money.Amount
	rows := [][]string{{"account", "amount_fen", "postings"}}
	for _, b := range balances {
		sum += b.Amount
		rows = append(rows, []string{string(b.Account), strconv.FormatInt(int64(b.Amount), 10), strconv.FormatInt(b.Count, 10)})
	}
	if err := table.WriteAll(rows); err != nil {
		return 0, fmt.Errorf("print the trial balance: %w", err)
	}
	return sum, nil
}

type ledgerExportCommand struct {
	Connection connectionFlags `embed:""`
	From       string          `help:"First day in China, or moment; absent: from the beginning." placeholder:"DATE"`
	To         string          `help:"Last day in China, or moment, included; absent: to the end." placeholder:"DATE"`
	Out        string          `help:"File to write: .csv or .csv.gz." required:"" placeholder:"FILE"`
}

// Run writes the journals in order of booking and says how many. The file
// appears when it is whole.
func (c *ledgerExportCommand) Run(e *env) error {
	from, err := dayOrMoment("from", c.From)
	if err != nil {
		return err
	}
	to, err := dayOrMoment("to", c.To)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(c.Out, ".csv") && !strings.HasSuffix(c.Out, ".csv.gz") {
		return fault.Field("out", fault.CodeInvalid, "--out must end in .csv or .csv.gz")
	}
	db, err := c.Connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	progress := newCounter(e.stderr, "exported")
	count := 0
	err = writeWhole(c.Out, packed(c.Out, func(w io.Writer) (err error) {
		count, err = ledger.WriteCSV(w, db.Ledger().Walk(e.ctx, ledger.Filter{From: from.from, Before: to.before}), func(n int) { progress.show(n, 0) })
		return err
	}))
	progress.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "journals=%d out=%s\n", count, c.Out)
	return nil
}

// packed has a file compressed where its name ends in .gz.
func packed(name string, write func(io.Writer) error) func(io.Writer) error {
	if !strings.HasSuffix(name, ".gz") {
		return write
	}
	return func(w io.Writer) error {
		packing := gzip.NewWriter(w)
		return errors.Join(write(packing), packing.Close())
	}
}

type ledgerCloseCommand struct {
	Connection connectionFlags `embed:""`
	Through    string          `help:"Last day closed, in China; absent: yesterday." placeholder:"DATE"`
	Anew       bool            `help:"Forget all closings first and sum every journal."`
}

// Run stores the balances of the day's end.
func (c *ledgerCloseCommand) Run(e *env) error {
	day := clock.System().In(clock.Lender()).AddDate(0, 0, -1).Format(time.DateOnly)
	if c.Through != "" {
		day = c.Through
	}
	closed, err := dayOrMoment("through", day)
	if err != nil {
		return err
	}
	db, err := c.Connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if c.Anew {
		if err := db.Ledger().Reopen(e.ctx); err != nil {
			return err
		}
	}
	if err := db.Ledger().Close(e.ctx, closed.before); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "closed through %s\n", day)
	return nil
}

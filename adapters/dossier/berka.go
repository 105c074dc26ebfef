package dossier

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

// Reasons for which Berka rows are skipped.
const (
	skipNoLoan    = "account without a loan"
	skipAggregate = "aggregate, no rows to convert"
	skipUndated   = "standing order without a date"
)

const berkaDay = "060102"

// ConvertBerka turns the Czech bank files (PKDD'99) in a directory into a
// dossier: one merchant an account with a loan, one application a loan, an
// outcome where the loan is labelled (statuses B and D are bad). Haléř are taken
// one to one as fen. Bank rows are those that exist as rows: to March 1994 for
// labelled loans, and of ten accounts for unlabelled ones; aggregates and
// undated standing orders are counted as skipped, never spread into made-up
// rows. Orders, waybills, bills and bureau files are there without rows.
func ConvertBerka(in, out string) (Counts, error) {
	c := &berka{converter: newConverter(in), opened: map[string]time.Time{}, seen: map[string]bool{}}
	steps := []func() error{
		func() error { return c.readLoans("loan_1993_1996_labelled.csv.gz", true) },
		func() error { return c.readLoans("loan_1997_1998_applications_nolabel.csv.gz", false) },
		c.readAccounts,
		func() error { return c.readTransactions("trans_raw_1993-01_to_1994-03.csv.gz") },
		func() error { return c.readTransactions("trans_format_sample_unlabelled_10_accounts.csv.gz") },
		func() error {
			return c.skipAll("permanent_order_without_UVER.csv.gz", func(row foreignRow) string {
				if _, wanted := c.opened[row.text("account_id")]; wanted {
					return skipUndated
				}
				return skipNoLoan
			})
		},
		func() error {
			return c.skipAll("trans_aggregates_pre_loan_328.csv.gz", func(foreignRow) string { return skipAggregate })
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return c.counts, err
		}
	}
	c.disguise(0x6265726b61, time.Date(1993, 1, 1, 0, 0, 0, 0, time.UTC), func(id string) time.Time {
		return c.opened[strings.TrimPrefix(id, "BK-")]
	})
	return c.finish(out)
}

// berka knows the accounts with a loan by the day they were opened.
type berka struct {
	*converter
	opened map[string]time.Time
	seen   map[string]bool // transaction ids
}

func (c *berka) readLoans(name string, labelled bool) error {
	need := []string{"loan_id", "account_id", "date", "amount", "duration"}
	if labelled {
		need = append(need, "status")
	}
	return c.read(name, need, func(row foreignRow) (string, error) {
		applied, err := foreignTime(berkaDay, row.text("date"))
		amount, err2 := minorUnits(row.text("amount"))
		months, err3 := strconv.Atoi(row.text("duration"))
		if err := errors.Join(err, err2, err3); err != nil {
			return "", err
		}
		account := row.text("account_id")
		if _, again := c.opened[account]; !again {
			c.opened[account] = applied
			c.book.merchants = append(c.book.merchants, Merchant{ID: "BK-" + account, Name: "Berka account " + account})
		}
		application := Application{ID: "L-" + row.text("loan_id"), MerchantID: "BK-" + account, AppliedAt: applied, Amount: amount, TenorMonths: months}
		c.book.applications = append(c.book.applications, application)
		if labelled {
			outcome, err := berkaOutcome(application, row.text("status"))
			if err != nil {
				return "", err
			}
			c.book.outcomes = append(c.book.outcomes, outcome)
		}
		return "", nil
	})
}

// berkaOutcome reads the status: A finished and B finished in debt are seen at
// the contract's end, C running well and D running in debt when the data ends.
func berkaOutcome(a Application, status string) (Outcome, error) {
	outcome := Outcome{ApplicationID: a.ID, ObservedAt: a.AppliedAt.AddDate(0, a.TenorMonths, 0)}
	switch status {
	case "A":
	case "B":
		outcome.Bad = true
	case "C", "D":
		outcome.Bad = status == "D"
		outcome.ObservedAt = time.Date(1998, 12, 31, 0, 0, 0, 0, time.UTC)
	default:
		return outcome, fmt.Errorf("status %q is none of A, B, C, D", status)
	}
	return outcome, nil
}

func (c *berka) readAccounts() error {
	return c.read("account.csv.gz", []string{"account_id", "date"}, func(row foreignRow) (string, error) {
		opened, err := foreignTime(berkaDay, row.text("date"))
		if err != nil {
			return "", err
		}
		if _, wanted := c.opened[row.text("account_id")]; !wanted {
			return skipNoLoan, nil
		}
		c.opened[row.text("account_id")] = opened
		return "", nil
	})
}

// skipAll counts the rows of a file that converts to nothing.
func (c *berka) skipAll(name string, reason func(foreignRow) string) error {
	return c.read(name, nil, func(row foreignRow) (string, error) { return reason(row), nil })
}

func (c *berka) readTransactions(name string) error {
	need := []string{"trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account"}
	return c.read(name, need, func(row foreignRow) (string, error) {
		account := row.text("account_id")
		if _, wanted := c.opened[account]; !wanted {
			return skipNoLoan, nil
		}
		if c.seen[row.text("trans_id")] {
			return "transaction given before", nil
		}
		c.seen[row.text("trans_id")] = true
		booked, err := foreignTime(berkaDay, row.text("date"))
		amount, err2 := minorUnits(row.text("amount"))
		balance, err3 := minorUnits(row.text("balance"))
		if err := errors.Join(err, err2, err3); err != nil {
			return "", err
		}
		switch row.text("type") {
		case "PRIJEM", "credit":
		case "VYDAJ", "VYBER", "withdrawal", "withdrawal in cash":
			amount = -amount
		default:
			return "", fmt.Errorf("type %q is unknown", row.text("type"))
		}
		kind, err := berkaKind(row)
		if err != nil {
			return "", err
		}
		merchant := "BK-" + account
		c.book.transactions[merchant] = append(c.book.transactions[merchant], evidence.Transaction{
			ID: row.text("trans_id"), AccountID: account, BookedAt: booked, Amount: amount, Balance: &balance, Kind: kind,
			CounterpartyID: counterparty(row), Description: strings.Join(strings.Fields(row.text("operation")+" "+row.text("k_symbol")), " "),
		})
		return "", nil
	})
}

func counterparty(row foreignRow) string {
	if row.text("account") == "" || row.text("account") == "0" {
		return ""
	}
	return row.text("bank") + "/" + row.text("account")
}

// berkaKind reads what a row is for: its symbol, in Czech or in the sample's
// English, or else how the money moved.
func berkaKind(row foreignRow) (evidence.TxKind, error) {
	switch row.text("k_symbol") {
	case "SIPO", "household":
		return evidence.TxUtility, nil
	case "UROK", "interest credited":
		return evidence.TxInterest, nil
	case "SANKC. UROK", "sanction interest if negative balance":
		return evidence.TxPenalty, nil
	case "POJISTNE", "insurrance payment":
		return evidence.TxInsurance, nil
	case "SLUZBY", "payment for statement":
		return evidence.TxFee, nil
	case "UVER", "loan payment":
		return evidence.TxLoanOut, nil
	case "DUCHOD", "old-age pension", "LEASING", "leasing":
		return evidence.TxOther, nil
	case "":
	default:
		return "", fmt.Errorf("k_symbol %q is unknown", row.text("k_symbol"))
	}
	switch row.text("operation") {
	case "VKLAD", "VYBER", "VYBER KARTOU", "credit in cash", "withdrawal in cash", "credit card withdrawal":
		return evidence.TxCash, nil
	case "PREVOD NA UCET", "PREVOD Z UCTU", "remittance to another bank", "collection from another bank":
		return evidence.TxTransfer, nil
	case "":
		return evidence.TxOther, nil
	}
	return "", fmt.Errorf("operation %q is unknown", row.text("operation"))
}

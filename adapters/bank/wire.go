package bank

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"loan310/adapters/httpx"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Limits of one page. They bound the memory a page can take.
const (
	maxPageBytes = 16 << 20
	maxPageRows  = 10_000
	maxText      = 512 // bytes of one text we keep
)

// Currency is the only currency rows may have (ISO 4217).
const Currency = "CNY"

// SchemePseudonym names counterparty accounts that the bank already replaced
// by a pseudonym; any other SchemeName is pseudonymised here.
const SchemePseudonym = "LOAN310.Pseudonym"

// errMalformed marks an answer that breaks the format. Its text names rows by
// number and fields by name, never values.
var errMalformed = errors.New("malformed answer")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// Wire types, named as in the specification (OBReadTransaction6).
type (
	wirePage struct {
		Data struct {
			Transaction []wireTransaction
		}
		Links wireLinks
		Meta  wireMeta
	}
	wireLinks struct{ Self, Next string }
	wireMeta  struct {
		TotalPages            int
		LastAvailableDateTime string
	}
	wireAmount struct{ Amount, Currency string }

	wireTransaction struct {
		AccountId                      string
		TransactionId                  string
		CreditDebitIndicator           string
		Status                         string
		BookingDateTime                string
		Amount                         wireAmount
		Balance                        *wireBalance
		ProprietaryBankTransactionCode *struct{ Code, Issuer string }
		MerchantDetails                *struct{ MerchantName, MerchantCategoryCode string }
		TransactionInformation         string
		CreditorAccount, DebtorAccount *wireAccount
	}
	wireBalance struct {
		Amount               wireAmount
		CreditDebitIndicator string
	}
	wireAccount struct{ SchemeName, Identification string }
)

// Page is what one page of transactions says.
type Page struct {
	Rows       []evidence.Transaction // booked ones, in the page's order
	Next       string                 // link of the next page; empty = last
	TotalPages int                    // 0 = not said
	DataAsOf   time.Time              // zero = not said
}

// Reading says how a bank's rows are understood.
type Reading struct {
	// Codes maps ProprietaryBankTransactionCode.Code to what a row is for.
	Codes map[string]evidence.TxKind
	// PseudonymKey replaces account numbers of counterparties by an HMAC.
	PseudonymKey []byte
}

// DefaultCodes are the proprietary codes of our data agreement with banks:
// the names of the kinds in upper case.
func DefaultCodes() map[string]evidence.TxKind {
	codes := map[string]evidence.TxKind{}
	for _, kind := range [...]evidence.TxKind{
		evidence.TxSales, evidence.TxSupplier, evidence.TxUtility, evidence.TxRent, evidence.TxSalary,
		evidence.TxLoanIn, evidence.TxLoanOut, evidence.TxTransfer, evidence.TxCash, evidence.TxInterest,
		evidence.TxPenalty, evidence.TxFee, evidence.TxInsurance, evidence.TxTax, evidence.TxRefund, evidence.TxOther,
	} {
		codes[strings.ToUpper(string(kind))] = kind
	}
	return codes
}

// categoryKind reads an ISO 18245 merchant category code, for rows without a
// proprietary code.
func categoryKind(category string) evidence.TxKind {
	switch category {
	case "4900":
		return evidence.TxUtility
	case "5960", "6300":
		return evidence.TxInsurance
	case "6010", "6011":
		return evidence.TxCash
	case "6513":
		return evidence.TxRent
	case "9311":
		return evidence.TxTax
	default:
		return evidence.TxOther
	}
}

// ParsePage reads one page of transactions. A page that is cut, too long or
// has a row that breaks the format is an error, and then nothing of it may be
// used.
func ParsePage(in io.Reader, reading Reading) (Page, error) {
	var wire wirePage
	if err := decodeJSON(in, &wire); err != nil {
		return Page{}, err
	}
	if len(wire.Data.Transaction) > maxPageRows {
		return Page{}, malformed("more than %d rows", maxPageRows)
	}
	page := Page{Next: wire.Links.Next, TotalPages: wire.Meta.TotalPages, Rows: make([]evidence.Transaction, 0, len(wire.Data.Transaction))}
	if wire.Meta.LastAvailableDateTime != "" {
		at, err := time.Parse(time.RFC3339, wire.Meta.LastAvailableDateTime)
		if err != nil {
			return Page{}, malformed("LastAvailableDateTime is not a moment")
		}
		page.DataAsOf = at.UTC()
	}
	for i := range wire.Data.Transaction {
		booked, err := wire.Data.Transaction[i].booked()
		if err != nil {
			return Page{}, malformed("row %d: %s", i+1, err.Error())
		}
		if !booked {
			continue
		}
		row, err := wire.Data.Transaction[i].row(reading)
		if err != nil {
			return Page{}, malformed("row %d: %s", i+1, err.Error())
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// decodeJSON reads exactly one JSON value of bounded length. What the fast
// decoder refuses is read again by the other, which says why.
func decodeJSON[T any](in io.Reader, value *T) error {
	text, err := io.ReadAll(&io.LimitedReader{R: in, N: maxPageBytes + 1})
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read answer: %w", err)
	}
	if err == nil && len(text) <= maxPageBytes && httpx.RowDecoder()(text, value) == nil {
		return nil
	}
	*value = *new(T)
	return explainJSON(bytes.NewReader(text), value)
}

func explainJSON(in io.Reader, value any) error {
	limited := &io.LimitedReader{R: in, N: maxPageBytes + 1}
	decoder := json.NewDecoder(limited)
	err := decoder.Decode(value)
	if err == nil {
		if _, trailing := decoder.Token(); !errors.Is(trailing, io.EOF) {
			err = malformed("something follows the answer")
		}
	}
	switch {
	case limited.N <= 0:
		return malformed("longer than %d bytes", maxPageBytes)
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return malformed("the answer ends early")
	case isJSONError(err):
		return malformed("not the JSON that was agreed")
	default:
		return fmt.Errorf("read answer: %w", err)
	}
}

func isJSONError(err error) bool {
	if errors.Is(err, errMalformed) {
		return true
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return true
	}
	_, ok := errors.AsType[*json.UnmarshalTypeError](err)
	return ok
}

// booked tells a booked row from a pending or rejected one. Version 4 writes
// the ISO 20022 codes where version 3.1 wrote words.
func (t *wireTransaction) booked() (bool, error) {
	switch t.Status {
	case "Booked", "BOOK":
		return true, nil
	case "Pending", "PDNG", "Rejected", "RJCT", "INFO", "FUTR":
		return false, nil
	default:
		return false, errors.New("unknown Status")
	}
}

func (t *wireTransaction) row(reading Reading) (evidence.Transaction, error) {
	none := evidence.Transaction{}
	if t.TransactionId == "" || len(t.TransactionId) > maxText {
		return none, errors.New("no TransactionId, or one too long")
	}
	if t.AccountId == "" || len(t.AccountId) > maxText {
		return none, errors.New("no AccountId, or one too long")
	}
	booked, err := time.Parse(time.RFC3339, t.BookingDateTime)
	if err != nil {
		return none, errors.New("BookingDateTime is not a moment")
	}
	amount, err := signed(t.Amount, t.CreditDebitIndicator)
	if err != nil {
		return none, fmt.Errorf("field Amount: %w", err)
	}
	row := evidence.Transaction{
		ID: t.TransactionId, AccountID: t.AccountId, BookedAt: booked.UTC(), Amount: amount,
		Kind: t.kind(reading), Description: cut(t.TransactionInformation),
	}
	if t.Balance != nil {
		balance, err := signed(t.Balance.Amount, t.Balance.CreditDebitIndicator)
		if err != nil {
			return none, fmt.Errorf("field Balance: %w", err)
		}
		row.Balance = &balance
	}
	other := t.DebtorAccount // who paid us
	if t.CreditDebitIndicator == "Debit" {
		other = t.CreditorAccount
	}
	row.CounterpartyID, err = reading.pseudonym(other)
	return row, err
}

func (t *wireTransaction) kind(reading Reading) evidence.TxKind {
	if code := t.ProprietaryBankTransactionCode; code != nil {
		if kind, ok := reading.Codes[code.Code]; ok {
			return kind
		}
	}
	if t.MerchantDetails != nil {
		return categoryKind(t.MerchantDetails.MerchantCategoryCode)
	}
	return evidence.TxOther
}

// pseudonym gives a stable name of an account that is not its number.
func (r Reading) pseudonym(account *wireAccount) (string, error) {
	if account == nil || account.Identification == "" {
		return "", nil
	}
	if account.SchemeName == SchemePseudonym {
		if len(account.Identification) > maxText {
			return "", errors.New("a counterparty too long")
		}
		return account.Identification, nil
	}
	sum := hmac.New(sha256.New, r.PseudonymKey)
	_, _ = io.WriteString(sum, account.SchemeName+"\x00"+account.Identification)
	return "p-" + hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// signed reads an amount of the specification, which has no sign and up to
// five decimals, exactly: more than two decimals that are not zero are
// refused, not rounded.
func signed(amount wireAmount, indicator string) (money.Amount, error) {
	if amount.Currency != Currency {
		return 0, errors.New("the currency is not CNY")
	}
	text := amount.Amount
	if whole, fraction, found := strings.Cut(text, "."); found && len(fraction) > 2 && len(fraction) <= 5 {
		text = whole + "." + fraction[:2]
		if strings.Trim(fraction[2:], "0") != "" {
			return 0, errors.New("smaller than a fen")
		}
	}
	value, err := money.Parse(text)
	if err != nil {
		return 0, err
	}
	if strings.HasPrefix(text, "-") {
		return 0, errors.New("a sign where CreditDebitIndicator says it")
	}
	switch indicator {
	case "Credit":
		return value, nil
	case "Debit":
		return -value, nil
	default:
		return 0, errors.New("unknown CreditDebitIndicator")
	}
}

// cut keeps a text within bounds without splitting a character.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}

package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"loan310/adapters/dossier"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// bankPageRows is how many booked rows a page of transactions has.
const bankPageRows = 1_000

// bank plays the Open Banking UK Account and Transaction API, version 3.1,
// with the agreements that adapters/bank documents. Ids are keyed hashes of
// account and holder, so nothing has to be kept and no number shows. A
// merchant without any transaction in the book has no account here.
type bank struct {
	core *core
	// holders gives the merchant of a consent; built at first use.
	holders func() map[string]dossier.Merchant
}

func newBank(c *core) http.Handler {
	b := &bank{core: c}
	b.holders = sync.OnceValue(func() map[string]dossier.Merchant {
		holders := map[string]dossier.Merchant{}
		for _, merchant := range c.book.Merchants() {
			if merchant.PayoutAccount != "" {
				holders[b.consentOf(merchant)] = merchant
			}
		}
		return holders
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /account-access-consents", c.bearer(Bank, b.createConsent))
	mux.HandleFunc("GET /accounts", c.bearer(Bank, b.listAccounts))
	mux.HandleFunc("GET /accounts/{account}/transactions", c.bearer(Bank, b.listTransactions))
	return mux
}

// opaque makes an id that does not give away what it names.
func (b *bank) opaque(prefix string, parts ...string) string {
	sum := hmac.New(sha256.New, []byte(b.core.secrets.Keys[Bank]))
	_, _ = sum.Write([]byte(prefix + "\x00" + strings.Join(parts, "\x00")))
	return prefix + "-" + hex.EncodeToString(sum.Sum(nil)[:12])
}

func (b *bank) consentOf(m dossier.Merchant) string {
	return b.opaque("consent", m.PayoutAccount, m.LicenceNumber)
}

func (b *bank) accountOf(m dossier.Merchant) string {
	return b.opaque("account", m.PayoutAccount, m.LicenceNumber)
}

func (b *bank) createConsent(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Data struct {
			Permissions []string
			Account     struct{ SchemeName, Identification, SecondaryIdentification string }
		}
	}
	if !decode(w, request, &asked) {
		return
	}
	if len(asked.Data.Permissions) == 0 || asked.Data.Account.SchemeName != "CN.CardNumber" {
		b.refuse(w, http.StatusBadRequest, "UK.OBIE.Field.Invalid")
		return
	}
	for _, merchant := range b.core.merchantsByAccount(asked.Data.Account.Identification) {
		holder := asked.Data.Account.SecondaryIdentification
		if holder != "" && holder != merchant.LicenceNumber || isEmpty(b.core.book.Transactions(merchant.ID)) {
			continue
		}
		b.reply(w, request, http.StatusCreated, map[string]any{
			"Data": map[string]any{"ConsentId": b.consentOf(merchant), "Status": "Authorised", "Permissions": asked.Data.Permissions},
			"Risk": map[string]any{},
		})
		return
	}
	b.refuse(w, http.StatusNotFound, "UK.OBIE.Resource.NotFound")
}

func (b *bank) listAccounts(w http.ResponseWriter, request *http.Request) {
	merchant, ok := b.holders()[request.Header.Get("X-Consent-Id")]
	if !ok {
		b.refuse(w, http.StatusForbidden, "UK.OBIE.Resource.InvalidConsentStatus")
		return
	}
	b.reply(w, request, http.StatusOK, map[string]any{
		"Data": map[string]any{"Account": []map[string]string{{
			"AccountId": b.accountOf(merchant), "Currency": "CNY", "AccountType": "Business", "AccountSubType": "CurrentAccount",
		}}},
		"Links": map[string]string{"Self": linkTo(request, request.URL.Query())},
		"Meta":  map[string]any{"TotalPages": 1},
	})
}

// obTransaction is a row of OBReadTransaction6.
type obTransaction struct {
	AccountId                      string
	TransactionId                  string
	CreditDebitIndicator           string     //
	Status                         string     //
	BookingDateTime                time.Time  //
	Amount                         obAmount   //
	Balance                        *obBalance `json:",omitempty"`
	ProprietaryBankTransactionCode obCode     //
	TransactionInformation         string     `json:",omitempty"`
	CreditorAccount                *obAccount `json:",omitempty"`
	DebtorAccount                  *obAccount `json:",omitempty"`
}

type obCode struct{ Code, Issuer string }

type obAmount struct{ Amount, Currency string }

type obBalance struct {
	Amount               obAmount
	CreditDebitIndicator string
	Type                 string
}

type obAccount struct{ SchemeName, Identification string }

func (b *bank) listTransactions(w http.ResponseWriter, request *http.Request) {
	merchant, ok := b.holders()[request.Header.Get("X-Consent-Id")]
	if !ok || b.accountOf(merchant) != request.PathValue("account") {
		b.refuse(w, http.StatusForbidden, "UK.OBIE.Resource.ConsentMismatch")
		return
	}
	values := request.URL.Query()
	const format = "2006-01-02T15:04:05"
	from, fromErr := time.Parse(format, values.Get("fromBookingDateTime"))
	to, toErr := time.Parse(format, values.Get("toBookingDateTime"))
	page, pageErr := 1, error(nil)
	if values.Has("page") {
		page, pageErr = strconv.Atoi(values.Get("page"))
	}
	if fromErr != nil || toErr != nil || pageErr != nil || page < 1 || page > 1_000_000 {
		b.refuse(w, http.StatusBadRequest, "UK.OBIE.Field.InvalidDate")
		return
	}
	rows := []obTransaction{}
	count := 0
	opaque := map[string]string{} // of the merchant's accounts, most have one
	for row, err := range b.core.book.Transactions(merchant.ID) {
		if err != nil {
			b.refuse(w, http.StatusInternalServerError, "UK.OBIE.UnexpectedError")
			return
		}
		if row.BookedAt.Before(from) || row.BookedAt.After(to) || !b.core.knownBy(request, row.BookedAt) {
			continue
		}
		if count >= (page-1)*bankPageRows && len(rows) < bankPageRows {
			if opaque[row.AccountID] == "" {
				opaque[row.AccountID] = b.opaque("account", row.AccountID)
			}
			rows = append(rows, wire(row, opaque[row.AccountID], "Booked"))
		}
		count++
	}
	pages := max((count+bankPageRows-1)/bankPageRows, 1)
	links := map[string]string{"Self": linkTo(request, values)}
	if page < pages {
		values.Set("page", strconv.Itoa(page+1))
		links["Next"] = linkTo(request, values)
	} else if len(rows) > 0 { // a card payment still under way: no evidence yet
		pending := rows[len(rows)-1]
		pending.TransactionId += "-pending"
		pending.Status, pending.Balance = "Pending", nil
		rows = append(rows, pending)
	}
	meta := map[string]any{"TotalPages": pages}
	if asOf := b.core.toldAsOf(request); !asOf.IsZero() {
		meta["LastAvailableDateTime"] = asOf.Format(time.RFC3339Nano)
	}
	b.reply(w, request, http.StatusOK, map[string]any{"Data": map[string]any{"Transaction": rows}, "Links": links, "Meta": meta})
}

// wire writes a row of the account that account names outside.
func wire(row *evidence.Transaction, account, status string) obTransaction {
	amount, indicator := obMoney(row.Amount)
	wire := obTransaction{
		AccountId: account, TransactionId: row.ID,
		CreditDebitIndicator: indicator, Status: status, BookingDateTime: row.BookedAt.UTC(), Amount: amount,
		ProprietaryBankTransactionCode: obCode{strings.ToUpper(string(row.Kind)), "LOAN310"},
		TransactionInformation:         row.Description,
	}
	if row.Balance != nil {
		balance, side := obMoney(*row.Balance)
		wire.Balance = &obBalance{Amount: balance, CreditDebitIndicator: side, Type: "InterimBooked"}
	}
	if row.CounterpartyID != "" {
		other := &obAccount{SchemeName: "LOAN310.Pseudonym", Identification: row.CounterpartyID}
		if indicator == "Debit" {
			wire.CreditorAccount = other
		} else {
			wire.DebtorAccount = other
		}
	}
	return wire
}

func obMoney(amount money.Amount) (obAmount, string) {
	if amount < 0 {
		return obAmount{(-amount).String(), "CNY"}, "Debit"
	}
	return obAmount{amount.String(), "CNY"}, "Credit"
}

// linkTo gives the absolute address of this resource with other parameters.
func linkTo(request *http.Request, values url.Values) string {
	link := url.URL{Scheme: "http", Host: request.Host, Path: request.URL.Path, RawQuery: values.Encode()}
	return link.String()
}

func (b *bank) reply(w http.ResponseWriter, request *http.Request, status int, body any) {
	if id := request.Header.Get("X-Fapi-Interaction-Id"); id != "" {
		w.Header().Set("X-Fapi-Interaction-Id", id)
	}
	answer(w, status, body)
}

// refuse writes an OBErrorResponse1.
func (b *bank) refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"Code": strconv.Itoa(status), "Errors": []map[string]string{{"ErrorCode": code}}})
}

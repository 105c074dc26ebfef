package bank_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/bank"
	"loan310/adapters/breaker"
	"loan310/adapters/dossier"
	"loan310/adapters/httpx"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

const card = "6123451234567893"

func query() underwriting.Query {
	return underwriting.Query{
		LicenceNumber: "91330100799655058B", AccountNumber: card,
		Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func newFeed(tb testing.TB, url, token string) *bank.Feed {
	tb.Helper()
	feed, err := bank.New(bank.Settings{
		BaseURL: url, Token: token, PseudonymKey: []byte("k"), MaxPages: 50,
		Budget: time.Minute, Guard: breaker.Settings{Budget: 30 * time.Second},
	}, breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler)), clock.System)
	require.NoError(tb, err)
	tb.Cleanup(feed.Close)
	return feed
}

func TestNewWantsAKeyForPseudonyms(t *testing.T) {
	t.Parallel()
	_, err := bank.New(bank.Settings{BaseURL: "http://bank.example"}, breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler)), clock.System)
	require.ErrorContains(t, err, "pseudonym key")
}

// Rows come whole, in order and once over many pages, and pending ones never.
func TestFetchReadsPageByPage(t *testing.T) {
	t.Parallel()
	book := sandboxtest.Example()
	rows := make([]evidence.Transaction, 4_321)
	for i := range rows {
		balance := money.Amount(i)*310 - 5_000
		rows[i] = evidence.Transaction{
			ID: fmt.Sprint("t", i), AccountID: card, BookedAt: query().Since.Add(time.Duration(i) * time.Hour),
			Amount: money.Amount(i%7-3) * 1_01, Balance: &balance, Kind: evidence.TxSupplier, CounterpartyID: "cp-1", Description: "货款",
		}
	}
	book.BankRows = map[string][]evidence.Transaction{"m1": rows}
	server := sandboxtest.Start(t, sandbox.Options{Book: book})
	feed := newFeed(t, server.URLs()[sandbox.Bank], sandboxtest.Secrets().Tokens[sandbox.Bank])
	var got []evidence.Transaction
	fetched, err := feed.Fetch(t.Context(), query(), func(row *evidence.Transaction) error {
		require.NotContains(t, row.AccountID, card)
		copied := *row
		copied.AccountID = card
		got = append(got, copied)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, underwriting.Fetched{Found: true, DataAsOf: book.AsOf()}, fetched)
	require.Equal(t, rows, got)
	require.EqualValues(t, 2+5, server.Requests(sandbox.Bank), "consent, accounts, five pages of a thousand")
}

// An account that two merchants share gives each its own rows.
func TestFetchOfASharedAccountNamesTheHolder(t *testing.T) {
	t.Parallel()
	book := sandboxtest.Example()
	other := book.People[0]
	other.ID, other.LicenceNumber = "m2", "9144030071526726XG"
	book.People = append([]dossier.Merchant{other}, book.People...)
	row := evidence.Transaction{ID: "t1", AccountID: "a", BookedAt: query().Since, Amount: 1, Kind: evidence.TxSales}
	foreign := row
	foreign.ID = "t2"
	book.BankRows = map[string][]evidence.Transaction{"m1": {row}, "m2": {foreign}}
	server := sandboxtest.Start(t, sandbox.Options{Book: book})
	feed := newFeed(t, server.URLs()[sandbox.Bank], sandboxtest.Secrets().Tokens[sandbox.Bank])
	_, err := feed.Fetch(t.Context(), query(), func(row *evidence.Transaction) error {
		require.Equal(t, "t1", row.ID)
		return nil
	})
	require.NoError(t, err)
}

// provider is a bank whose transactions answer is the test's to write; %s in
// it becomes the bank's own address.
func provider(t *testing.T, account string, pages ...string) (string, *atomic.Int64) {
	t.Helper()
	var turn atomic.Int64
	var base string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /account-access-consents", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"Data":{"ConsentId":"c1","Status":"Authorised"}}`)
	})
	mux.HandleFunc("GET /accounts", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"Data":{"Account":[{"AccountId":%q,"Currency":"CNY"}]}}`, account)
	})
	mux.HandleFunc("GET /accounts/a1/transactions", func(w http.ResponseWriter, _ *http.Request) {
		page := pages[min(int(turn.Add(1))-1, len(pages)-1)]
		_, _ = io.WriteString(w, strings.ReplaceAll(page, "%s", base))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	base = server.URL
	return base, &turn
}

func TestFetchRefusesLinksAndIdsThatAreNotSafe(t *testing.T) {
	t.Parallel()
	var stranger atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stranger.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		account string
		pages   []string
	}{
		"next on another host":     {"a1", []string{`{"Data":{},"Links":{"Next":"` + elsewhere.URL + `/accounts/a1/transactions"},"Meta":{}}`}},
		"next without a scheme":    {"a1", []string{`{"Data":{},"Links":{"Next":"//` + strings.TrimPrefix(elsewhere.URL, "http://") + `/x"},"Meta":{}}`}},
		"next with another scheme": {"a1", []string{`{"Data":{},"Links":{"Next":"file:///etc/passwd"},"Meta":{}}`}},
		"next is this page":        {"a1", []string{`{"Data":{},"Links":{"Next":"%s/accounts/a1/transactions?page=2"},"Meta":{}}`}},
		"next holds the number":    {"a1", []string{`{"Data":{},"Links":{"Next":"%s/accounts/a1/transactions?card=` + card + `"},"Meta":{}}`}},
		"fewer pages than said":    {"a1", []string{`{"Data":{},"Links":{},"Meta":{"TotalPages":2}}`}},
		"id is the number":         {card, []string{`{}`}},
		"id is a path":             {"../admin", []string{`{}`}},
		"id is empty":              {"", []string{`{}`}},
	} {
		url, turns := provider(t, c.account, c.pages...)
		fetched, err := newFeed(t, url, "").Fetch(t.Context(), query(), func(*evidence.Transaction) error { return nil })
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
		require.Zero(t, fetched, name)
		require.NotContains(t, err.Error(), card, name)
		require.LessOrEqual(t, turns.Load(), int64(2), name)
	}
	require.Zero(t, stranger.Load())
}

func TestFetchFollowsRelativeAndAbsoluteLinks(t *testing.T) {
	t.Parallel()
	url, turns := provider(
		t, "a1",
		`{"Data":{},"Links":{"Next":"%s/accounts/a1/transactions?page=2"},"Meta":{}}`,
		`{"Data":{},"Links":{"Next":"/accounts/a1/transactions?page=3"},"Meta":{}}`,
		`{"Data":{},"Links":{},"Meta":{"TotalPages":3}}`,
	)
	fetched, err := newFeed(t, url, "").Fetch(t.Context(), query(), func(*evidence.Transaction) error { return nil })
	require.NoError(t, err)
	require.Equal(t, underwriting.Fetched{Found: true}, fetched, "no as-of moment was said")
	require.EqualValues(t, 3, turns.Load())
}

func TestFetchWithoutAnAccountNumberAsksNobody(t *testing.T) {
	t.Parallel()
	asked := query()
	asked.AccountNumber = ""
	fetched, err := newFeed(t, "http://127.0.0.1:1", "").Fetch(t.Context(), asked, func(*evidence.Transaction) error { return nil })
	require.NoError(t, err)
	require.Zero(t, fetched)
}

// row is a transaction of the specification with some fields changed.
func row(t *testing.T, change map[string]any) string {
	t.Helper()
	fields := map[string]any{
		"AccountId": "a1", "TransactionId": "t1", "CreditDebitIndicator": "Credit", "Status": "Booked",
		"BookingDateTime": "2025-04-05T10:43:07+00:00", "Amount": map[string]string{"Amount": "10.00", "Currency": "CNY"},
	}
	for name, value := range change {
		if value == nil {
			delete(fields, name)
			continue
		}
		fields[name] = value
	}
	text, err := json.Marshal(map[string]any{"Data": map[string]any{"Transaction": []any{fields}}})
	require.NoError(t, err)
	return string(text)
}

func parse(text string) (bank.Page, error) {
	return bank.ParsePage(strings.NewReader(text), bank.Reading{Codes: bank.DefaultCodes(), PseudonymKey: []byte("k")})
}

func TestParsePageReadsAmountsExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Amount{
		"0": 0, "10": 1_000, "10.5": 1_050, "10.05": 1_005, "10.05000": 1_005, "1234567890123.45": 123_456_789_012_345,
	} {
		page, err := parse(row(t, map[string]any{"Amount": map[string]string{"Amount": text, "Currency": "CNY"}}))
		require.NoError(t, err, text)
		require.Equal(t, want, page.Rows[0].Amount, text)
		page, err = parse(row(t, map[string]any{"Amount": map[string]string{"Amount": text, "Currency": "CNY"}, "CreditDebitIndicator": "Debit"}))
		require.NoError(t, err, text)
		require.Equal(t, -want, page.Rows[0].Amount, text)
	}
	for _, text := range []string{"", "-1.00", "1.001", "1.00001", "1.000000", "1e3", "1,000.00", "99999999999999999999", ".5", "5."} {
		_, err := parse(row(t, map[string]any{"Amount": map[string]string{"Amount": text, "Currency": "CNY"}}))
		require.ErrorContains(t, err, "row 1: field Amount", text)
	}
}

func TestParsePageRefusesWhatBreaksTheFormat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change map[string]any
		says   string
	}{
		"another currency":   {map[string]any{"Amount": map[string]string{"Amount": "1.00", "Currency": "GBP"}}, "the currency is not CNY"},
		"balance currency":   {map[string]any{"Balance": map[string]any{"Amount": map[string]string{"Amount": "1.00", "Currency": "USD"}, "CreditDebitIndicator": "Credit"}}, "Balance"},
		"no id":              {map[string]any{"TransactionId": nil}, "TransactionId"},
		"no account":         {map[string]any{"AccountId": nil}, "AccountId"},
		"no moment":          {map[string]any{"BookingDateTime": "secret"}, "BookingDateTime"},
		"unknown indicator":  {map[string]any{"CreditDebitIndicator": "secret"}, "CreditDebitIndicator"},
		"unknown status":     {map[string]any{"Status": "secret"}, "Status"},
		"amount of no shape": {map[string]any{"Amount": 7}, "not the JSON"},
	} {
		page, err := parse(row(t, c.change))
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "secret", name)
		require.Zero(t, page, name)
	}
	for name, text := range map[string]string{"empty": "", "cut": `{"Data":{"Tran`, "trailing": `{}{}`, "text": `<html>`} {
		_, err := parse(text)
		require.ErrorContains(t, err, "malformed answer", name)
	}
}

func TestParsePageTakesBookedRowsOfBothVersions(t *testing.T) {
	t.Parallel()
	for status, rows := range map[string]int{"Booked": 1, "BOOK": 1, "Pending": 0, "PDNG": 0, "Rejected": 0, "RJCT": 0} {
		page, err := parse(row(t, map[string]any{"Status": status}))
		require.NoError(t, err, status)
		require.Len(t, page.Rows, rows, status)
	}
}

func TestParsePageTellsWhatARowIsFor(t *testing.T) {
	t.Parallel()
	code := func(code string) map[string]any {
		return map[string]any{"ProprietaryBankTransactionCode": map[string]string{"Code": code, "Issuer": "bank"}}
	}
	category := func(code string) map[string]any {
		return map[string]any{"MerchantDetails": map[string]string{"MerchantCategoryCode": code}}
	}
	for name, c := range map[string]struct {
		change map[string]any
		want   evidence.TxKind
	}{
		"code":             {code("LOAN_REPAYMENT"), evidence.TxLoanOut},
		"penalty":          {code("PENALTY_INTEREST"), evidence.TxPenalty},
		"unknown code":     {code("ZZZ"), evidence.TxOther},
		"utility category": {category("4900"), evidence.TxUtility},
		"tax category":     {category("9311"), evidence.TxTax},
		"unknown category": {category("5411"), evidence.TxOther},
		"nothing":          {nil, evidence.TxOther},
	} {
		page, err := parse(row(t, c.change))
		require.NoError(t, err, name)
		require.Equal(t, c.want, page.Rows[0].Kind, name)
	}
}

func TestParsePageNeverKeepsAnAccountNumberOfACounterparty(t *testing.T) {
	t.Parallel()
	debtor := map[string]any{"DebtorAccount": map[string]string{"SchemeName": "UK.OBIE.PAN", "Identification": card}}
	first, err := parse(row(t, debtor))
	require.NoError(t, err)
	require.NotEmpty(t, first.Rows[0].CounterpartyID)
	require.NotContains(t, first.Rows[0].CounterpartyID, card)
	second, err := parse(row(t, debtor))
	require.NoError(t, err)
	require.Equal(t, first.Rows[0].CounterpartyID, second.Rows[0].CounterpartyID, "a pseudonym is stable")
	paid, err := parse(row(t, map[string]any{
		"CreditDebitIndicator": "Debit",
		"CreditorAccount":      map[string]string{"SchemeName": bank.SchemePseudonym, "Identification": "cp-1"},
		"DebtorAccount":        map[string]string{"SchemeName": bank.SchemePseudonym, "Identification": "us"},
	}))
	require.NoError(t, err)
	require.Equal(t, "cp-1", paid.Rows[0].CounterpartyID)
}

func TestFetchRefusesAConsentThatIsNotAuthorised(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"Data":{"ConsentId":"c1","Status":"AwaitingAuthorisation"}}`)
	}))
	t.Cleanup(server.Close)
	_, err := newFeed(t, server.URL, "").Fetch(t.Context(), query(), func(*evidence.Transaction) error { return nil })
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(err))
}

func FuzzParsePage(f *testing.F) {
	f.Add(`{"Data":{"Transaction":[{"AccountId":"a","TransactionId":"t","CreditDebitIndicator":"Debit","Status":"Booked","BookingDateTime":"2025-04-05T10:43:07+00:00","Amount":{"Amount":"10.00","Currency":"CNY"}}]},"Links":{"Next":"x"},"Meta":{"TotalPages":1,"LastAvailableDateTime":"2025-04-05T10:43:07Z"}}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		page, err := parse(text)
		if err != nil {
			require.Zero(t, page)
			return
		}
		for _, row := range page.Rows {
			require.NotEmpty(t, row.ID)
			require.NotEmpty(t, row.AccountID)
			require.NotEmpty(t, row.Kind)
		}
	})
}

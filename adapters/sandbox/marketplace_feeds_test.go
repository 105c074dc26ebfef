package sandbox_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/bank"
	"loan310/adapters/breaker"
	"loan310/adapters/dossier"
	"loan310/adapters/httpx"
	"loan310/adapters/logistics"
	"loan310/adapters/marketplace"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/adapters/utility"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// setup is how a test wants its feed.
type setup struct {
	guard     breaker.Settings
	budget    time.Duration
	pageSize  int // where the feed can choose it
	badToken  bool
	badKey    bool
	transport http.RoundTripper
}

// fetcher is a feed whose rows are values of any kind.
type fetcher func(ctx context.Context, query underwriting.Query, emit func(any) error) (underwriting.Fetched, error)

// subject is one of the four large sources.
type subject struct {
	kind string
	make func(tb testing.TB, server *sandbox.Server, board *breaker.Board, with setup) fetcher
	// rows gives what the book says within a window, as the feed must give it.
	rows func(book dossier.Book, merchant string, since, until time.Time) []any
}

func subjects() []subject {
	return []subject{
		{
			kind: sandbox.Marketplace,
			make: func(tb testing.TB, server *sandbox.Server, board *breaker.Board, with setup) fetcher {
				tb.Helper()
				feed, err := marketplace.New(marketplace.Settings{
					BaseURL: server.URLs()[sandbox.Marketplace], Token: token(sandbox.Marketplace, with), KeyID: "k", Key: key(sandbox.Marketplace, with),
					PageSize: with.pageSize, Budget: with.budget, Guard: with.guard, Transport: with.transport,
				}, board, clock.System)
				return plain(tb, feed, err)
			},
			rows: func(book dossier.Book, merchant string, since, until time.Time) []any {
				return within(book.Orders(merchant), func(row *evidence.Order) time.Time { return row.CreatedAt }, since, until)
			},
		},
		{
			kind: sandbox.Logistics,
			make: func(tb testing.TB, server *sandbox.Server, board *breaker.Board, with setup) fetcher {
				tb.Helper()
				feed, err := logistics.New(logistics.Settings{
					BaseURL: server.URLs()[sandbox.Logistics], Token: token(sandbox.Logistics, with), KeyID: "k", Key: key(sandbox.Logistics, with),
					PageSize: with.pageSize, Budget: with.budget, Guard: with.guard, Transport: with.transport,
				}, board, clock.System)
				return plain(tb, feed, err)
			},
			rows: func(book dossier.Book, merchant string, since, until time.Time) []any {
				return within(book.Waybills(merchant), func(row *evidence.Waybill) time.Time { return row.CreatedAt }, since, until)
			},
		},
		{
			kind: sandbox.Bank,
			make: func(tb testing.TB, server *sandbox.Server, board *breaker.Board, with setup) fetcher {
				tb.Helper()
				feed, err := bank.New(bank.Settings{
					BaseURL: server.URLs()[sandbox.Bank], Token: token(sandbox.Bank, with), PseudonymKey: []byte("test"),
					Budget: with.budget, Guard: with.guard, Transport: with.transport,
				}, board, clock.System)
				open := plain(tb, feed, err)
				return func(ctx context.Context, query underwriting.Query, emit func(any) error) (underwriting.Fetched, error) {
					return open(ctx, query, func(row any) error {
						transaction, _ := row.(evidence.Transaction)
						require.NotContains(tb, transaction.AccountID, query.AccountNumber)
						transaction.AccountID = ""
						return emit(transaction)
					})
				}
			},
			rows: func(book dossier.Book, merchant string, since, until time.Time) []any {
				rows := within(book.Transactions(merchant), func(row *evidence.Transaction) time.Time { return row.BookedAt }, since, until)
				for i := range rows {
					transaction, _ := rows[i].(evidence.Transaction)
					transaction.AccountID = "" // opaque at the bank
					rows[i] = transaction
				}
				return rows
			},
		},
		{
			kind: sandbox.Utility,
			make: func(tb testing.TB, server *sandbox.Server, board *breaker.Board, with setup) fetcher {
				tb.Helper()
				secrets := sandboxtest.Secrets()
				if with.badToken {
					secrets.KeyIDs = map[string]string{sandbox.Utility: "nobody"}
				}
				feed, err := utility.New(utility.Settings{
					BaseURL: server.URLs()[sandbox.Utility], ClientID: secrets.KeyIDs[sandbox.Utility], ClientSecret: key(sandbox.Utility, with),
					PageSize: with.pageSize, Budget: with.budget, Guard: with.guard, Transport: with.transport,
				}, board)
				return plain(tb, feed, err)
			},
			rows: func(book dossier.Book, merchant string, since, until time.Time) []any {
				return within(book.Bills(merchant), func(row *evidence.UtilityBill) time.Time { return row.PeriodStart }, since, until)
			},
		},
	}
}

func token(kind string, with setup) string {
	if with.badToken {
		return "wrong"
	}
	return sandboxtest.Secrets().Tokens[kind]
}

func key(kind string, with setup) string {
	if with.badKey {
		return "wrong"
	}
	return sandboxtest.Secrets().Keys[kind]
}

// closable is what every feed is.
type closable[T any] interface {
	underwriting.Feed[T]
	Close()
}

func plain[T any](tb testing.TB, feed closable[T], err error) fetcher {
	tb.Helper()
	require.NoError(tb, err)
	tb.Cleanup(feed.Close)
	return func(ctx context.Context, query underwriting.Query, emit func(any) error) (underwriting.Fetched, error) {
		return feed.Fetch(ctx, query, func(row *T) error { return emit(*row) })
	}
}

func within[T any](rows iter.Seq2[*T, error], at func(*T) time.Time, since, until time.Time) []any {
	found := []any{}
	for row, err := range rows {
		if err != nil {
			panic(err)
		}
		if moment := at(row); !moment.Before(since) && moment.Before(until) {
			found = append(found, *row)
		}
	}
	return found
}

func newBoard() *breaker.Board {
	return breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler))
}

// all collects a fetch.
func all(ctx context.Context, fetch fetcher, query underwriting.Query) ([]any, underwriting.Fetched, error) {
	rows := []any{}
	fetched, err := fetch(ctx, query, func(row any) error {
		rows = append(rows, row)
		return nil
	})
	return rows, fetched, err
}

// population is the book of these tests; each merchant has all four sources.
func population() *dossier.Generated {
	return dossier.Generate(dossier.GenerateOptions{Merchants: 20, Seed: 310})
}

func queryOf(book dossier.Book, number int) underwriting.Query {
	m := book.Merchants()[number]
	return underwriting.Query{
		ApplicationID: "a1", MerchantID: m.ID, LicenceNumber: m.LicenceNumber, AccountNumber: m.PayoutAccount,
		Since: book.AsOf().AddDate(-3, 0, 0), Until: book.AsOf().AddDate(1, 0, 0),
	}
}

// each runs a test for every subject against a sandbox of its own.
func each(t *testing.T, test func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book)) {
	t.Helper()
	for _, s := range subjects() {
		t.Run(s.kind, func(t *testing.T) {
			t.Parallel()
			book := population()
			test(t, s, sandboxtest.Start(t, sandbox.Options{Book: book}), book)
		})
	}
}

func TestFeedsGiveTheRowsOfTheBookInOrderWithinTheWindow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		feeds := map[int]fetcher{}
		for _, size := range []int{1, 7, 100, 1000} {
			feeds[size] = s.make(t, server, newBoard(), setup{pageSize: size})
		}
		rapid.Check(t, func(t *rapid.T) {
			number := rapid.IntRange(0, 19).Draw(t, "merchant")
			size := rapid.SampledFrom([]int{7, 100, 1000}).Draw(t, "page size")
			days := rapid.IntRange(1, 400).Draw(t, "days")
			if days < 10 {
				size = 1
			}
			query := queryOf(book, number)
			query.Since = book.AsOf().AddDate(0, 0, -days)
			query.Until = query.Since.AddDate(0, 0, rapid.IntRange(1, 400).Draw(t, "length"))
			rows, fetched, err := all(context.Background(), feeds[size], query)
			require.NoError(t, err)
			require.Equal(t, s.rows(book, query.MerchantID, query.Since, query.Until), rows)
			if fetched.Found {
				require.Equal(t, book.AsOf(), fetched.DataAsOf)
			} else {
				require.Empty(t, s.rows(book, query.MerchantID, time.Time{}, book.AsOf().AddDate(9, 0, 0)))
			}
		})
	})
}

func TestFeedsReportEveryFaultAsUnavailable(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		faults sandbox.Faults
		code   fault.Code
	}{
		"too late":       {sandbox.Faults{LatencyMS: 10_000}, breaker.CodeBudget},
		"no answer":      {sandbox.Faults{TimeoutShare: 1}, breaker.CodeBudget},
		"server error":   {sandbox.Faults{Error5xxShare: 1}, httpx.CodeDown},
		"too many":       {sandbox.Faults{Error429Share: 1}, httpx.CodeLimited},
		"garbled":        {sandbox.Faults{MalformedShare: 1}, httpx.CodeMalformed},
		"trickling body": {sandbox.Faults{SlowStreamBytesPerS: 10}, breaker.CodeBudget},
		"no connection":  {sandbox.Faults{Down: true}, httpx.CodeDown},
	}
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		for name, c := range cases {
			require.NoError(t, server.SetFaults(s.kind, c.faults))
			board := newBoard()
			query := queryOf(book, 0)
			with := setup{guard: breaker.Settings{Budget: 20 * time.Second}}
			if c.code == breaker.CodeBudget {
				with.guard.Budget = 150 * time.Millisecond
			}
			rows, fetched, err := all(t.Context(), s.make(t, server, board, with), query)
			require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
			require.Equal(t, c.code, fault.CodeOf(err), name)
			require.Zero(t, fetched, name)
			require.Empty(t, rows, name)
			require.NotContains(t, err.Error(), query.LicenceNumber, name)
			require.NotContains(t, err.Error(), query.AccountNumber, name)
			require.EqualValues(t, 1, board.Statuses()[0].Failures, name)
		}
	})
}

func TestFeedsTellHowOldStaleDataIs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		require.NoError(t, server.SetFaults(s.kind, sandbox.Faults{StaleDays: 60}))
		query := queryOf(book, 0)
		_, fetched, err := all(t.Context(), s.make(t, server, newBoard(), setup{}), query)
		require.NoError(t, err)
		require.Equal(t, book.AsOf().AddDate(0, 0, -60), fetched.DataAsOf)
	})
}

func TestFeedsRefusedForWrongCredentialsAreUnavailable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		wrong := []setup{{badToken: true}}
		if s.kind != sandbox.Bank { // which has a token alone
			wrong = append(wrong, setup{badKey: true})
		}
		for _, with := range wrong {
			_, _, err := all(t.Context(), s.make(t, server, newBoard(), with), queryOf(book, 0))
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.Equal(t, httpx.CodeCredentials, fault.CodeOf(err))
		}
	})
}

func TestFeedsOfAnUnknownMerchantAreNotFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		query := queryOf(book, 0)
		query.LicenceNumber, query.AccountNumber = "91350100M000100Y43", "6222020000000000000"
		board := newBoard()
		rows, fetched, err := all(t.Context(), s.make(t, server, board, setup{}), query)
		require.NoError(t, err)
		require.Zero(t, fetched)
		require.Empty(t, rows)
		require.Zero(t, board.Statuses()[0].Failures, "an answer is no failure")
	})
}

func TestFeedsOpenTheirBreakerAndRecover(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		fetch := s.make(t, server, newBoard(), setup{guard: breaker.Settings{Consecutive: 3, OpenFor: 100 * time.Millisecond}})
		query := queryOf(book, 0)
		require.NoError(t, server.SetFaults(s.kind, sandbox.Faults{Error5xxShare: 1}))
		for range 3 {
			_, _, err := all(t.Context(), fetch, query)
			require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
		}
		asked := server.Requests(s.kind)
		_, _, err := all(t.Context(), fetch, query)
		require.Equal(t, breaker.CodeOpen, fault.CodeOf(err))
		require.Equal(t, asked, server.Requests(s.kind), "an open breaker asks nobody")
		server.ClearFaults(s.kind)
		require.Eventually(t, func() bool {
			_, fetched, err := all(t.Context(), fetch, query)
			return err == nil && fetched.Found
		}, 5*time.Second, 20*time.Millisecond)
	})
}

func TestFeedsEndPromptlyWhenTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		require.NoError(t, server.SetFaults(s.kind, sandbox.Faults{TimeoutShare: 1}))
		board := newBoard()
		fetch := s.make(t, server, board, setup{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		begun := time.Now()
		_, _, err := all(ctx, fetch, queryOf(book, 0))
		require.Less(t, time.Since(begun), 2*time.Second)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, breaker.CodeGaveUp, fault.CodeOf(err))
		require.Zero(t, board.Statuses()[0].Failures)
	})
}

func TestFeedsEndBetweenRowsWhenTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		rows := 0
		_, err := s.make(t, server, newBoard(), setup{})(ctx, queryOf(book, 0), func(any) error {
			rows++
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, rows)
	})
}

func TestFeedsGiveBackTheErrorOfEmitUnchanged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		full := errors.New("sink is full")
		board := newBoard()
		_, err := s.make(t, server, board, setup{})(t.Context(), queryOf(book, 0), func(any) error { return full })
		require.Equal(t, full, err)
		require.Zero(t, board.Statuses()[0].Failures)
	})
}

func TestFeedsEndWithTheirOwnBudgetAndCountItAgainstTheProvider(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		require.NoError(t, server.SetFaults(s.kind, sandbox.Faults{LatencyMS: 10_000}))
		board := newBoard()
		_, _, err := all(t.Context(), s.make(t, server, board, setup{budget: 100 * time.Millisecond}), queryOf(book, 0))
		require.Equal(t, breaker.CodeBudget, fault.CodeOf(err))
		require.EqualValues(t, 1, board.Statuses()[0].Failures)
		require.Zero(t, board.Statuses()[0].Cancelled)
	})
}

func TestFeedsHedgeWithoutGivingARowTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		query := queryOf(book, 0)
		first := &hangOnce{next: http.DefaultTransport, times: 2}
		fetch := s.make(t, server, newBoard(), setup{pageSize: 50, guard: breaker.Settings{HedgeAfter: 30 * time.Millisecond}, transport: first})
		rows, _, err := all(t.Context(), fetch, query)
		require.NoError(t, err)
		require.Equal(t, s.rows(book, query.MerchantID, query.Since, query.Until), rows)
		require.Zero(t, first.left())
	})
}

// hangOnce lets the first reads hang until they are given up; consents and
// tokens, which are never hedged, pass.
type hangOnce struct {
	next  http.RoundTripper
	mu    sync.Mutex
	times int
}

func (h *hangOnce) left() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.times
}

func (h *hangOnce) RoundTrip(request *http.Request) (*http.Response, error) {
	path := request.URL.Path
	if strings.HasSuffix(path, "/account-access-consents") || strings.HasSuffix(path, "/oauth/token") {
		return h.next.RoundTrip(request)
	}
	h.mu.Lock()
	hang := h.times > 0 && h.times%2 == 0
	if h.times > 0 {
		h.times--
	}
	h.mu.Unlock()
	if hang {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	return h.next.RoundTrip(request)
}

func TestFeedsKeepIdentifiersOutOfAddresses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		query := queryOf(book, 0)
		seen := &addresses{next: http.DefaultTransport}
		_, _, err := all(t.Context(), s.make(t, server, newBoard(), setup{pageSize: 100, transport: seen}), query)
		require.NoError(t, err)
		for _, address := range seen.list {
			require.NotContains(t, address, query.LicenceNumber)
			require.NotContains(t, address, query.AccountNumber)
		}
	})
}

type addresses struct {
	next http.RoundTripper
	list []string
}

func (a *addresses) RoundTrip(request *http.Request) (*http.Response, error) {
	a.list = append(a.list, request.URL.String())
	return a.next.RoundTrip(request)
}

// A body that ends early, at any byte, is never taken for a shorter answer.
func TestFeedsRefuseABodyCutAnywhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s subject, server *sandbox.Server, book dossier.Book) {
		t.Helper()
		for _, share := range []float64{0, 0.1, 0.5, 0.9, 0.999} {
			fetch := s.make(t, server, newBoard(), setup{transport: &cutter{next: http.DefaultTransport, share: share}})
			rows, fetched, err := all(t.Context(), fetch, queryOf(book, 0))
			require.Equal(t, fault.Unavailable, fault.KindOf(err), share)
			require.Zero(t, fetched, share)
			require.Empty(t, rows, share)
		}
	})
}

// cutter ends every body after a share of its bytes, as if that were all.
type cutter struct {
	next  http.RoundTripper
	share float64
}

func (c *cutter) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	kept := string(body[:int(float64(len(body)-2)*c.share)])
	response.Body, response.ContentLength = io.NopCloser(strings.NewReader(kept)), -1
	return response, nil
}

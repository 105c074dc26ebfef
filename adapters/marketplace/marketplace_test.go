package marketplace_test

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/dossier"
	"loan310/adapters/httpx"
	"loan310/adapters/marketplace"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// start gives a feed on a sandbox with twenty synthetic merchants, of which
// the first has 100,000 orders.
func start(tb testing.TB, change func(*marketplace.Settings)) (*marketplace.Feed, *breaker.Board, dossier.Book) {
	tb.Helper()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 20, Seed: 310, BigMerchantOrders: 100_000})
	server := sandboxtest.Start(tb, sandbox.Options{Book: book})
	secrets := sandboxtest.Secrets()
	settings := marketplace.Settings{
		BaseURL: server.URLs()[sandbox.Marketplace], Token: secrets.Tokens[sandbox.Marketplace],
		KeyID: secrets.KeyIDs[sandbox.Marketplace], Key: secrets.Keys[sandbox.Marketplace],
		Budget: 5 * time.Minute, Guard: breaker.Settings{Budget: time.Minute},
	}
	change(&settings)
	board := breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler))
	feed, err := marketplace.New(settings, board, clock.System)
	require.NoError(tb, err)
	tb.Cleanup(feed.Close)
	return feed, board, book
}

func queryOf(book dossier.Book, number int) underwriting.Query {
	m := book.Merchants()[number]
	return underwriting.Query{
		LicenceNumber: m.LicenceNumber, AccountNumber: m.PayoutAccount,
		Since: book.AsOf().AddDate(-3, 0, 0), Until: book.AsOf().AddDate(1, 0, 0),
	}
}

func TestNewRefusesAnAddressItCannotUse(t *testing.T) {
	t.Parallel()
	board := breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler))
	_, err := marketplace.New(marketplace.Settings{BaseURL: "not an address"}, board, clock.System)
	require.Error(t, err)
}

// 100,000 orders pass in less than 64 MB more than none at all, counted in
// this process, sandbox included.
func TestFetchOfABigMerchantTakesBoundedMemory(t *testing.T) { //nolint:paralleltest // measures the heap
	feed, _, book := start(t, func(*marketplace.Settings) {})
	highest := func(number int) (rows int, peak uint64) {
		runtime.GC()
		_, err := feed.Fetch(t.Context(), queryOf(book, number), func(*evidence.Order) error {
			if rows++; rows%1_000 == 0 {
				peak = max(peak, heap())
			}
			return nil
		})
		require.NoError(t, err)
		return rows, max(peak, heap())
	}
	few, empty := highest(1)
	begun := time.Now()
	rows, big := highest(0)
	took := time.Since(begun)
	require.Less(t, few, 5_000)
	require.GreaterOrEqual(t, rows, 100_000)
	t.Logf("%d orders in %.1f s; heap at most %.1f MB, with few orders %.1f MB", rows, took.Seconds(), float64(big)/1e6, float64(empty)/1e6)
	require.Less(t, int64(big)-int64(empty), int64(64<<20))
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}

// A page that fails after others came is an error, and no row of it is given.
func TestFetchFailsWhenALaterPageDoes(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"down": http.StatusBadGateway, "unknown all at once": http.StatusNotFound, "refused": http.StatusBadRequest} {
		feed, _, book := start(t, func(s *marketplace.Settings) {
			s.PageSize, s.Transport = 10, &failing{after: 2, status: status}
		})
		rows := 0
		fetched, err := feed.Fetch(t.Context(), queryOf(book, 1), func(*evidence.Order) error { rows++; return nil })
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
		require.Zero(t, fetched, name)
		require.Equal(t, 20, rows, name)
	}
}

// failing answers with a status after so many requests.
type failing struct{ after, status int }

func (f *failing) RoundTrip(request *http.Request) (*http.Response, error) {
	if f.after--; f.after < 0 {
		return &http.Response{StatusCode: f.status, Body: http.NoBody, Request: request, Header: http.Header{}}, nil
	}
	return http.DefaultTransport.RoundTrip(request)
}

func TestFetchRefusesMorePagesThanAllowed(t *testing.T) {
	t.Parallel()
	feed, _, book := start(t, func(s *marketplace.Settings) { s.PageSize, s.MaxPages = 10, 3 })
	_, err := feed.Fetch(t.Context(), queryOf(book, 1), func(*evidence.Order) error { return nil })
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(err))
}

func TestFetchCountsEachPageAtTheBreaker(t *testing.T) {
	t.Parallel()
	feed, board, book := start(t, func(s *marketplace.Settings) { s.PageSize = 10 })
	rows := 0
	_, err := feed.Fetch(t.Context(), queryOf(book, 1), func(*evidence.Order) error { rows++; return nil })
	require.NoError(t, err)
	require.EqualValues(t, (rows+9)/10, board.Statuses()[0].Successes)
	full := errors.New("sink is full")
	_, err = feed.Fetch(t.Context(), queryOf(book, 1), func(*evidence.Order) error { return full })
	require.ErrorIs(t, err, full)
	require.Zero(t, board.Statuses()[0].Failures)
}

func BenchmarkFetch(b *testing.B) {
	feed, _, book := start(b, func(*marketplace.Settings) {})
	query := queryOf(book, 0)
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		_, err := feed.Fetch(b.Context(), query, func(*evidence.Order) error { rows++; return nil })
		require.NoError(b, err)
		b.ReportMetric(float64(rows), "orders/op")
	}
}

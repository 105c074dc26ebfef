package logistics_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/logistics"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/scoring/evidence"
)

func board() *breaker.Board {
	return breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler))
}

// parcels is a book with one signed parcel, one on its way, one returned and
// one that was only ever drawn up.
func parcels() *sandboxtest.Book {
	book := sandboxtest.Example()
	made := time.Date(2026, 9, 1, 2, 0, 0, 0, time.UTC)
	picked, signed := made.Add(time.Hour), made.Add(49*time.Hour)
	book.WaybillRows = map[string][]evidence.Waybill{"m1": {
		{No: "YT1", Status: evidence.WaybillSigned, CreatedAt: made, PickedUpAt: picked, SignedAt: signed, Scans: 6, Origin: "330106", Destination: "110101"},
		{No: "YT2", Status: evidence.WaybillInTransit, CreatedAt: made, PickedUpAt: picked, Scans: 3},
		{No: "YT3", Status: evidence.WaybillReturned, CreatedAt: made, PickedUpAt: picked, Scans: 9},
		{No: "FORGED", Status: evidence.WaybillCreated, CreatedAt: made, Scans: 0},
	}}
	return book
}

func newSpot(t *testing.T, server *sandbox.Server, budget *logistics.Budget, change func(*logistics.SpotSettings)) (*logistics.Spot, *breaker.Board) {
	t.Helper()
	secrets := sandboxtest.Secrets()
	settings := logistics.SpotSettings{
		BaseURL: server.URLs()[sandbox.Logistics], Customer: secrets.KeyIDs[sandbox.Logistics], Key: secrets.Keys[sandbox.Logistics],
		Guard: breaker.Settings{Budget: 20 * time.Second},
	}
	change(&settings)
	shown := board()
	spot, err := logistics.NewSpot(settings, budget, shown)
	require.NoError(t, err)
	t.Cleanup(spot.Close)
	return spot, shown
}

func same(*logistics.SpotSettings) {}

func TestKuaidiSignIsUpperCaseMD5OfParamKeyAndCustomer(t *testing.T) {
	t.Parallel()
	// md5("abc") of RFC 1321, in upper case
	require.Equal(t, "900150983CD24FB0D6963F7D28E17F72", logistics.KuaidiSign("a", "b", "c"))
}

func TestSpotCheckTellsWhereAParcelIs(t *testing.T) {
	t.Parallel()
	book := parcels()
	server := sandboxtest.Start(t, sandbox.Options{Book: book})
	spot, _ := newSpot(t, server, logistics.NewBudget(10, 10, clock.System), same)
	for _, row := range book.WaybillRows["m1"][:3] {
		found, err := spot.For("a1").SpotCheck(t.Context(), row.No, "yuantong")
		require.NoError(t, err)
		require.Equal(t, evidence.Waybill{
			No: row.No, Carrier: "yuantong", Status: row.Status, PickedUpAt: row.PickedUpAt, SignedAt: row.SignedAt,
			Origin: row.Origin, Destination: row.Destination, Scans: row.Scans,
		}, found)
	}
}

func TestSpotCheckOfAForgedWaybillFindsNoRecord(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: parcels()})
	spot, shown := newSpot(t, server, logistics.NewBudget(10, 10, clock.System), same)
	for _, number := range []string{"FORGED", "NEVER"} {
		_, err := spot.For("a1").SpotCheck(t.Context(), number, "yuantong")
		require.Equal(t, fault.NotFound, fault.KindOf(err))
	}
	require.Zero(t, shown.Statuses()[0].Failures, "no record is an answer")
}

func TestSpotChecksAreCountedForApplicationAndDay(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: parcels()})
	var mu sync.Mutex
	now := time.Date(2026, 9, 9, 15, 30, 0, 0, time.UTC) // 23:30 in China
	budget := logistics.NewBudget(2, 3, func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	spot, _ := newSpot(t, server, budget, same)
	check := func(application string) error {
		_, err := spot.For(application).SpotCheck(t.Context(), "YT1", "yuantong")
		return err
	}
	require.NoError(t, check("a1"))
	require.NoError(t, check("a1"))
	refused := check("a1")
	require.Equal(t, fault.Limited, fault.KindOf(refused), "two for an application")
	require.Equal(t, logistics.CodePulls, fault.CodeOf(refused))
	require.NoError(t, check("a2"))
	require.Equal(t, logistics.CodePulls, fault.CodeOf(check("a2")), "three a day")
	require.EqualValues(t, 3, server.Requests(sandbox.Logistics), "a refused check asks nobody")
	application, day := budget.Used("a1")
	require.Equal(t, [2]int{2, 3}, [2]int{application, day})
	mu.Lock()
	now = now.Add(time.Hour) // midnight has passed in China, not in UTC
	mu.Unlock()
	require.NoError(t, check("a1"))
}

func TestSpotChecksAreCountedOnceEachUnderLoad(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: parcels()})
	budget := logistics.NewBudget(100, 10, clock.System)
	spot, _ := newSpot(t, server, budget, func(s *logistics.SpotSettings) { s.Guard.MaxConcurrent = 64 })
	var done sync.WaitGroup
	for range 40 {
		done.Go(func() { _, _ = spot.For("a1").SpotCheck(context.Background(), "YT1", "yuantong") })
	}
	done.Wait()
	_, day := budget.Used("a1")
	require.Equal(t, 10, day)
	require.EqualValues(t, 10, server.Requests(sandbox.Logistics))
}

func TestSpotChecksThatWereNotSentAreNotCounted(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: parcels()})
	budget := logistics.NewBudget(100, 100, clock.System)
	spot, _ := newSpot(t, server, budget, func(s *logistics.SpotSettings) { s.Guard.Consecutive, s.Guard.OpenFor = 2, time.Minute })
	require.NoError(t, server.SetFaults(sandbox.Logistics, sandbox.Faults{Error5xxShare: 1}))
	for range 5 {
		_, err := spot.For("a1").SpotCheck(t.Context(), "YT1", "yuantong")
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
	}
	_, day := budget.Used("a1")
	require.Equal(t, 2, day, "two were sent before the breaker opened")
}

func TestSpotCheckUnderFaultsIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]sandbox.Faults{
		"no answer": {TimeoutShare: 1}, "late": {LatencyMS: 10_000}, "server error": {Error5xxShare: 1},
		"too many": {Error429Share: 1}, "garbled": {MalformedShare: 1}, "down": {Down: true},
	} {
		server := sandboxtest.Start(t, sandbox.Options{Book: parcels()})
		require.NoError(t, server.SetFaults(sandbox.Logistics, faults))
		spot, shown := newSpot(t, server, logistics.NewBudget(9, 9, clock.System), func(s *logistics.SpotSettings) { s.Guard.Budget = 200 * time.Millisecond })
		_, err := spot.For("a1").SpotCheck(t.Context(), "YT1", "yuantong")
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
		require.EqualValues(t, 1, shown.Statuses()[0].Failures, name)
	}
}

func TestSpotCheckWithAWrongKeyIsUnavailable(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: parcels()})
	spot, _ := newSpot(t, server, logistics.NewBudget(9, 9, clock.System), func(s *logistics.SpotSettings) { s.Key = "wrong" })
	_, err := spot.For("a1").SpotCheck(t.Context(), "YT1", "yuantong")
	require.Equal(t, httpx.CodeCredentials, fault.CodeOf(err))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

// A gateway that knows no such path says nothing about a parcel.
func TestSpotCheckTakesNoStatusForAnAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusBadRequest, http.StatusConflict} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		spot, err := logistics.NewSpot(logistics.SpotSettings{BaseURL: server.URL}, logistics.NewBudget(9, 9, clock.System), board())
		require.NoError(t, err)
		_, err = spot.For("a1").SpotCheck(t.Context(), "YT1", "yuantong")
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
		spot.Close()
		server.Close()
	}
}

func TestSpotCheckRefusesWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	spot, err := logistics.NewSpot(logistics.SpotSettings{BaseURL: "http://127.0.0.1:1"}, logistics.NewBudget(9, 9, clock.System), board())
	require.NoError(t, err)
	for _, c := range [][2]string{{"", "yuantong"}, {strings.Repeat("1", 33), "yuantong"}, {"YT1", ""}} {
		_, err := spot.For("a1").SpotCheck(t.Context(), c[0], c[1])
		require.Equal(t, fault.Invalid, fault.KindOf(err))
	}
}

func TestParseAnswerReadsStatesAndRefusals(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]evidence.WaybillStatus{
		`"0"`: evidence.WaybillInTransit, `"1"`: evidence.WaybillPickedUp, `2`: evidence.WaybillInTransit, `"3"`: evidence.WaybillSigned,
		`"4"`: evidence.WaybillReturned, `"5"`: evidence.WaybillInTransit, `"6"`: evidence.WaybillReturned, `"14"`: evidence.WaybillReturned,
	} {
		row, err := logistics.ParseAnswer([]byte(`{"message":"ok","nu":"yt1","status":"200","state":`+state+`,"data":[]}`), "YT1")
		require.NoError(t, err, state)
		require.Equal(t, want, row.Status, state)
		require.Zero(t, row.Scans, state)
	}
	for body, want := range map[string]fault.Kind{
		`{"result":false,"returnCode":"500","message":"查询无结果"}`: fault.NotFound,
		`{"result":false,"returnCode":500}`:                     fault.NotFound,
		`{"result":false,"returnCode":"400"}`:                   fault.Invalid,
		`{"result":false,"returnCode":"408"}`:                   fault.Invalid,
		`{"result":false,"returnCode":"501"}`:                   fault.Unavailable,
		`{"result":false,"returnCode":"503"}`:                   fault.Unavailable,
		`{"result":false,"returnCode":"601"}`:                   fault.Unavailable,
		`{"result":false}`:                                      fault.Unavailable,
		`{}`:                                                    fault.Unavailable, // no state
		`{"status":"200","state":"99"}`:                         fault.Unavailable,
		`{"status":"500","state":"3"}`:                          fault.Unavailable,
		`{"status":"200","state":"3","nu":"OTHER"}`:             fault.Unavailable,
		`{"status":"200","state":"3","data":[{"time":"now"}]}`:  fault.Unavailable,
		`{"status":"200","state":{},"data":[]}`:                 fault.Unavailable,
		`<html>`:                                                fault.Unavailable,
	} {
		_, err := logistics.ParseAnswer([]byte(body), "YT1")
		require.Equal(t, want, fault.KindOf(err), body)
	}
}

func TestParseAnswerTakesFirstAndLastEventWhereNoneIsNamed(t *testing.T) {
	t.Parallel()
	row, err := logistics.ParseAnswer([]byte(`{"nu":"YT1","com":"yuantong","status":"200","state":"3","data":[
		{"time":"2026-01-03 09:00:00","context":"张三 13800138000 已签收"},
		{"time":"2026-01-02 09:00:00","ftime":"2026-01-02 08:59:59","context":"在途"},
		{"time":"2026-01-01 09:00:00","context":"已揽收"}]}`), "YT1")
	require.NoError(t, err)
	require.Equal(t, evidence.Waybill{
		No: "YT1", Carrier: "yuantong", Status: evidence.WaybillSigned, Scans: 3,
		PickedUpAt: time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC), SignedAt: time.Date(2026, 1, 3, 1, 0, 0, 0, time.UTC),
	}, row)
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"nu":"YT1","com":"yuantong","status":"200","state":"3","data":[{"time":"2026-01-03 09:00:00","statusCode":"301"}],"routeInfo":{"from":{"number":"CN330106000000"}}}`))
	f.Add([]byte(`{"result":false,"returnCode":"500"}`))
	f.Add([]byte(`{"state":null,"data":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		row, err := logistics.ParseAnswer(body, "YT1")
		if err != nil {
			require.Zero(t, row)
			require.NotEqual(t, fault.Internal, fault.KindOf(err))
			return
		}
		require.Equal(t, "YT1", row.No)
		require.NotEmpty(t, row.Status)
		require.GreaterOrEqual(t, row.Scans, int32(0))
		require.False(t, row.SignedAt.Before(row.PickedUpAt) && !row.SignedAt.IsZero() && row.Scans == 1)
	})
}

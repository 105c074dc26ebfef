package marketplace_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"loan310/adapters/httpx"
	"loan310/adapters/marketplace"
	"loan310/scoring/evidence"
)

const order = `{"order_id":"o1","status":"paid","created_at":"2026-01-02T03:04:05+08:00","amount_fen":310}` + "\n"

func TestParsePageReadsOrdersAndTrailer(t *testing.T) {
	t.Parallel()
	page, err := marketplace.ParsePage(strings.NewReader(order+`{"page":{"next":"c2","data_as_of":"2026-02-01T00:00:00Z","rows":1}}`), 10)
	require.NoError(t, err)
	require.Equal(t, marketplace.Page{
		Rows:     []evidence.Order{{ID: "o1", Status: evidence.OrderPaid, CreatedAt: time.Date(2026, 1, 1, 19, 4, 5, 0, time.UTC), Amount: 310}},
		Next:     "c2",
		DataAsOf: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	}, page)
}

func TestParsePageRefusesWhatBreaksTheContract(t *testing.T) {
	t.Parallel()
	const end = `{"page":{"rows":1}}`
	for name, c := range map[string]struct{ body, says string }{
		"empty":                   {"", "cut after row 0"},
		"no trailer":              {order, "cut after row 1"},
		"trailer counts too many": {order + `{"page":{"rows":2}}`, "the trailer counts other rows than the 1"},
		"trailer counts nothing":  {order + `{"page":{}}`, "the trailer counts"},
		"rows after the trailer":  {order + end + "\n" + order, "a line after the trailer"},
		"more than asked for":     {order + order + order + `{"page":{"rows":3}}`, "more than the 2 rows"},
		"endless cursor":          {order + `{"page":{"rows":1,"next":"` + strings.Repeat("x", 513) + `"}}`, "cursor"},
		"negative amount":         {strings.Replace(order, "310", "-310", 1) + end, "row 1: a negative amount"},
		"no amount":               {`{"order_id":"o1","status":"paid","created_at":"2026-01-02T03:04:05Z"}` + "\n" + end, "row 1: no amount_fen"},
		"no id":                   {strings.Replace(order, "o1", "", 1) + end, "row 1: no order_id"},
		"unknown status":          {strings.Replace(order, "paid", "secret-status", 1) + end, "row 1: unknown status"},
		"no time":                 {strings.Replace(order, "2026-01-02T03:04:05+08:00", "0001-01-01T00:00:00Z", 1) + end, "row 1: no created_at"},
		"not a time":              {strings.Replace(order, "2026-01-02", "yesterday", 1) + end, "line 1"},
		"amount with a fraction":  {strings.Replace(order, "310", "3.1", 1) + end, "line 1"},
		"second row bad":          {order + strings.Replace(order, "310", "-1", 1) + end, "row 2"},
		"not JSON":                {"<html>", "line 1"},
	} {
		_, err := marketplace.ParsePage(strings.NewReader(c.body), 2)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "secret-status", name)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(order + `{"page":{"next":"c2","rows":1}}`))
	f.Add([]byte(order))
	f.Add([]byte(`{"page":{"rows":0}}`))
	f.Add([]byte("{}\n\n{\"page\":null}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := marketplace.ParsePage(bytes.NewReader(body), 100)
		if err != nil {
			require.Zero(t, page)
			return
		}
		require.LessOrEqual(t, len(page.Rows), 100)
		for _, row := range page.Rows {
			require.NotEmpty(t, row.ID)
			require.False(t, row.CreatedAt.IsZero())
			require.False(t, row.Amount < 0 || row.Freight < 0 || row.Refund < 0)
		}
		// A page that is whole is not whole without its end.
		body = bytes.TrimRight(body, " \t\r\n")
		_, err = marketplace.ParsePage(bytes.NewReader(body[:len(body)-1]), 100)
		require.Error(t, err)
	})
}

// Every line the sandbox sends is what the contract says.
func TestSandboxKeepsTheContract(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile("../contract/marketplace.yaml")
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	feed, _, book := start(t, func(s *marketplace.Settings) { s.Transport = &recorder{t: t, document: document} })
	rows := 0
	_, err = feed.Fetch(t.Context(), queryOf(book, 1), func(*evidence.Order) error { rows++; return nil })
	require.NoError(t, err)
	require.NotZero(t, rows)
}

// recorder checks requests and lines against the contract's schemas.
type recorder struct {
	t        *testing.T
	document *openapi3.T
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := request.GetBody()
	require.NoError(r.t, err)
	var asked any
	require.NoError(r.t, json.NewDecoder(body).Decode(&asked))
	require.NoError(r.t, r.document.Components.Schemas["Search"].Value.VisitJSON(asked))
	for _, name := range []string{httpx.HeaderKeyID, httpx.HeaderTimestamp, httpx.HeaderSignature} {
		require.NotEmpty(r.t, request.Header.Get(name))
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(r.t, err)
	var copied bytes.Buffer
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		var line map[string]any
		require.NoError(r.t, json.Unmarshal(lines.Bytes(), &line))
		schema := r.document.Components.Schemas["Order"]
		if _, ok := line["page"]; ok {
			schema = r.document.Components.Schemas["Trailer"]
		}
		require.NoError(r.t, schema.Value.VisitJSON(line))
		copied.Write(append(lines.Bytes(), '\n'))
	}
	require.NoError(r.t, response.Body.Close())
	response.Body = readCloser{&copied}
	return response, nil
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

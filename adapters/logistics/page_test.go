package logistics_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"loan310/adapters/logistics"
	"loan310/scoring/evidence"
)

const parcel = `{"waybill_no":"YT1","disposition":"retail_sold","carrier":"yuantong","freight_fen":310,"scans":7,"events":[` +
	`{"eventTime":"2026-01-01T08:00:00+08:00","bizStep":"commissioning"},` +
	`{"eventTime":"2026-01-01T12:00:00+08:00","bizStep":"accepting"},` +
	`{"eventTime":"2026-01-02T12:00:00+08:00","bizStep":"transporting"},` +
	`{"eventTime":"2026-01-03T12:00:00+08:00","bizStep":"receiving"}]}` + "\n"

func TestContractIsValid(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile("../contract/logistics.yaml")
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
}

func TestParsePageReadsParcelsAndTrailer(t *testing.T) {
	t.Parallel()
	page, err := logistics.ParsePage(strings.NewReader(parcel+`{"waybill_no":"YT2","disposition":"active"}`+"\n"+`{"page":{"rows":2}}`), 10)
	require.NoError(t, err)
	require.Equal(t, []evidence.Waybill{
		{
			No: "YT1", Carrier: "yuantong", Status: evidence.WaybillSigned, Freight: 310, Scans: 7,
			CreatedAt:  time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			PickedUpAt: time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC),
			SignedAt:   time.Date(2026, 1, 3, 4, 0, 0, 0, time.UTC),
		},
		{No: "YT2", Status: evidence.WaybillCreated, Scans: -1}, // scans not said is not none
	}, page.Rows)
}

func TestParsePageRefusesWhatBreaksTheContract(t *testing.T) {
	t.Parallel()
	const end = `{"page":{"rows":1}}`
	for name, c := range map[string]struct{ body, says string }{
		"no trailer":          {parcel, "cut after row 1"},
		"trailer counts else": {parcel + `{"page":{"rows":0}}`, "the trailer counts other rows"},
		"more than asked for": {parcel + parcel + parcel + end, "more than the 2 rows"},
		"no number":           {strings.Replace(parcel, "YT1", "", 1) + end, "row 1: no waybill_no"},
		"negative freight":    {strings.Replace(parcel, "310", "-310", 1) + end, "row 1: a negative amount"},
		"negative scans":      {strings.Replace(parcel, `"scans":7`, `"scans":-1`, 1) + end, "row 1: a negative count"},
		"unknown disposition": {strings.Replace(parcel, "retail_sold", "secret", 1) + end, "row 1: unknown disposition"},
		"unknown step":        {strings.Replace(parcel, "accepting", "secret", 1) + end, "row 1: an event of unknown bizStep"},
		"event without time":  {strings.Replace(parcel, `"eventTime":"2026-01-01T08:00:00+08:00",`, "", 1) + end, "row 1: an event without eventTime"},
	} {
		_, err := logistics.ParsePage(strings.NewReader(c.body), 2)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "secret", name)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(parcel + `{"page":{"next":"c2","rows":1}}`))
	f.Add([]byte(`{"page":{"rows":0}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := logistics.ParsePage(bytes.NewReader(body), 100)
		if err != nil {
			require.Zero(t, page)
			return
		}
		for _, row := range page.Rows {
			require.NotEmpty(t, row.No)
			require.NotEmpty(t, row.Status)
			require.False(t, row.Freight < 0 || row.Scans < -1)
		}
	})
}

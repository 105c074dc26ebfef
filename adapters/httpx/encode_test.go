package httpx_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/httpx"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// TestRowEncoderWritesWhatEncodingJSONDoes, byte for byte: what is stored is
// hashed, and must not depend on the machine.
func TestRowEncoderWritesWhatEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	encode := httpx.RowEncoder()
	rapid.Check(t, func(t *rapid.T) {
		balance := money.Amount(rapid.Int64().Draw(t, "balance"))
		moment := time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "moment")).UTC()
		text := rapid.String().Draw(t, "text")
		for _, row := range []any{
			&evidence.Order{ID: text, CreatedAt: moment, Amount: balance, Category: "<&>\u2028"},
			&evidence.Waybill{No: text, SignedAt: moment, Status: evidence.WaybillSigned},
			&evidence.Transaction{ID: text, BookedAt: moment, Balance: &balance, Description: text},
			&evidence.UtilityBill{PeriodStart: moment}, &evidence.BureauReport{PulledAt: moment}, &evidence.RegistryRecord{Name: text},
		} {
			var want, got bytes.Buffer
			require.NoError(t, json.NewEncoder(&want).Encode(row))
			require.NoError(t, encode(&got, row))
			require.Equal(t, want.String(), got.String())
		}
	})
}

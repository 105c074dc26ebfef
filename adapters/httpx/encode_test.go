package httpx_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/httpx"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// shortEscapes makes the two spellings one; text that holds them itself has its
// backslash doubled, and both sides alike.
var shortEscapes = strings.NewReplacer(`\\`, `\\`, `\b`, `\u0008`, `\f`, `\u000c`, "\u2028", `\u2028`, "\u2029", `\u2029`)

// TestRowEncoderWritesWhatEncodingJSONDoes, byte for byte but for the escapes
// of two control characters and two line separators, which mean the same.
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
			plain := json.NewEncoder(&want)
			plain.SetEscapeHTML(false)
			require.NoError(t, plain.Encode(row))
			require.NoError(t, encode(&got, row))
			require.Equal(t, shortEscapes.Replace(want.String()), shortEscapes.Replace(got.String()))
			read := reflect.New(reflect.TypeOf(row).Elem()).Interface()
			require.NoError(t, json.Unmarshal(got.Bytes(), read))
			require.Equal(t, row, read)
		}
	})
}

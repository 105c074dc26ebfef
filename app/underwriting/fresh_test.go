package underwriting_test

import (
	"bytes"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/httpx"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// moments are what sources give: any zone, any precision, often none.
func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		zone := time.FixedZone("", 900*rapid.IntRange(-48, 56).Draw(t, "quarters"))
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)
	})
}

func texts() *rapid.Generator[string] { return rapid.String() }

// readBack is what the store gives of a row.
func readBack[T any](t *rapid.T, row T) T {
	var line bytes.Buffer
	require.NoError(t, httpx.RowEncoder()(&line, &row))
	var read T
	require.NoError(t, httpx.RowDecoder()(bytes.TrimSuffix(line.Bytes(), []byte("\n")), &read))
	return read
}

// sameStored holds a row that is kept against the same row read back.
func sameStored[T any](t *rapid.T, row T) {
	require.True(t, underwriting.Settled(&row))
	require.Equal(t, readBack(t, row), row)
}

// TestFreshRowsAreTheStored: deciding on kept rows and on stored ones is the
// same, because the rows are, to the last bit.
func TestFreshRowsAreTheStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at, text := moments(), texts()
		number, fen := rapid.Int32(), rapid.Custom(func(t *rapid.T) money.Amount { return money.Amount(rapid.Int64().Draw(t, "fen")) })
		sameStored(t, evidence.Order{
			ID: text.Draw(t, "id"), Status: evidence.OrderStatus(text.Draw(t, "status")), CreatedAt: at.Draw(t, "created"), PaidAt: at.Draw(t, "paid"),
			ShippedAt: at.Draw(t, "shipped"), DeliveredAt: at.Draw(t, "delivered"), Amount: fen.Draw(t, "amount"), Freight: fen.Draw(t, "freight"),
			Refund: fen.Draw(t, "refund"), RefundedAt: at.Draw(t, "refunded"), Items: number.Draw(t, "items"), WeightGrams: number.Draw(t, "weight"),
			Category: text.Draw(t, "category"), BuyerID: text.Draw(t, "buyer"), BuyerSince: at.Draw(t, "since"), DeviceID: text.Draw(t, "device"),
			IP: text.Draw(t, "ip"), PayerID: text.Draw(t, "payer"), ShipTo: text.Draw(t, "to"), WaybillNo: text.Draw(t, "waybill"), ReviewScore: number.Draw(t, "score"),
		})
		sameStored(t, evidence.Waybill{
			No: text.Draw(t, "no"), OrderID: text.Draw(t, "order"), Carrier: text.Draw(t, "carrier"), Status: evidence.WaybillStatus(text.Draw(t, "state")),
			CreatedAt: at.Draw(t, "made"), PickedUpAt: at.Draw(t, "picked"), SignedAt: at.Draw(t, "signed"), Origin: text.Draw(t, "origin"),
			Destination: text.Draw(t, "destination"), DistanceKM: number.Draw(t, "km"), WeightGrams: number.Draw(t, "g"), Freight: fen.Draw(t, "cost"), Scans: number.Draw(t, "scans"),
		})
		row := evidence.Transaction{
			ID: text.Draw(t, "tx"), AccountID: text.Draw(t, "account"), BookedAt: at.Draw(t, "booked"), Amount: fen.Draw(t, "moved"),
			Kind: evidence.TxKind(text.Draw(t, "kind")), CounterpartyID: text.Draw(t, "other"), Description: text.Draw(t, "description"),
		}
		if rapid.Bool().Draw(t, "balance said") {
			balance := fen.Draw(t, "balance")
			row.Balance = &balance
		}
		sameStored(t, row)
		sameStored(t, evidence.UtilityBill{
			ID: text.Draw(t, "bill"), MeterID: text.Draw(t, "meter"), Kind: evidence.UtilityKind(text.Draw(t, "what")), PeriodStart: at.Draw(t, "from"),
			PeriodEnd: at.Draw(t, "until"), Quantity: rapid.Int64().Draw(t, "quantity"), Amount: fen.Draw(t, "charged"), DueAt: at.Draw(t, "due"), PaidAt: at.Draw(t, "settled"),
		})
	})
}

// TestEveryFieldOfARowIsCompared: a field added to a row must be added above
// and, where it is a moment or shared, to what settles it.
func TestEveryFieldOfARowIsCompared(t *testing.T) {
	t.Parallel()
	require.Equal(t, []int{21, 13, 8, 9}, []int{
		fields[evidence.Order](), fields[evidence.Waybill](), fields[evidence.Transaction](), fields[evidence.UtilityBill](),
	})
}

func fields[T any]() int { return reflect.TypeFor[T]().NumField() }

// TestFreshRowsAreBounded: whoever never decides cannot fill the memory.
func TestFreshRowsAreBounded(t *testing.T) {
	t.Parallel()
	kept := underwriting.NewFresh()
	const each = underwriting.FreshTotal / 8
	for i := range 100 {
		kept.Keep(strconv.Itoa(i), make([]evidence.Order, each), each)
		rows, references := kept.Held()
		require.LessOrEqual(t, rows, underwriting.FreshTotal)
		require.LessOrEqual(t, references, 8)
	}
	_, ok := underwriting.FreshOf[evidence.Order](kept, "0")
	require.False(t, ok)
	rows, ok := underwriting.FreshOf[evidence.Order](kept, "99")
	require.True(t, ok)
	require.Len(t, rows, each)
}

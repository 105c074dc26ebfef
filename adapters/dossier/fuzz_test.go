package dossier_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

// FuzzReadOrders feeds any text to the row reader: it never panics, accounts
// for every row, and what it accepts reads the same once written.
func FuzzReadOrders(f *testing.F) {
	f.Add(smallBook()["orders"])
	f.Add("merchant_id,order_id,status,created_at,amount_fen\nM1,\"O\n1\",paid,2026-10-01T08:00:00.5+08:00,1\n")
	f.Add("\ufeffmerchant_id,order_id\r\nM1,\"")
	f.Add("merchant_id,order_id,status,created_at,amount_fen,category\nM1,O1,paid,2026-10-01T08:00:00Z,1,\"a\"\"b\"\n\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		counts, broken, orders := dossier.ReadOrders(text)
		require.Equal(t, counts.Rows, counts.Imported+counts.Rejected)
		require.Len(t, orders, int(counts.Imported))
		require.Equal(t, counts.Rejected+counts.Faults > 0, len(broken) > 0)
		if len(orders) == 0 {
			return
		}
		again, broken, reread := dossier.ReadOrders(dossier.OrdersText(orders))
		require.Empty(t, broken)
		require.Equal(t, orders, reread)
		require.Zero(t, again.Rejected)
	})
}

package dossier_test

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

func walked[T any](t *testing.T, rows iter.Seq2[*T, error]) []T {
	t.Helper()
	var all []T
	for row, err := range rows {
		require.NoError(t, err)
		all = append(all, *row)
	}
	return all
}

// TestHeldRowsAreTheBooks: held, not held, and released again, a merchant's
// rows are the same, and who changes a row it was handed changes nothing.
func TestHeldRowsAreTheBooks(t *testing.T) {
	t.Parallel()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 3, Seed: 7})
	held := dossier.NewHeld(book)
	merchants := book.Merchants()
	require.NoError(t, held.Hold(merchants[0].ID))
	for range 2 {
		for _, m := range merchants {
			require.Equal(t, walked(t, book.Orders(m.ID)), walked(t, held.Orders(m.ID)))
			require.Equal(t, walked(t, book.Waybills(m.ID)), walked(t, held.Waybills(m.ID)))
			require.Equal(t, walked(t, book.Transactions(m.ID)), walked(t, held.Transactions(m.ID)))
			require.Equal(t, walked(t, book.Bills(m.ID)), walked(t, held.Bills(m.ID)))
		}
		for row, err := range held.Orders(merchants[0].ID) {
			require.NoError(t, err)
			row.ID = "changed"
		}
		require.Equal(t, walked(t, book.Orders(merchants[0].ID)), walked(t, held.Orders(merchants[0].ID)))
		held.Release()
	}
}

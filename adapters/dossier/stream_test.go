package dossier_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

// TestStreamSameRows holds a dossier read on the way against the same one in
// memory, row by row.
func TestStreamSameRows(t *testing.T) {
	t.Parallel()
	dir := written(t, 12)
	whole, err := dossier.Open(dir)
	require.NoError(t, err)
	stream, err := dossier.OpenStream(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, whole.Merchants(), stream.Merchants())
	require.Equal(t, whole.Applications(), stream.Applications())
	require.Equal(t, whole.Outcomes(), stream.Outcomes())
	seen := 0
	require.NoError(t, stream.Each(t.Context(), func(index int, piles *dossier.Piles) error {
		seen++
		merchant := stream.Merchants()[index]
		rows, err := piles.Read()
		require.NoError(t, err)
		require.Equal(t, all(t, whole.Orders(merchant.ID)), rows.Orders)
		require.Equal(t, all(t, whole.Waybills(merchant.ID)), rows.Waybills)
		require.Equal(t, all(t, whole.Transactions(merchant.ID)), rows.Transactions)
		require.Equal(t, all(t, whole.Bills(merchant.ID)), rows.Bills)
		report, there := whole.Bureau(merchant.ID)
		same, alike := stream.Bureau(merchant.ID)
		require.Equal(t, there, alike)
		require.Equal(t, report, same)
		return nil
	}))
	require.Equal(t, 12, seen)
}

// TestStreamRefuses: a broken row is named with its place, wherever it stands.
func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		change     func(lines []string) []string
		want       string
	}{
		{"a value that is none", "orders.csv", func(l []string) []string { l[3] = strings.Replace(l[3], ",completed,", ",perhaps,", 1); return l }, "orders.csv:4: status"},
		{"a field too few", "waybills.csv", func(l []string) []string { l[2] = l[2][:strings.LastIndex(l[2], ",")]; return l }, "waybills.csv:3: row: has"},
		{"an unknown merchant", "utility_bills.csv", func(l []string) []string { return append(l, strings.Replace(l[1], "M000001", "M999999", 1)) }, `no merchant "M999999"`},
		{"a row given twice", "transactions.csv", func(l []string) []string { l[2] = l[1]; return l }, "transactions.csv:3: transaction_id"},
		{"a column missing", "orders.csv", func(l []string) []string { l[0] = strings.Replace(l[0], "amount_fen", "amount", 1); return l }, "orders.csv:1: header"},
		{"an empty file", "orders.csv", func([]string) []string { return nil }, "orders.csv:0: file: is empty"},
		{"a merchant's rows apart", "orders.csv", func(l []string) []string { return append(l, strings.Replace(l[1], "O0", "X0", 1)) }, "do not stand together"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := written(t, 3)
			path := filepath.Join(dir, test.file)
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			lines := test.change(strings.Split(strings.TrimSpace(string(body)), "\n"))
			require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
			stream, err := dossier.OpenStream(t.Context(), dir)
			require.NoError(t, err)
			err = stream.Each(t.Context(), func(_ int, piles *dossier.Piles) error {
				_, err := piles.Read()
				return err
			})
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestStreamStops: an error of the reader's and the end of its context stop
// everything.
func TestStreamStops(t *testing.T) {
	t.Parallel()
	stream, err := dossier.OpenStream(t.Context(), written(t, 4))
	require.NoError(t, err)
	enough := errors.New("enough")
	require.ErrorIs(t, stream.Each(t.Context(), func(int, *dossier.Piles) error { return enough }), enough)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, stream.Each(ctx, func(int, *dossier.Piles) error { return nil }), context.Canceled)
}

// TestFingerprint changes with any byte and with nothing else.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	a, b := written(t, 3), written(t, 3)
	first, err := dossier.Fingerprint(t.Context(), a)
	require.NoError(t, err)
	second, err := dossier.Fingerprint(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, first, second)
	path := filepath.Join(b, "orders.csv")
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(body, '\n'), 0o600))
	second, err = dossier.Fingerprint(t.Context(), b)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}

func written(t *testing.T, merchants int) string {
	t.Helper()
	dir := t.TempDir()
	_, err := dossier.Write(dir, dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: 5, OrdersScale: 0.1}), false)
	require.NoError(t, err)
	return dir
}

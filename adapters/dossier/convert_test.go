package dossier_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/scoring/evidence"
)

// requireAccounted checks that every source row is converted or skipped for a
// reason.
func requireAccounted(t *testing.T, counts dossier.Counts) map[string]dossier.SourceCount {
	t.Helper()
	files := map[string]dossier.SourceCount{}
	for _, source := range counts.Sources {
		sum := source.Converted
		for reason, rows := range source.Skipped {
			require.NotEmpty(t, reason)
			sum += rows
		}
		require.Equal(t, source.In, sum, source.File)
		files[source.File] = source
	}
	return files
}

func TestOlistBecomesADossierOf104Sellers(t *testing.T) {
	t.Parallel()
	in, out := realData(t, "olist"), t.TempDir()
	counts, err := dossier.ConvertOlist(in, out)
	require.NoError(t, err)
	files := requireAccounted(t, counts)
	require.EqualValues(t, 5000, files["orders.csv.gz"].In)
	require.EqualValues(t, 104, counts.Files["merchants"])
	require.EqualValues(t, 104, counts.Facts["sellers_converted"])
	require.EqualValues(t, 2357, counts.Files["orders"])

	// The natural mix of the whole source, as its README states it: 4,922 and
	// 74 of 5,000.
	orders := float64(counts.Facts["orders"])
	require.InDelta(t, 98.44, 100*float64(counts.Facts["orders_handed_over"])/orders, 0.1)
	require.InDelta(t, 1.5, 100*float64(counts.Facts["orders_handed_over_before_approval"])/orders, 0.1)

	lines, report := validate(t, out)
	require.Empty(t, lines)
	require.Zero(t, report.Bad())
	book, err := dossier.Open(out)
	require.NoError(t, err)
	requireOlistBook(t, book)
}

// requireOlistBook checks what must hold for each converted seller, and the
// mix among them: 2,349 of 2,357 handed over, 33 before approval.
func requireOlistBook(t *testing.T, book *dossier.Dossier) {
	t.Helper()
	total, handed, early := 0, 0, 0
	for i, merchant := range book.Merchants() {
		require.Contains(t, merchant.SyntheticFields, "licence_number")
		require.Contains(t, merchant.SyntheticFields, "registry")
		orders := all(t, book.Orders(merchant.ID))
		require.GreaterOrEqual(t, len(orders), 10)
		waybills := map[string]bool{}
		for _, waybill := range all(t, book.Waybills(merchant.ID)) {
			require.False(t, waybill.PickedUpAt.IsZero())
			waybills[waybill.No] = true
		}
		application := book.Applications()[i]
		require.Equal(t, merchant.ID, application.MerchantID)
		for _, order := range orders {
			total++
			require.Positive(t, order.Amount)
			require.False(t, order.DeliveredAt.After(application.AppliedAt))
			require.Equal(t, order.ShippedAt.IsZero(), !waybills[order.WaybillNo])
			if !order.ShippedAt.IsZero() {
				handed++
				if order.ShippedAt.Before(order.PaidAt) {
					early++
				}
			}
		}
		record, ok := book.Registry(merchant.LicenceNumber)
		require.True(t, ok)
		require.Equal(t, evidence.RegistryActive, record.Status)
		require.True(t, record.EstablishedAt.Before(orders[0].CreatedAt))
		require.Empty(t, all(t, book.Transactions(merchant.ID)))
		require.Empty(t, all(t, book.Bills(merchant.ID)))
		_, ok = book.Bureau(merchant.ID)
		require.False(t, ok)
	}
	require.Equal(t, [3]int{2357, 2349, 33}, [3]int{total, handed, early})
}

func TestBerkaBecomesADossierOf682Loans(t *testing.T) {
	t.Parallel()
	in, out := realData(t, "berka"), t.TempDir()
	counts, err := dossier.ConvertBerka(in, out)
	require.NoError(t, err)
	files := requireAccounted(t, counts)
	require.EqualValues(t, 682, counts.Files["applications"])
	require.EqualValues(t, 328, counts.Files["outcomes"])
	require.EqualValues(t, 48038, files["trans_raw_1993-01_to_1994-03.csv.gz"].In)
	require.EqualValues(t, 6799, files["trans_raw_1993-01_to_1994-03.csv.gz"].Converted)
	require.EqualValues(t, 903, files["trans_format_sample_unlabelled_10_accounts.csv.gz"].Converted)

	lines, report := validate(t, out)
	require.Empty(t, lines)
	require.Zero(t, report.Bad())
	book, err := dossier.Open(out)
	require.NoError(t, err)
	bad := 0
	for _, outcome := range book.Outcomes() {
		if outcome.Bad {
			bad++
		}
	}
	require.Equal(t, 46, bad)
	kinds := map[evidence.TxKind]int{}
	for _, merchant := range book.Merchants() {
		require.Contains(t, merchant.SyntheticFields, "identity_number")
		for _, row := range all(t, book.Transactions(merchant.ID)) {
			kinds[row.Kind]++
			require.NotNil(t, row.Balance)
			if row.Kind == evidence.TxUtility || row.Kind == evidence.TxPenalty || row.Kind == evidence.TxInsurance {
				require.Negative(t, row.Amount)
			}
		}
	}
	for _, kind := range []evidence.TxKind{evidence.TxUtility, evidence.TxInterest, evidence.TxPenalty, evidence.TxInsurance, evidence.TxFee, evidence.TxCash, evidence.TxTransfer} {
		require.Positive(t, kinds[kind], kind)
	}
}

func TestConvertingAnEmptyDirectoryNamesTheMissingFile(t *testing.T) {
	t.Parallel()
	_, err := dossier.ConvertOlist(t.TempDir(), t.TempDir())
	require.ErrorContains(t, err, "order_items.csv.gz")
	_, err = dossier.ConvertBerka(t.TempDir(), t.TempDir())
	require.ErrorContains(t, err, "loan_1993_1996_labelled.csv.gz")
}

package dossier_test

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

// smallBook is a valid dossier as text, one file each; tests break one value.
func smallBook() map[string]string {
	return map[string]string{
		"merchants":     "merchant_id,name,licence_number,identity_number,payout_account,phone,shop_opened_at\nM1,杭州云舒服饰店,91350100M000100Y43,11010519491231002X,6123451234567893,+8613812345678,2024-05-01\n",
		"applications":  "application_id,merchant_id,applied_at,amount_fen,tenor_months,purpose\nA1,M1,2026-11-01T08:00:00Z,1000000,6,备货\n",
		"orders":        "merchant_id,order_id,status,created_at,paid_at,shipped_at,delivered_at,amount_fen,freight_fen,refund_fen,refunded_at,review_score,items,waybill_no\nM1,O1,delivered,2026-10-01T08:00:00Z,2026-10-01T08:01:00Z,2026-10-01T20:00:00Z,2026-10-03T10:00:00Z,12000,800,0,,5,1,W1\n",
		"waybills":      "merchant_id,waybill_no,order_id,status,created_at,picked_up_at,signed_at,scans\nM1,W1,O1,signed,2026-10-01T20:00:00Z,2026-10-01T22:00:00Z,2026-10-03T10:00:00Z,7\n",
		"transactions":  "merchant_id,transaction_id,account_id,booked_at,amount_fen,balance_fen,kind\nM1,T1,a1,2026-10-06T01:00:00Z,12000,-500,sales\n",
		"utility_bills": "merchant_id,bill_id,meter_id,kind,period_start,period_end,quantity,amount_fen,due_at,paid_at\nM1,U1,E1,electricity,2026-09-01,2026-10-01,250000,18750,2026-10-20,2026-10-11\n",
		"bureau":        "merchant_id,report_id,pulled_at,found,open_loans,outstanding_fen,monthly_debt_fen,max_dpd_24m,current_dpd,written_off,inquiries_90d,oldest_opened_at,court_records\nM1,R1,2026-11-01T08:00:00Z,true,1,500000,50000,3,0,0,1,2024-12-01,0\n",
		"registry":      "licence_number,name,status,established_at,expires_at,region\n91350100M000100Y43,杭州云舒服饰店,active,2024-04-01,2054-04-01,330100\n",
		"outcomes":      "application_id,bad,observed_at\nA1,false,2027-05-01T08:00:00Z\n",
	}
}

// lay writes files into a fresh directory.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".csv"), []byte(text), 0o600))
	}
	return dir
}

// validate gives the listing's lines and the report.
func validate(t *testing.T, dir string) ([]string, dossier.Report) {
	t.Helper()
	var listing bytes.Buffer
	report, err := dossier.Validate(t.Context(), dir, &listing)
	require.NoError(t, err)
	for _, file := range report.Files {
		require.Equal(t, file.Rows, file.Imported+file.Rejected, file.File)
	}
	if listing.Len() == 0 {
		return nil, report
	}
	return strings.Split(strings.TrimSuffix(listing.String(), "\n"), "\n"), report
}

// all gathers copies of a sequence's rows.
func all[T any](t *testing.T, rows iter.Seq2[*T, error]) []T {
	t.Helper()
	var out []T
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, *row)
	}
	return out
}

// realData gives a folder of the public data, or skips when it is not there.
func realData(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("LOAN310_DATA")
	if root == "" {
		dir, err := os.Getwd()
		require.NoError(t, err)
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	path := filepath.Join(root, folder)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		t.Skipf("directory %s does not exist: set LOAN310_DATA to the public data to run this", path)
	}
	return path
}

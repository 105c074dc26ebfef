package dossier_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/fault"
)

func TestTheSmallBookIsGood(t *testing.T) {
	t.Parallel()
	lines, report := validate(t, lay(t, smallBook()))
	require.Empty(t, lines)
	require.Zero(t, report.Bad())
	require.EqualValues(t, 9, report.Rows())
}

// TestEachRuleNamesFileLineAndColumn breaks one value of the small book.
func TestEachRuleNamesFileLineAndColumn(t *testing.T) {
	t.Parallel()
	double := func(text string) string { return text[strings.Index(text, "\n")+1:] }
	book := smallBook()
	for _, c := range []struct {
		rule, file, old, new string
		want                 string
	}{
		{"licence checksum", "merchants", "91350100M000100Y43", "91350100M000100Y4Z", "merchants.csv:2: licence_number: Character 18 ('Z') cannot stand in a unified social credit code; I, O, S, V and Z are never used."},
		{"identity checksum", "merchants", "11010519491231002X", "110105194912310021", "merchants.csv:2: identity_number: The last character does not fit: one of the 18 was mistyped."},
		{"identity adult when applying", "applications", "2026-11-01T08", "1960-11-01T08", "applications.csv:2: applied_at: the legal representative was younger than 18"},
		{"card checksum", "merchants", "6123451234567893", "6123451234567894", "merchants.csv:2: payout_account: The card number does not fit its check digit: one digit was mistyped."},
		{"phone", "merchants", "+8613812345678", "12345", "merchants.csv:2: phone: This is not a mobile number. For China: 11 digits starting with 1."},
		{"required value", "merchants", "杭州云舒服饰店", "", "merchants.csv:2: name: is required and empty"},
		{"blanks", "merchants", "杭州云舒服饰店", " 杭州", "merchants.csv:2: name: has blanks around the value"},
		{"control character", "merchants", "杭州云舒服饰店", "杭\x1b州", "merchants.csv:2: name: contains a control character"},
		{"day", "merchants", "2024-05-01", "01.05.2024", "merchants.csv:2: shop_opened_at: is not a day such as 2026-11-01"},
		{"duplicate merchant", "merchants", "", double(book["merchants"]), `merchants.csv:3: merchant_id: "M1" was given before`},
		{"unknown column", "merchants", "phone", "fax", `merchants.csv:1: header: unknown column "fax"`},
		{"duplicate column", "orders", "paid_at", "created_at", `orders.csv:1: header: column "created_at" stands twice`},
		{"missing column", "orders", ",status", ",items", `orders.csv:1: header: required column "status" is missing`},
		{"too few fields", "orders", "M1,O1", "M1O1", "orders.csv:2: row: has 13 fields, the header has 14"},
		{"time", "orders", "2026-10-01T08:01:00Z", "2026-10-01 08:01", "orders.csv:2: paid_at: is not a time such as 2026-11-01T08:30:00Z"},
		{"year", "orders", "2026-10-01T08:01:00Z", "0026-10-01T08:01:00Z", "orders.csv:2: paid_at: is outside the years 1900 to 2200"},
		{"status", "orders", ",delivered,", ",arrived,", "orders.csv:2: status: is none of created, paid, shipped, delivered, completed, cancelled, refunded"},
		{"negative amount", "orders", ",12000,", ",-12000,", "orders.csv:2: amount_fen: must not be negative"},
		{"amount in yuan", "orders", ",12000,", ",120.00,", "orders.csv:2: amount_fen: is not a whole number"},
		{"amount overflow", "orders", ",12000,", ",99999999999999999999,", "orders.csv:2: amount_fen: is not a whole number"},
		{"amount absurd", "orders", ",12000,", ",999999999999999,", "orders.csv:2: amount_fen: must be at most 100000000000000"},
		{"paid before created", "orders", "2026-10-01T08:01:00Z", "2026-10-01T07:59:59Z", "orders.csv:2: paid_at: lies before created_at"},
		{"delivered before created", "orders", "2026-10-03T10:00:00Z", "2026-09-03T10:00:00Z", "orders.csv:2: delivered_at: lies before created_at"},
		{"freight over amount", "orders", ",800,", ",12001,", "orders.csv:2: freight_fen: is more than amount_fen"},
		{"refund over amount", "orders", ",800,0,", ",800,12001,", "orders.csv:2: refund_fen: is more than amount_fen"},
		{"refund before payment", "orders", ",800,0,,", ",800,1,2026-10-01T08:00:30Z,", "orders.csv:2: refunded_at: lies before paid_at"},
		{"review", "orders", ",5,1,W1", ",6,1,W1", "orders.csv:2: review_score: must be 1 to 5"},
		{"no items", "orders", ",5,1,W1", ",5,0,W1", "orders.csv:2: items: must be at least 1"},
		{"unknown merchant", "orders", "M1,O1", "M2,O1", `orders.csv:2: merchant_id: no merchant "M2" in the merchants file`},
		{"duplicate order", "orders", "", double(book["orders"]), `orders.csv:3: order_id: "O1" was given before`},
		{"signed before picked up", "waybills", "2026-10-03T10:00:00Z", "2026-10-01T21:00:00Z", "waybills.csv:2: signed_at: lies before picked_up_at"},
		{"picked up before created", "waybills", "2026-10-01T22:00:00Z", "2026-10-01T19:00:00Z", "waybills.csv:2: picked_up_at: lies before created_at"},
		{"duplicate waybill", "waybills", "", double(book["waybills"]), `waybills.csv:3: waybill_no: "W1" was given before`},
		{"negative scans", "waybills", ",7\n", ",-1\n", "waybills.csv:2: scans: must not be negative"},
		{"kind of transaction", "transactions", "sales", "sale", "transactions.csv:2: kind: is none of sales, supplier, utility, rent, salary, loan_in, loan_repayment, transfer, cash, interest, penalty_interest, fee, insurance, tax, refund, other"},
		{"no amount", "transactions", ",12000,", ",,", "transactions.csv:2: amount_fen: is required and empty"},
		{"plus sign", "transactions", ",12000,", ",+12000,", "transactions.csv:2: amount_fen: is not a whole number"},
		{"duplicate transaction", "transactions", "", double(book["transactions"]), `transactions.csv:3: transaction_id: "T1" was given before`},
		{"empty period", "utility_bills", "2026-10-01,250000", "2026-09-01,250000", "utility_bills.csv:2: period_end: is not after period_start"},
		{"paid before the period", "utility_bills", "2026-10-11", "2026-08-11", "utility_bills.csv:2: paid_at: lies before period_start"},
		{"duplicate bill", "utility_bills", "", double(book["utility_bills"]), `utility_bills.csv:3: bill_id: "U1" was given before`},
		{"boolean", "bureau", ",true,", ",yes,", "bureau.csv:2: found: is neither true nor false"},
		{"thin file with numbers", "bureau", ",true,", ",false,", "bureau.csv:2: found: is false although a number is given"},
		{"current arrears over the worst", "bureau", ",3,0,", ",3,4,", "bureau.csv:2: current_dpd: is more than max_dpd_24m"},
		{"second report", "bureau", "", double(book["bureau"]), `bureau.csv:3: merchant_id: "M1" was given before`},
		{"licence of nobody", "registry", "91350100M000100Y43", "91330100799655058B", "registry.csv:2: licence_number: no merchant has this licence"},
		{"licence ends before it begins", "registry", "2054-04-01", "2014-04-01", "registry.csv:2: expires_at: lies before established_at"},
		{"region", "registry", "330100", "33010", "registry.csv:2: region: is not a six-digit division code"},
		{"nothing asked for", "applications", ",1000000,", ",0,", "applications.csv:2: amount_fen: must be above zero"},
		{"tenor", "applications", ",6,", ",0,", "applications.csv:2: tenor_months: must be at least 1"},
		{"endless tenor", "applications", ",6,", ",361,", "applications.csv:2: tenor_months: must be at most 360"},
		{"unknown application", "outcomes", "A1", "A2", `outcomes.csv:2: application_id: no application "A2" in the applications file`},
		{"outcome before application", "outcomes", "2027-05-01", "2025-05-01", "outcomes.csv:2: observed_at: lies before the application"},
		{"second outcome", "outcomes", "", double(book["outcomes"]), `outcomes.csv:3: application_id: "A1" was given before`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			files := smallBook()
			broken := files[c.file] + c.new
			if c.old != "" {
				broken = strings.Replace(files[c.file], c.old, c.new, 1)
			}
			require.NotEqual(t, files[c.file], broken, "the case changes nothing")
			files[c.file] = broken
			dir := lay(t, files)

			lines, report := validate(t, dir)
			require.Contains(t, lines, c.want)
			require.Positive(t, report.Bad())

			_, err := dossier.Open(dir)
			require.ErrorContains(t, err, lines[0])
			var row *dossier.RowError
			require.ErrorAs(t, err, &row)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
		})
	}
}

func TestATextThatLooksLikeTroubleIsAccepted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) string{
		"CRLF":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"BOM":             func(s string) string { return "\ufeff" + s },
		"no last newline": func(s string) string { return strings.TrimSuffix(s, "\n") },
		"blank lines":     func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") },
		"all quoted":      quoteAll,
		"columns turned":  turnColumns,
		"shipped early":   func(s string) string { return strings.ReplaceAll(s, "2026-10-01T20:00:00Z", "2026-09-30T20:00:00Z") },
		"times with zones": func(s string) string {
			return strings.ReplaceAll(s, "2026-11-01T08:00:00Z", "2026-11-01T16:00:00+08:00")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := smallBook()
			for file, text := range files {
				files[file] = change(text)
			}
			lines, _ := validate(t, lay(t, files))
			require.Empty(t, lines)
		})
	}
}

func quoteAll(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = `"` + strings.ReplaceAll(line, ",", `","`) + `"`
	}
	return strings.Join(lines, "\n") + "\n"
}

func turnColumns(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		fields := strings.Split(line, ",")
		lines[i] = strings.Join(append(fields[1:], fields[0]), ",")
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestLineNumbersArePhysical has rows that span lines before the bad one.
func TestLineNumbersArePhysical(t *testing.T) {
	t.Parallel()
	head := "transaction_id,merchant_id,account_id,booked_at,amount_fen,kind,description\n"
	good := func(id, text string) string { return id + ",M1,a1,2026-10-06,1,other," + text + "\n" }
	for _, c := range []struct {
		rule, text string
		want       []string
		imported   int64
	}{
		{"after a field of three lines", good("T1", "\"a\nb\nc\"") + good("T2", "x") + good("T2", "y"), []string{`transactions.csv:6: transaction_id: "T2" was given before`}, 2},
		{"after blank lines", good("T1", "x") + "\n\n" + good("T1", "y"), []string{`transactions.csv:5: transaction_id: "T1" was given before`}, 1},
		{"a row of two lines starts where it starts", good("T1", "x") + strings.Replace(good("T2", "\"a\nb\""), ",1,", ",?,", 1) + good("T3", "z"), []string{"transactions.csv:3: amount_fen: is not a whole number"}, 2},
		{"a quote never closed costs one row", good("T1", "\"oops") + good("T2", "x") + good("T3", "y"), []string{"transactions.csv:2: row: a quoted field is never closed"}, 2},
		{"a quote in the middle", good("T1", "a\"b\"c") + good("T2", "x"), []string{"transactions.csv:2: row: quotes are misplaced: a quote inside a field is written twice"}, 1},
		{"NUL", good("T1", "a\x00b") + good("T2", "x"), []string{"transactions.csv:2: row: the row contains a NUL byte"}, 1},
		{"not UTF-8", good("T1", "a\xffb") + good("T2", "x"), []string{"transactions.csv:2: row: the row is not UTF-8"}, 1},
		{"too long a line", good("T1", strings.Repeat("x", dossier.MaxRecord*3)) + good("T2", "x"), []string{"transactions.csv:2: row: the line is longer than 65536 bytes"}, 1},
		{"too long a quoted field", good("T1", "\""+strings.Repeat("x\n", dossier.MaxRecord)) + good("T2", "x"), nil, 1},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			files := smallBook()
			files["transactions"] = head + c.text
			lines, report := validate(t, lay(t, files))
			if c.want == nil {
				require.Equal(t, "transactions.csv:2: row: a quoted field is not closed within 65536 bytes", lines[0])
			} else {
				require.Equal(t, c.want, lines)
			}
			require.Equal(t, c.imported, report.Files[4].Imported)
		})
	}
}

func TestFilesThatCannotBeReadAreFaultsOfTheFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		harm func(t *testing.T, dir string)
		want string
	}{
		{"missing", func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(dir, "bureau.csv")))
		}, "bureau.csv:0: file: neither bureau.csv nor bureau.csv.gz is there"},
		{"twice", func(t *testing.T, dir string) { t.Helper(); put(t, dir, "orders.csv.gz", "x") }, "orders.csv:0: file: stands there twice, as orders.csv and orders.csv.gz"},
		{"empty", func(t *testing.T, dir string) { t.Helper(); put(t, dir, "waybills.csv", "") }, "waybills.csv:0: file: is empty: the header is missing"},
		{"not gzip", func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Rename(filepath.Join(dir, "registry.csv"), filepath.Join(dir, "registry.csv.gz")))
		}, "registry.csv.gz:0: file: is not gzip"},
		{"gzip cut short", func(t *testing.T, dir string) {
			t.Helper()
			book, err := dossier.Open(dir)
			require.NoError(t, err)
			_, err = dossier.Write(dir, book, true)
			require.NoError(t, err)
			packed, err := os.ReadFile(filepath.Join(dir, "orders.csv.gz"))
			require.NoError(t, err)
			put(t, dir, "orders.csv.gz", string(packed[:len(packed)-9]))
		}, "orders.csv.gz:"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			dir := lay(t, smallBook())
			c.harm(t, dir)
			lines, report := validate(t, dir)
			require.True(t, strings.HasPrefix(lines[0], c.want), lines[0])
			require.Positive(t, report.Bad())
			_, err := dossier.Open(dir)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func TestTheOutcomesFileMayBeMissing(t *testing.T) {
	t.Parallel()
	files := smallBook()
	delete(files, "outcomes")
	lines, _ := validate(t, lay(t, files))
	require.Empty(t, lines)
}

func TestABadHeaderRejectsEveryRowOfTheFile(t *testing.T) {
	t.Parallel()
	files := smallBook()
	files["orders"] = strings.Replace(files["orders"], "status", "state", 1)
	lines, report := validate(t, lay(t, files))
	require.Len(t, lines, 2) // unknown column, missing column; not a line a row
	require.Equal(t, dossier.FileReport{File: "orders.csv", Rows: 1, Rejected: 1, Faults: 2}, report.Files[2])
}

func TestAnEndedContextEndsTheValidation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := dossier.Validate(ctx, lay(t, smallBook()), new(strings.Builder))
	require.ErrorIs(t, err, context.Canceled)
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/ledger"
)

func TestDossierValidateAccountsForEveryRow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, _, said := execute(t, "dossier", "generate", "--merchants", "3", "--out", dir, "--no-gzip")
	require.Zero(t, code, said)
	code, good, said := execute(t, "dossier", "validate", dir)
	require.Zero(t, code, said)
	lines := strings.Split(strings.TrimSpace(good), "\n")
	require.Regexp(t, `^ *rows +imported +rejected +faults +file$`, lines[0])
	require.Regexp(t, `\n +3 +3 +0 +0 +merchants.csv\n`, good)
	require.Regexp(t, `^rows=(\d+) imported=(\d+) rejected=0$`, lines[len(lines)-1])
	require.Len(t, lines, 1+9+1, "a line for each of nine files, a head and a foot")

	path := filepath.Join(dir, "bureau.csv")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, []byte("nobody\n")...), 0o600))
	code, bad, _ := execute(t, "dossier", "validate", dir)
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `^bureau.csv:\d+: row: has 1 fields`, bad)
	require.Regexp(t, `\n +4 +3 +1 +0 +bureau.csv\n`, bad)
	require.Regexp(t, `rows=\d+ imported=\d+ rejected=1\n$`, bad)
}

func TestLedgerVerifyIsReadByPeopleAndMachines(t *testing.T) {
	t.Parallel()
	code, empty, said := execute(t, append([]string{"ledger", "verify"}, installation(t)...)...)
	require.Zero(t, code, said)
	require.Contains(t, empty, `"journals": 0`)
	require.Contains(t, empty, `"faults": []`)
	require.True(t, strings.HasSuffix(empty, "}\njournals=0 unbalanced=0 faults=0\n"), empty)

	var out bytes.Buffer
	require.NoError(t, printLedger(&out, store.LedgerReport{
		Journals: 2, Postings: 3, Balances: []ledger.Balance{{Account: ledger.Settlement, Amount: -100, Count: 3}},
		Faults: []store.LedgerFault{{Rule: store.RuleJournalBalances, Subject: "j1", Have: 7}, {Rule: store.RuleSettlement, Want: -93, Have: -100}},
	}))
	require.Contains(t, out.String(), `"account": "settlement",
      "amount_fen": -100,
      "postings": 3`)
	require.Contains(t, out.String(), `"rule": "journal_sums_to_zero",
      "subject": "j1",
      "want": 0,
      "have": 7`)
	require.True(t, strings.HasSuffix(out.String(), "\njournals=2 unbalanced=1 faults=2\n"))
}

func TestTheBooksArePrintedExportedAndClosed(t *testing.T) {
	t.Parallel()
	at := installation(t)
	code, table, said := execute(t, append([]string{"ledger", "trial"}, at...)...)
	require.Zero(t, code, said)
	require.Regexp(t, `(?m)^ *debit +credit +postings +account$`, table)
	require.Regexp(t, `(?m)^ *0.00 +0.00 +total$`, table)
	code, rows, said := execute(t, append([]string{"ledger", "trial", "--csv", "--at", "2026-11-11"}, at...)...)
	require.Zero(t, code, said)
	require.True(t, strings.HasPrefix(rows, "account,amount_fen,postings\nprincipal_receivable,0,0\n"), rows)

	file := filepath.Join(t.TempDir(), "all.csv")
	code, out, said := execute(t, append([]string{"ledger", "export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", file}, at...)...)
	require.Zero(t, code, said)
	require.Equal(t, "journals=0 out="+file+"\n", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "journal_id,key,subject,kind,reverses_id,booked_at,posting,account,amount_fen\n", string(text))

	code, out, said = execute(t, append([]string{"ledger", "close"}, at...)...)
	require.Zero(t, code, said)
	require.Regexp(t, `^closed through \d{4}-\d\d-\d\d\n$`, out)
	for _, bad := range [][]string{
		{"trial", "--at", "yesterday"}, {"export", "--out", "x.txt"}, {"export", "--out", "x.csv", "--from", "1.11.2026"}, {"close", "--through", "2999-01-01"},
	} {
		code, _, said = execute(t, append(append([]string{"ledger"}, bad...), at...)...)
		require.Equal(t, exitRefused, code, said)
	}
}

func TestATrialBalanceInYuan(t *testing.T) {
	t.Parallel()
	balances := []ledger.Balance{{Account: ledger.PrincipalReceivable, Amount: 123_456, Count: 2}, {Account: ledger.Settlement, Amount: -123_400, Count: 1}}
	var out bytes.Buffer
	sum, err := printTrial(&out, balances)
	require.NoError(t, err)
	require.EqualValues(t, 56, sum, "1,234.56 - 1,234.00 = 0.56")
	require.Regexp(t, `(?m)^ *1234.56 +2 +principal_receivable$`, out.String())
	require.Regexp(t, `(?m)^ *1234.00 +1 +settlement$`, out.String())
	require.Regexp(t, `(?m)^ *1234.56 +1234.00 +total$`, out.String())
}

func TestThePortfolioCommandsOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	at := installation(t)
	for _, command := range []string{"vintages", "rolls", "quality", "provisions"} {
		code, _, said := execute(t, append([]string{"portfolio", command}, at...)...)
		require.Equal(t, exitRefused, code, said)
		require.Contains(t, said, "no month-end snapshots yet")
		code, out, said := execute(t, append([]string{"portfolio", command, "--csv", "--month", "2026-10"}, at...)...)
		require.Zero(t, code, said)
		require.Regexp(t, `^(cohort|month),`, out)
	}
	code, out, said := execute(t, append([]string{"portfolio", "provisions", "--month", "2026-10", "--book"}, at...)...)
	require.Zero(t, code, said)
	require.Contains(t, out, "required 0.00, on the books before 0.00, difference 0.00, booked now: true")
	code, out, said = execute(t, append([]string{"portfolio", "cost", "--month", "2026-10"}, at...)...)
	require.Zero(t, code, said)
	require.Contains(t, out, "shared equally over the loans paid out in the month")
	require.Contains(t, said, "month=2026-10 loans=0 approved=0 declined=0 per_loan=0.0000 target=1.0000 within=true")
	code, _, said = execute(t, append([]string{"portfolio", "cost", "--loan", "none"}, at...)...)
	require.Equal(t, exitRefused, code, said)
	code, _, _ = execute(t, append([]string{"portfolio", "cost", "--month", "October"}, at...)...)
	require.Equal(t, exitRefused, code)
}

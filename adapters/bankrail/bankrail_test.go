package bankrail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/bankrail"
	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/reconciliation"
)

func told(key string) drawdown.Instruction {
	return drawdown.Instruction{Key: key, Amount: 6_000 * money.Yuan, Account: "6123451234567893", Holder: "王小明 & <Söhne>", Title: "loan310 " + key}
}

func newRail(t *testing.T, dir string) *bankrail.Rail {
	t.Helper()
	rail, err := bankrail.New(bankrail.Options{
		Dir: dir, Clock: clock.System,
		Debtor: bankrail.Debtor{Name: "Loan 310", Account: "3100000000000001", ClearingMember: "102100099996"},
	})
	require.NoError(t, err)
	return rail
}

// newBank starts the simulated bank over the rail's folders.
func newBank(t *testing.T, dir string, faults sandbox.BankFaults) *sandbox.Server {
	t.Helper()
	secrets, err := sandbox.LoadSecrets(t.TempDir())
	require.NoError(t, err)
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 1, Seed: 1})
	server, err := sandbox.Start(context.WithoutCancel(t.Context()), sandbox.Options{Book: book, BankDir: dir, Secrets: secrets})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	require.NoError(t, server.SetBankFaults(faults))
	return server
}

// becomes waits until the rail says a state of a payout.
func becomes(t *testing.T, rail *bankrail.Rail, key string, want drawdown.RailState) drawdown.Receipt {
	t.Helper()
	var receipt drawdown.Receipt
	require.Eventually(t, func() bool {
		var err error
		receipt, err = rail.Query(t.Context(), key)
		require.NoError(t, err)
		return receipt.State == want
	}, 30*time.Second, 20*time.Millisecond, "the rail never said %s", want)
	return receipt
}

// put puts a report into the inbox as a bank does.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	part := filepath.Join(dir, "inbox", "."+name)
	require.NoError(t, os.WriteFile(part, []byte(text), 0o600))
	require.NoError(t, os.Rename(part, filepath.Join(dir, "inbox", name)))
}

func status(key, state, reason string) string {
	return fmt.Sprintf(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>S</MsgId><CreDtTm>2026-11-11T08:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>%[1]s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>%[1]s</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>%[1]s</OrgnlEndToEndId><TxSts>%[2]s</TxSts><StsRsnInf><Rsn><Cd>%[3]s</Cd></Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`, key, state, reason)
}

func TestEachFaultOfTheBankSettlesAsItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults sandbox.BankFaults
		want   drawdown.RailState
		code   string
	}{
		"healthy":   {sandbox.BankFaults{}, drawdown.RailPaid, ""},
		"late":      {sandbox.BankFaults{LateMS: 300}, drawdown.RailPaid, ""},
		"rejected":  {sandbox.BankFaults{RejectShare: 1}, drawdown.RailFailed, "AC04"},
		"returned":  {sandbox.BankFaults{ReturnShare: 1, ReturnAfterMS: 200}, drawdown.RailReturned, "AC04"},
		"duplicate": {sandbox.BankFaults{DuplicateShare: 1, StrayShare: 1}, drawdown.RailPaid, ""},
		// no status ever: the day's statement shows it
		"lost status": {sandbox.BankFaults{LostStatusShare: 1}, drawdown.RailPaid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			rail, bank := newRail(t, dir), newBank(t, dir, c.faults)
			none, err := rail.Query(t.Context(), "K1")
			require.NoError(t, err)
			require.Equal(t, drawdown.RailNoRecord, none.State)
			for range 3 { // told again and again: one file
				receipt, err := rail.Pay(t.Context(), told("K1"))
				require.NoError(t, err)
				require.Equal(t, drawdown.RailPending, receipt.State)
			}
			receipt := becomes(t, rail, "K1", c.want)
			require.Equal(t, c.code, receipt.Code)
			book := bank.BankBook()
			require.Len(t, book, 1)
			require.Equal(t, 1, book[0].Received)
			require.LessOrEqual(t, book[0].Paid, 1)
			require.Equal(t, 6_000*money.Yuan, book[0].Amount)
			returns, err := rail.Returns(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, returns, map[bool]int{true: 1}[c.want == drawdown.RailReturned])
			for _, back := range returns {
				require.Equal(t, "K1", back.Key)
				require.Equal(t, 6_000*money.Yuan, back.Amount)
				require.NoError(t, rail.Acknowledge(t.Context(), back))
			}
			returns, err = rail.Returns(t.Context(), 10)
			require.NoError(t, err)
			require.Empty(t, returns)
		})
	}
}

func TestReportsInAnyOrderComeToTheSame(t *testing.T) {
	t.Parallel()
	words := []string{status("K1", "PDNG", ""), status("K1", "ACSC", ""), status("K1", "ACTC", ""), status("K1", "RJCT", "AM05")}
	for shift := range words {
		dir := t.TempDir()
		rail := newRail(t, dir)
		_, err := rail.Pay(t.Context(), told("K1"))
		require.NoError(t, err)
		for i := range words {
			put(t, dir, fmt.Sprintf("%d.xml", i), words[(i+shift)%len(words)])
		}
		becomes(t, rail, "K1", drawdown.RailPaid)
		becomes(t, newRail(t, dir), "K1", drawdown.RailPaid) // another process reads the same
	}
}

func TestDuplicateRefusalSettlesNothingAndAContradictionNeither(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rail := newRail(t, dir)
	_, err := rail.Pay(t.Context(), told("K1"))
	require.NoError(t, err)
	put(t, dir, "a.xml", status("K1", "RJCT", "AM05"))
	becomes(t, rail, "K1", drawdown.RailPending)
	put(t, dir, "b.xml", status("K1", "RJCT", "AC04"))
	becomes(t, rail, "K1", drawdown.RailFailed)
	put(t, dir, "c.xml", status("K1", "ACSC", ""))
	_, err = rail.Query(t.Context(), "K1")
	require.Equal(t, bankrail.CodeContradiction, fault.CodeOf(err))
	_, err = rail.Pay(t.Context(), drawdown.Instruction{Key: "K1", Amount: 1, Account: "6123451234567893", Holder: "x"})
	require.Equal(t, bankrail.CodeInconsistent, fault.CodeOf(err))
	require.NotErrorIs(t, err, drawdown.ErrNotSent)
}

func TestFilesThatAreNoneOfOursAreLeftOrPutAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rail := newRail(t, dir)
	_, err := rail.Pay(t.Context(), told("K1"))
	require.NoError(t, err)
	cut := status("K1", "ACSC", "")
	put(t, dir, "cut.xml", cut[:len(cut)-20])
	put(t, dir, "foreign.xml", `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"/>`)
	put(t, dir, "text.txt", "hello")
	put(t, dir, "stranger.xml", status("../../escape", "ACSC", ""))
	becomes(t, rail, "K1", drawdown.RailPending)
	left, err := os.ReadDir(filepath.Join(dir, "inbox"))
	require.NoError(t, err)
	require.Len(t, left, 1) // the cut one may still be arriving
	require.NoFileExists(t, filepath.Join(dir, "..", "escape"))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "inbox", "cut.xml"), old, old))
	becomes(t, rail, "K1", drawdown.RailPending)
	aside, err := os.ReadDir(filepath.Join(dir, "state", "bad"))
	require.NoError(t, err)
	require.Len(t, aside, 1)
	put(t, dir, "whole.xml", cut)
	becomes(t, rail, "K1", drawdown.RailPaid)
}

func TestFileThatDidNotLeaveIsNoRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rail := newRail(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, "outbox")))
	_, err := rail.Pay(t.Context(), told("K1"))
	require.ErrorIs(t, err, drawdown.ErrNotSent)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "outbox"), 0o700))
	becomes(t, rail, "K1", drawdown.RailNoRecord)
	// Died between marker and rename: the part is there, the file is not.
	_, err = rail.Pay(t.Context(), told("K2"))
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(dir, "outbox", "K2.xml"), filepath.Join(dir, "outbox", ".K2.part")))
	becomes(t, rail, "K2", drawdown.RailNoRecord)
	_, err = rail.Pay(t.Context(), told("K2"))
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "outbox", "K2.xml"))
	becomes(t, rail, "K2", drawdown.RailPending)
	_, err = rail.Pay(t.Context(), told("../K"))
	require.ErrorIs(t, err, drawdown.ErrNotSent)
}

func TestTransferFileFollowsTheSchemasOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := newRail(t, dir).Pay(t.Context(), told("K1"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "outbox", "K1.xml"))
	require.NoError(t, err)
	at := 0
	for _, element := range []string{
		`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">`, "<CstmrCdtTrfInitn>", "<GrpHdr>", "<MsgId>K1</MsgId>", "<CreDtTm>",
		"<NbOfTxs>1</NbOfTxs>", "<CtrlSum>6000.00</CtrlSum>", "<InitgPty>", "<PmtInf>", "<PmtInfId>K1</PmtInfId>", "<PmtMtd>TRF</PmtMtd>", "<ReqdExctnDt>", "<Dt>",
		"<Dbtr>", "<DbtrAcct>", "<DbtrAgt>", "<ChrgBr>DEBT</ChrgBr>", "<CdtTrfTxInf>", "<PmtId>", "<EndToEndId>K1</EndToEndId>", "<Amt>",
		`<InstdAmt Ccy="CNY">6000.00</InstdAmt>`, "<Cdtr>", "王小明 &amp; &lt;Söhne&gt;", "<CdtrAcct>", "<Id>6123451234567893</Id>", "<RmtInf>",
	} {
		found := strings.Index(string(text[at:]), element)
		require.GreaterOrEqual(t, found, 0, "%s is missing or out of order in\n%s", element, text)
		at += found
	}
	require.Equal(t, 1, strings.Count(string(text), "<CstmrCdtTrfInitn>"))
}

func TestStatementIsReadWholeOrRefusedWithTheLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rail := newRail(t, dir)
	newBank(t, dir, sandbox.BankFaults{ReturnShare: 1, ReturnAfterMS: 100})
	_, err := rail.Pay(t.Context(), told("K1"))
	require.NoError(t, err)
	becomes(t, rail, "K1", drawdown.RailReturned)
	day := drawdown.Day(time.Now())
	var lines []reconciliation.Line
	require.Eventually(t, func() bool {
		lines = nil
		hash, err := rail.Statement(t.Context(), day, func(line reconciliation.Line) error { lines = append(lines, line); return nil })
		return err == nil && hash != "" && len(lines) == 2
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, "K1", lines[0].Key)
	require.Equal(t, reconciliation.Out, lines[0].Direction)
	require.Equal(t, reconciliation.In, lines[1].Direction)
	require.True(t, lines[1].Return)
	_, err = rail.Statement(t.Context(), "2020-01-01", nil)
	require.Equal(t, reconciliation.CodeNoStatement, fault.CodeOf(err))

	names, err := filepath.Glob(filepath.Join(dir, "state", "statements", "*.xml"))
	require.NoError(t, err)
	text, err := os.ReadFile(names[len(names)-1])
	require.NoError(t, err)
	cut := strings.Replace(string(text), "<NbOfNtries>2<", "<NbOfNtries>3<", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state", "statements", day+"-999999999999999-x.xml"), []byte(cut), 0o600))
	_, err = rail.Statement(t.Context(), day, func(reconciliation.Line) error { return nil })
	require.Equal(t, reconciliation.CodePartial, fault.CodeOf(err))
	require.ErrorContains(t, err, "announces 3 entries and has 2")
}

func FuzzReports(f *testing.F) {
	f.Add(status("K1", "ACSC", ""))
	f.Add(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><Ntry><Amt>1.00</Amt></Ntry></Document>`)
	dir := f.TempDir()
	rail, err := bankrail.New(bankrail.Options{Dir: dir, Clock: clock.System, Debtor: bankrail.Debtor{Name: "x", Account: "1", ClearingMember: "2"}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "inbox", "f.xml"), []byte(text), 0o600))
		_, _ = rail.Query(t.Context(), "K1") // never panics
	})
}

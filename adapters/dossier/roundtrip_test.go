package dossier_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/dossier"
)

// requireSameBook compares two books row by row.
func requireSameBook(t *testing.T, want, got dossier.Book) {
	t.Helper()
	require.Equal(t, want.Merchants(), got.Merchants())
	require.Equal(t, want.Applications(), got.Applications())
	require.Equal(t, want.Outcomes(), got.Outcomes())
	require.Equal(t, want.AsOf(), got.AsOf())
	for _, merchant := range want.Merchants() {
		require.Equal(t, all(t, want.Orders(merchant.ID)), all(t, got.Orders(merchant.ID)), merchant.ID)
		require.Equal(t, all(t, want.Waybills(merchant.ID)), all(t, got.Waybills(merchant.ID)), merchant.ID)
		require.Equal(t, all(t, want.Transactions(merchant.ID)), all(t, got.Transactions(merchant.ID)), merchant.ID)
		require.Equal(t, all(t, want.Bills(merchant.ID)), all(t, got.Bills(merchant.ID)), merchant.ID)
		wantReport, wantOK := want.Bureau(merchant.ID)
		gotReport, gotOK := got.Bureau(merchant.ID)
		require.Equal(t, wantOK, gotOK)
		require.Equal(t, wantReport, gotReport)
		wantRecord, wantOK := want.Registry(merchant.LicenceNumber)
		gotRecord, gotOK := got.Registry(merchant.LicenceNumber)
		require.Equal(t, wantOK, gotOK)
		require.Equal(t, wantRecord, gotRecord)
	}
}

func TestWhatIsWrittenIsWhatIsOpened(t *testing.T) {
	t.Parallel()
	for _, gz := range []bool{false, true} {
		dir := t.TempDir()
		book := dossier.Generate(dossier.GenerateOptions{Merchants: 30, Seed: 3})
		_, err := dossier.Write(dir, book, gz)
		require.NoError(t, err)
		opened, err := dossier.Open(dir)
		require.NoError(t, err)
		requireSameBook(t, book, opened)
		_, ok := opened.Registry("nobody")
		require.False(t, ok)
		require.Empty(t, all(t, opened.Orders("nobody")))
	}
}

func TestWritingAgainReplacesTheOtherKindAndDropsOldOutcomes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := dossier.Write(dir, dossier.Generate(dossier.GenerateOptions{Merchants: 3}), false)
	require.NoError(t, err)
	empty, err := dossier.Open(lay(t, without(smallBook(), "outcomes")))
	require.NoError(t, err)
	counts, err := dossier.Write(dir, empty, true)
	require.NoError(t, err)
	require.NotContains(t, counts.Files, "outcomes")
	var names []string
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.Len(t, names, 8, names)
	for _, name := range names {
		require.True(t, strings.HasSuffix(name, ".csv.gz"), name)
	}
}

func without(files map[string]string, name string) map[string]string {
	delete(files, name)
	return files
}

// digest gives one hash over the names and bytes of a directory's files.
func digest(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		sum.Write([]byte(entry.Name()))
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	write := func(seed uint64, gz bool) string {
		dir := t.TempDir()
		_, err := dossier.Write(dir, dossier.Generate(dossier.GenerateOptions{Merchants: 10, Seed: seed}), gz)
		require.NoError(t, err)
		return digest(t, dir)
	}
	plain, packed := write(11, false), write(11, true)
	require.Equal(t, plain, write(11, false))
	require.Equal(t, packed, write(11, true))
	require.NotEqual(t, plain, write(12, false))
}

// TestImportedPlusRejectedIsRowsWhateverTheHarm changes random bytes of a good
// dossier: the accounts still add up (checked by validate), and a dossier
// without a broken rule opens.
func TestImportedPlusRejectedIsRowsWhateverTheHarm(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	_, err := dossier.Write(source, dossier.Generate(dossier.GenerateOptions{Merchants: 2, Seed: 5}), false)
	require.NoError(t, err)
	files := map[string]string{}
	for name := range smallBook() {
		text, err := os.ReadFile(filepath.Join(source, name+".csv"))
		require.NoError(t, err)
		lines := strings.SplitAfter(string(text), "\n")
		files[name] = strings.Join(lines[:min(len(lines), 8)], "")
	}
	rapid.Check(t, func(rt *rapid.T) {
		harmed := maps.Clone(files)
		for range rapid.IntRange(1, 6).Draw(rt, "harms") {
			name := rapid.SampledFrom([]string{"merchants", "applications", "orders", "waybills", "transactions", "utility_bills", "bureau", "registry", "outcomes"}).Draw(rt, "file")
			text := []byte(harmed[name])
			at := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
			text[at] = rapid.SampledFrom([]byte("\n\r\",0-Z \x00\xff;")).Draw(rt, "byte")
			harmed[name] = string(text)
		}
		dir := lay(t, harmed)
		lines, report := validate(t, dir)
		require.Equal(rt, report.Bad() > 0, len(lines) > 0)
		_, err := dossier.Open(dir)
		if report.Bad() == 0 {
			require.NoError(rt, err)
		} else {
			require.ErrorContains(rt, err, lines[0])
		}
	})
}

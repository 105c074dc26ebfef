package e2e_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
)

// TestNothingPersonalIsReadable takes merchants through whole loans, refusals
// and lost answers, logging everything, and then reads every byte that was
// kept: our database, Temporal's, and the logs.
func TestNothingPersonalIsReadable(t *testing.T) {
	t.Parallel()
	environments <- struct{}{}
	defer func() { <-environments }()
	dir := t.TempDir()
	w, stop := start(t, dir)
	defer stop()
	people := []dossier.Merchant{w.refused(t)}
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{LostAnswerShare: 1, ForRequests: 1}))
	on := w.credit(t)
	people = append(people, on.merchant)
	w.requirePaidOnce(t, w.end(t, w.draw(t, on, "draw", on.part(60)).ID))
	requireUnreadable(t, w, people) // with write-ahead logs not yet folded in
	stop()
	requireUnreadable(t, w, people)
}

// refused registers a merchant up to a step that is refused, so that what is
// personal goes through the ways of errors, too.
func (w *world) refused(t *testing.T) dossier.Merchant {
	t.Helper()
	m := w.cast.next(t, dossier.ArchetypeEstablished)
	id := w.prove(t, m)
	stranger := w.cast.next(t, dossier.ArchetypeEstablished)
	for i, s := range steps(m)[:3] {
		if i == 2 {
			s.body["account_number"] = stranger.PayoutAccount
		}
		_, err := w.client.PutStep(within(t, patience), id, s.path, s.path, s.body)
		require.Equal(t, i == 2, err != nil, s.path)
	}
	m.PayoutAccount = stranger.PayoutAccount
	return m
}

func requireUnreadable(t *testing.T, w *world, people []dossier.Merchant) {
	t.Helper()
	kept := map[string][]byte{"the logs": []byte(w.log.String())}
	require.NoError(t, filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Dir(path) != w.dir { // the sandbox's own folder is somebody else's
			return err
		}
		kept[entry.Name()], err = os.ReadFile(path)
		return err
	}))
	// What may be read is found: the search finds what there is. require.Contains would print all of it.
	for what, where := range map[string]string{"registration/": "temporal.db", "drawdown/": "loan310.db", "level=DEBUG": "the logs"} {
		text := append(kept[where], kept[where+"-wal"]...)
		require.True(t, bytes.Contains(text, []byte(what)), "%s is not found in %s", what, where)
	}
	for _, m := range people {
		for what, value := range map[string]string{
			"phone": m.Phone, "phone without country": strings.TrimPrefix(m.Phone, "+86"), "identity number": m.IdentityNumber,
			"account": m.PayoutAccount, "licence": m.LicenceNumber, "name": m.LegalRep, "name in escapes": strings.Trim(strconv.QuoteToASCII(m.LegalRep), `"`),
		} {
			for where, text := range kept {
				require.False(t, bytes.Contains(text, []byte(value)), "%s is readable in %s", what, where)
			}
		}
	}
}

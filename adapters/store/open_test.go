package store_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/merchant"
	"loan310/migrations"
	"loan310/scoring/evidence"
)

func TestReopeningFindsEverything(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 100_00)
		s.reserve(t, d)
		require.NoError(t, s.Close())
		s.DB = s.open(t)
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, s.Migrate(t.Context()), "migrating again does nothing")
		current, known, err := s.Version(t.Context())
		require.NoError(t, err)
		require.Equal(t, known, current)
		payout, err := s.Drawdowns().Payout(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, newPayout(d), payout)
		s.sound(t)
	})
}

func TestAClosedStoreSaysSo(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		m := s.merchant(t)
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		_, err := s.Merchants().Merchant(t.Context(), m.ID)
		require.Error(t, err)
		require.Error(t, s.Merchants().Create(t.Context(), newMerchant(), entry("merchant.registered", "merchant/x")))
		require.Error(t, s.Ping(t.Context()))
		signals, stop := s.Progress().Watch("x")
		require.Empty(t, signals)
		stop()
	})
}

func TestOtherKeysAreRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		text, err := store.GenerateKeys()
		require.NoError(t, err)
		config := s.config
		config.Keys, err = store.ParseKeys(text)
		require.NoError(t, err)
		_, err = store.Open(t.Context(), config)
		require.ErrorIs(t, err, store.ErrWrongKeys)
		config.Keys = store.Keys{}
		_, err = store.Open(t.Context(), config)
		require.ErrorIs(t, err, store.ErrNoKeys)
	})
}

func TestManyMayMigrateAtOnce(t *testing.T) {
	t.Parallel()
	onBothEmpty(t, func(s *suite) {
		t := s.t
		databases := make([]*store.DB, 4)
		for i := range databases {
			databases[i] = s.open(t)
		}
		answers := inParallel(4, func(i int) (bool, error) { return true, databases[i].Migrate(t.Context()) })
		for _, answer := range answers {
			require.NoError(t, answer.err)
		}
		s.merchant(t)
	})
}

func TestBadDSNs(t *testing.T) {
	t.Parallel()
	text, err := store.GenerateKeys()
	require.NoError(t, err)
	keys, err := store.ParseKeys(text)
	require.NoError(t, err)
	for _, dsn := range []string{
		"", "mysql://x", "sqlite:", "sqlite://", "sqlite://:memory:", "sqlite:///tmp/x.db?synchronous=off", "sqlite:///tmp/x.db?mode=ro",
		"postgres://user:geheim@%zz/db",
	} {
		_, err := store.Open(t.Context(), store.Config{DSN: dsn, Keys: keys})
		require.Error(t, err, dsn)
		require.NotContains(t, err.Error(), "geheim")
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"encryption":{},"index":{}}`, "nonsense"} {
		_, err := store.ParseKeys([]byte(text))
		require.ErrorIs(t, err, store.ErrKeyFile)
	}
}

// Personal data is nowhere in the file, its write-ahead log or the key file's
// neighbourhood in the clear.
func TestNoPersonalDataInTheClear(t *testing.T) {
	t.Parallel()
	s := onSQLite(t, "")
	require.NoError(t, s.Migrate(t.Context()))
	line := s.line(t, 1_000_00)
	m, err := s.Merchants().Merchant(t.Context(), line.MerchantID)
	require.NoError(t, err)
	d := s.drawdown(t, line, 100_00)
	s.reserve(t, d)
	require.NoError(t, s.Security().SaveChallenge(t.Context(), newChallenge(m.Phone.Reveal())))
	s.collect(t, line.ApplicationID, evidence.Bank, bytes.Repeat([]byte(plainIdentity+"\n"), 10), 1000)
	_, err = s.Idempotency().Begin(t.Context(), "s", "k", "h", now())
	require.NoError(t, err)
	require.NoError(t, s.Idempotency().Finish(t.Context(), "s", "k", store.StoredResponse{Body: []byte(plainAccount)}))
	require.NoError(t, s.Sessions().Commit("session-token-in-clear", []byte(m.Phone.Reveal()), now().Add(time.Hour)))

	scan := func(path string) {
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, secret := range []string{
			plainName, plainIdentity, plainAccount, plainShop, m.Phone.Reveal(), m.Phone.Reveal()[3:], m.Licence.Number, "session-token-in-clear",
		} {
			require.False(t, bytes.Contains(body, []byte(secret)), "%s in %s", secret, path)
		}
	}
	walk := func() {
		require.NoError(t, filepath.WalkDir(filepath.Dir(s.file), func(path string, entry fs.DirEntry, err error) error {
			require.NoError(t, err)
			if !entry.IsDir() {
				scan(path)
			}
			return nil
		}))
	}
	walk()
	require.NoError(t, s.Close()) // folds the log into the file
	walk()
	body, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.True(t, bytes.Contains(body, []byte(line.ID)), "looking in the right place")
	info, err := os.Stat(s.file)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

// A value moved to another row does not open there.
func TestEncryptedValuesBelongToTheirRow(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		first, second := s.merchant(t), s.merchant(t)
		s.raw(t, "UPDATE merchants SET personal = (SELECT personal FROM merchants WHERE id = '"+first.ID+"') WHERE id = '"+second.ID+"'")
		_, err := s.Merchants().Merchant(t.Context(), second.ID)
		requireFault(t, err, fault.Internal, fault.CodeInternal)
	})
}

func TestTheDatabaseItselfKeepsTheRules(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 1_000_00)
		s.reserve(t, s.drawdown(t, line, 100_00))
		for _, table := range []string{"audit_entries", "journals", "postings", "decisions"} {
			s.refuses(t, "DELETE FROM "+table, "append-only")
		}
		s.refuses(t, "UPDATE postings SET amount_fen = 1", "append-only")
		s.refuses(t, "UPDATE audit_entries SET detail = ''", "append-only")
		s.refuses(t, "UPDATE lines SET used_fen = limit_fen + 1", "check")
		s.refuses(t, "UPDATE lines SET used_fen = -1", "check")
		s.refuses(t, "UPDATE drawdowns SET state = 'lost'", "check")
		s.refuses(t, "UPDATE drawdowns SET amount_fen = 0", "check")
	})
}

func TestTrialBalanceOfNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		balances, err := s.Ledger().TrialBalance(t.Context(), time.Time{})
		require.NoError(t, err)
		require.Len(t, balances, len(ledger.Accounts))
		for i, balance := range balances {
			require.Equal(t, ledger.Balance{Account: ledger.Accounts[i]}, balance)
		}
	})
}

// Failures among transactions that are committed together leave the others
// alone.
func TestFailuresInAGroupHurtNobodyElse(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		taken := s.merchant(t)
		answers := inParallel(64, func(i int) (merchant.Merchant, error) {
			m := newMerchant()
			if i%3 == 0 {
				m.Phone = taken.Phone
			}
			return m, s.Merchants().Create(t.Context(), m, entry("merchant.registered", "merchant/"+m.ID))
		})
		for i, answer := range answers {
			stored, err := s.Merchants().Merchant(t.Context(), answer.value.ID)
			if i%3 == 0 {
				requireFault(t, answer.err, fault.Conflict, fault.CodeDuplicate)
				requireFault(t, err, fault.NotFound, fault.CodeNotFound)
				continue
			}
			require.NoError(t, answer.err)
			require.NoError(t, err)
			require.Equal(t, answer.value, stored)
		}
	})
}

func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		dialect, files := goose.DialectSQLite3, migrations.For(migrations.SQLite)
		if s.file == "" {
			dialect, files = goose.DialectPostgres, migrations.For(migrations.Postgres)
		}
		provider, err := goose.NewProvider(dialect, s.pool(t), files, goose.WithDisableGlobalRegistry(true))
		require.NoError(t, err)
		_, err = provider.DownTo(t.Context(), 0)
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		s.merchant(t)
	})
}

func TestPlaceholdersMustBeKnown(t *testing.T) {
	t.Parallel()
	for _, dialect := range []migrations.Dialect{migrations.SQLite, migrations.Postgres} {
		body, err := fs.ReadFile(migrations.For(dialect), "00001_merchants.sql")
		require.NoError(t, err)
		require.NotContains(t, string(body), "{{")
	}
	_, err := fs.ReadFile(migrations.For("oracle"), "00001_merchants.sql")
	require.Error(t, err)
}

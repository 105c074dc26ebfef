package e2e_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/security"
	"loan310/app/stack"
)

// TestProductionRefusesDemoSecrets tries to start production on what `loan310
// dev` made, one thing at a time: each refusal names it and what to do.
func TestProductionRefusesDemoSecrets(t *testing.T) {
	t.Parallel()
	w := share(t)
	keys, err := stack.GenerateKeys(false)
	require.NoError(t, err)
	sound := w.Config
	sound.Production, sound.Worker, sound.Listen = true, false, "127.0.0.1:0"
	sound.Keys, sound.Providers.Sandbox = keys, false

	for _, c := range []struct {
		name, says string
		change     func(*testing.T, *stack.Config)
	}{
		{"keys made by dev", "demo keys: make real ones with `loan310 keys generate", func(_ *testing.T, c *stack.Config) { c.Keys = w.Config.Keys }},
		{"the sandbox", "sandbox providers: give real ones in --providers FILE", func(_ *testing.T, c *stack.Config) { c.Providers.Sandbox = true }},
		{"no keys", "no keys: make them with `loan310 keys generate", func(_ *testing.T, c *stack.Config) { c.Keys = stack.Keys{} }},
		{"no database", "no database: give --database", func(_ *testing.T, c *stack.Config) { c.Database = "" }},
		{"a worker that kills itself", "--crash-at is for kill tests", func(_ *testing.T, c *stack.Config) { c.Reached = func(string, string) {} }},
		{"demo logins in the database", "the database holds demo logins", makeDemoLogin},
		{"a provider left out", "no address of provider bureau", func(_ *testing.T, c *stack.Config) {
			c.Providers.Kinds = maps.Clone(c.Providers.Kinds)
			delete(c.Providers.Kinds, "bureau")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := sound
			config.Database = "sqlite://" + filepath.Join(t.TempDir(), "production.db")
			c.change(t, &config)
			s, err := stack.New(t.Context(), config)
			require.Nil(t, s)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, stack.CodeUnsafe, fault.CodeOf(err))
		})
	}
	t.Run("nothing wrong", func(t *testing.T) {
		t.Parallel()
		config := sound
		config.Database = "sqlite://" + filepath.Join(t.TempDir(), "production.db")
		s, err := stack.New(t.Context(), config)
		require.NoError(t, err)
		require.NoError(t, s.Stop())
	})
}

// makeDemoLogin makes what dev makes, in a database of real keys.
func makeDemoLogin(t *testing.T, config *stack.Config) {
	t.Helper()
	db, err := stack.OpenDatabase(t.Context(), *config)
	require.NoError(t, err)
	_, err = stack.SecurityOf(db).AddStaff(t.Context(), stack.DemoOperator, "Demo operator", stack.DemoPassword, security.RoleOperator, true, audit.System("e2e"))
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// TestCommandLineSaysWhatToDo runs the real command where something is missing.
func TestCommandLineSaysWhatToDo(t *testing.T) {
	t.Parallel()
	const refused = 2
	for _, command := range []string{"serve", "worker"} {
		code, _, said := run(t, command, "--database", "sqlite://"+filepath.Join(t.TempDir(), "x.db"))
		require.Equal(t, refused, code, said)
		require.Contains(t, said, "loan310 keys generate --out FILE")
		require.Contains(t, said, "--providers FILE")
	}
	code, _, said := run(t, "worker", "--crash-at", "settled", "--database", "sqlite://"+filepath.Join(t.TempDir(), "x.db"))
	require.Equal(t, refused, code, said)
	require.Contains(t, said, "--crash-at is for kill tests")

	keys := filepath.Join(t.TempDir(), "keys.json")
	code, _, said = run(t, "keys", "generate", "--out", keys)
	require.Zero(t, code, said)
	before, err := os.ReadFile(keys)
	require.NoError(t, err)
	info, err := os.Stat(keys)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	code, _, said = run(t, "keys", "generate", "--out", keys)
	require.Equal(t, refused, code, said)
	require.Contains(t, said, "never overwritten")
	after, err := os.ReadFile(keys)
	require.NoError(t, err)
	require.Equal(t, before, after)
	var made stack.Keys
	require.NoError(t, stack.ReadFile(keys, &made))
	require.False(t, made.Demo)
}

package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// installation is a folder with keys and an empty database.
func installation(t *testing.T) (connection []string) {
	t.Helper()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	code, _, said := execute(t, "keys", "generate", "--out", keys)
	require.Zero(t, code, said)
	return []string{"--keys", keys, "--database", "sqlite://" + filepath.Join(dir, "loan310.db")}
}

// execute runs a command line.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

func TestPlatformKeysAreMadeListedAndRevoked(t *testing.T) {
	t.Parallel()
	at := installation(t)
	code, key, said := execute(t, append([]string{"platform", "add", "--platform", "taobao"}, at...)...)
	require.Zero(t, code, said)
	require.Regexp(t, `^l310_[A-Za-z0-9_-]{43}\n$`, key)
	id := regexp.MustCompile(`API key (\S+) of platform taobao`).FindStringSubmatch(said)
	require.Len(t, id, 2, said)
	list := append([]string{"platform", "list"}, at...)
	_, listed, _ := execute(t, list...)
	require.Regexp(t, id[1]+` +taobao +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +active\n$`, listed)
	require.NotContains(t, listed, strings.TrimSpace(key))

	revoke := append([]string{"platform", "revoke", "--key-id", id[1]}, at...)
	code, _, said = execute(t, revoke...)
	require.Zero(t, code, said)
	_, listed, _ = execute(t, list...)
	require.Regexp(t, id[1]+` +taobao .* revoked \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$`, listed)
	code, _, said = execute(t, revoke...)
	require.Equal(t, exitRefused, code)
	require.Contains(t, said, "this key is revoked already")
	code, _, said = execute(t, append([]string{"platform", "add", "--platform", "no spaces"}, at...)...)
	require.Equal(t, exitRefused, code)
	require.Contains(t, said, "A platform's id has 1 to 64 letters")
}

func TestStaffAreMadeListedAndDisabled(t *testing.T) {
	t.Parallel()
	at := installation(t)
	add := append([]string{"staff", "add", "--login", "Ops@example.com", "--name", "Li", "--role", "operator", "--password", "twelve letters"}, at...)
	code, _, said := execute(t, add...)
	require.Zero(t, code, said)
	list, disable := append([]string{"staff", "list"}, at...), append([]string{"staff", "disable", "--login", "ops@example.com"}, at...)
	_, listed, _ := execute(t, list...)
	require.Regexp(t, `ops@example.com +operator +active +Li\n$`, listed)
	code, _, said = execute(t, disable...)
	require.Zero(t, code, said)
	_, listed, _ = execute(t, list...)
	require.Regexp(t, `ops@example.com +operator +disabled \d{4}-\d\d-\d\d \d\d:\d\d:\d\d +Li\n$`, listed)
	code, _, said = execute(t, disable...)
	require.Equal(t, exitRefused, code)
	require.Contains(t, said, "this person is disabled already")
	code, _, said = execute(t, add...)
	require.Zero(t, code, said)
	_, listed, _ = execute(t, list...)
	require.Regexp(t, `ops@example.com +operator +active +Li\n$`, listed, "added again, the person may sign in again")
	code, _, _ = execute(t, append([]string{"staff", "disable", "--login", "nobody"}, at...)...)
	require.Equal(t, exitRefused, code)
}

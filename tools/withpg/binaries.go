package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

var errNotInstalled = errors.New("PostgreSQL is not installed: install the server programs initdb and postgres " +
	"(on Debian and Ubuntu the package postgresql) or put their folder on PATH")

// findOrInstall returns the folder of initdb and postgres. On a Debian machine where we are root, it installs them.
func findOrInstall(ctx context.Context, logger *slog.Logger) (string, error) {
	if bin, ok := findBinaries(); ok {
		return bin, nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return "", errNotInstalled
	}
	logger.Info("PostgreSQL is not installed, installing it with apt-get")
	for _, args := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		// The command's own output may be read by a program; this is none of it.
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w", args[0], errors.Join(err, errNotInstalled))
		}
	}
	if bin, ok := findBinaries(); ok {
		return bin, nil
	}
	return "", errNotInstalled
}

// findBinaries looks on PATH first, so that a developer can choose, then where packages put them, newest first.
func findBinaries() (string, bool) {
	var folders []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// PATH often holds a link, while postgres wants its neighbours.
		if resolved, err := filepath.EvalSymlinks(initdb); err == nil {
			folders = append(folders, filepath.Dir(resolved))
		}
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(packaged, func(a, b string) int { return cmp.Compare(majorVersion(b), majorVersion(a)) })
	folders = append(folders, packaged...)
	folders = append(folders, "/usr/local/pgsql/bin", "/usr/local/bin", "/opt/homebrew/bin")
	for _, folder := range folders {
		if executable(folder, "initdb") && executable(folder, "postgres") {
			return folder, true
		}
	}
	return "", false
}

// majorVersion reads 15 from /usr/lib/postgresql/15/bin.
func majorVersion(bin string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return version
}

func executable(folder, name string) bool {
	_, err := exec.LookPath(filepath.Join(folder, name))
	return err == nil
}

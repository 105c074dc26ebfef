package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
)

// openSQLite describes the SQLite file, and creates it with its schema when it is missing.
func openSQLite(path string) (storage, error) {
	cfg := &config.SQL{
		PluginName: sqliteplugin.PluginName,
		ConnectAttributes: map[string]string{
			"busy_timeout": "10000",
			"temp_store":   "memory",
		},
	}
	store := storage{main: cfg, visibility: cfg, shards: 1, engine: "sqlite"}
	if path == inMemory {
		cfg.DatabaseName = "loan310-" + strconv.Itoa(os.Getpid())
		cfg.ConnectAttributes["mode"] = "memory"
		cfg.ConnectAttributes["cache"] = "shared"
		return store, nil
	}

	cfg.DatabaseName = path
	cfg.ConnectAttributes["mode"] = "rwc"
	// With a write-ahead log, "normal" loses nothing when the process dies; only a power cut may take the last commits.
	cfg.ConnectAttributes["journal_mode"] = "wal"
	cfg.ConnectAttributes["synchronous"] = "normal"
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() > 0:
		return store, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return storage{}, fmt.Errorf("look at %s: %w", path, err)
	}
	if err := sqliteschema.SetupSchema(cfg); err != nil {
		// Half a schema would be taken for a whole one next time.
		return storage{}, errors.Join(fmt.Errorf("create schema in %s: %w", path, err), os.Remove(path))
	}
	return store, nil
}

package stack

import (
	"context"
	"fmt"
	"log/slog"

	"loan310/adapters/httpx"
	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/ident"
	"loan310/app/security"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/web"
)

// Database is an open database, as commands hold it.
type Database = store.DB

// OpenDatabase opens and migrates the database alone, for commands that need
// nothing else.
func OpenDatabase(ctx context.Context, config Config) (*Database, error) {
	s := &Stack{config: config}
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	return s.DB, nil
}

// SecurityOf manages logins on a database; it cannot send codes.
func SecurityOf(db *store.DB) *security.Service {
	return security.NewService(security.Deps{Store: db.Security(), Now: clock.System, NewID: ident.NewID})
}

// LedgerReport is what verifying the ledger found.
type LedgerReport = store.LedgerReport

// Unbalanced counts the journals of a report that do not sum to zero.
func Unbalanced(report LedgerReport) int {
	count := 0
	for _, found := range report.Faults {
		if found.Rule == store.RuleJournalBalances {
			count++
		}
	}
	return count
}

// ReplayerOf replays decisions of a database; it cannot make new ones.
func ReplayerOf(db *store.DB, logger *slog.Logger) *underwriting.Service {
	return underwriting.NewService(underwriting.Deps{
		Store: db.Underwriting(), Evidence: db.Evidence(), Progress: db.Progress(), Now: clock.System, NewID: ident.NewID, Logger: logger,
		LoadEngine: func(text []byte) (underwriting.Engine, error) { return scoring.Load(text) },
		DecodeRow:  httpx.RowDecoder(),
	})
}

// OpenAPI gives the API's document as YAML.
func OpenAPI(version string) ([]byte, error) {
	_, api := web.New(web.Deps{Version: version, Now: clock.System, NewID: ident.NewID, Logger: slog.New(slog.DiscardHandler)})
	body, err := api.OpenAPI().YAML()
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return body, nil
}

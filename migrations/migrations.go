// Package migrations holds the schema: one set of goose files that runs on
// SQLite and on PostgreSQL. The rule: a file that has shipped is never edited,
// only followed by another.
//
// What the two databases spell differently is written as a placeholder and
// replaced before goose reads the file:
//
//	{{blob}}                 bytes: BLOB or BYTEA
//	{{append_only:TABLE}}    triggers that refuse UPDATE and DELETE on TABLE
//	{{drop_append_only:TABLE}}
//	{{sqlite}}, {{postgres}} at the start of a line: for that database only
//	{{balanced_journals}}    triggers that refuse journals which do not balance,
//	                         on PostgreSQL; SQLite has none that see a statement
//	                         or a transaction as a whole
//	{{drop_balanced_journals}}
//
// Moments are BIGINT microseconds since 1970 UTC (NULL = not set), money is
// BIGINT fen, JSON is TEXT.
package migrations

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
)

//go:embed *.sql
var files embed.FS

// Dialect is a database the schema is written for.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// For gives the migration files as the dialect reads them. An unknown dialect
// or placeholder is an error of reading.
func For(dialect Dialect) fs.FS { return translated{dialect} }

// translated is the embedded files with their placeholders replaced.
type translated struct{ dialect Dialect }

// Open gives a file in the dialect's own words, or a folder as it is.
func (t translated) Open(name string) (fs.File, error) {
	file, err := files.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	defer func() { _ = file.Close() }() // embedded: nothing to lose
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	text, err := t.expand(string(body))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &textFile{Reader: bytes.NewReader([]byte(text)), info: textInfo{info, int64(len(text))}}, nil
}

// ReadDir lists a folder of the embedded files.
func (t translated) ReadDir(name string) ([]fs.DirEntry, error) { return files.ReadDir(name) }

// expand replaces every placeholder.
func (t translated) expand(text string) (string, error) {
	var failed error
	placeholder := regexp.MustCompile(`\{\{([a-z_]+)(?::([a-z_]+))?\}\}`)
	expanded := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		parts := placeholder.FindStringSubmatch(found)
		replaced, ok := t.macro(parts[1], parts[2])
		if !ok {
			failed = fmt.Errorf("placeholder %s has no meaning in %q", found, t.dialect)
		}
		return replaced
	})
	return expanded, failed
}

// macro gives a placeholder's text and whether the dialect knows it.
func (t translated) macro(name, table string) (string, bool) {
	switch string(t.dialect) + " " + name {
	case "sqlite sqlite", "postgres postgres":
		return "", true
	case "sqlite postgres", "postgres sqlite":
		return "--", true
	case "sqlite blob":
		return "BLOB", true
	case "sqlite append_only":
		return sqliteAppendOnly(table), true
	case "sqlite drop_append_only":
		return "", true // dropped with their table
	case "sqlite balanced_journals", "sqlite drop_balanced_journals":
		return "", true
	case "postgres balanced_journals":
		return postgresBalancedJournals, true
	case "postgres drop_balanced_journals":
		return "DROP FUNCTION postings_refuse_unbalanced CASCADE;\nDROP FUNCTION journals_refuse_empty CASCADE;", true
	case "postgres blob":
		return "BYTEA", true
	case "postgres append_only":
		return postgresAppendOnly(table), true
	case "postgres drop_append_only":
		return fmt.Sprintf("DROP FUNCTION %s_refuse_change CASCADE;", table), true
	}
	return "", false
}

func sqliteAppendOnly(table string) string {
	const trigger = `-- +goose StatementBegin
CREATE TRIGGER %[1]s_no_%[2]s BEFORE %[2]s ON %[1]s
BEGIN SELECT RAISE(ABORT, '%[1]s is append-only'); END;
-- +goose StatementEnd
`
	return fmt.Sprintf(trigger, table, "update") + fmt.Sprintf(trigger, table, "delete")
}

func postgresAppendOnly(table string) string {
	return fmt.Sprintf(`-- +goose StatementBegin
CREATE FUNCTION %[1]s_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%[1]s is append-only' USING ERRCODE = 'check_violation'; END $$;
-- +goose StatementEnd
CREATE TRIGGER %[1]s_append_only BEFORE UPDATE OR DELETE ON %[1]s
FOR EACH ROW EXECUTE FUNCTION %[1]s_refuse_change();
`, table)
}

// postgresBalancedJournals lets a statement add to a journal only postings
// that sum to zero, and a transaction end only when each of its new journals
// has two postings or more: so every journal balances, always.
const postgresBalancedJournals = `-- +goose StatementBegin
CREATE FUNCTION postings_refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM added GROUP BY journal_id HAVING SUM(amount_fen) <> 0) THEN
        RAISE EXCEPTION 'a journal does not balance' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER postings_balance AFTER INSERT ON postings REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION postings_refuse_unbalanced();
-- +goose StatementBegin
CREATE FUNCTION journals_refuse_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT COUNT(*) FROM (SELECT 1 FROM postings WHERE journal_id = NEW.id LIMIT 2) AS found) < 2 THEN
        RAISE EXCEPTION 'a journal has fewer than two postings' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER journals_posted AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION journals_refuse_empty();
`

// textFile is one translated file.
type textFile struct {
	*bytes.Reader
	info textInfo
}

func (f *textFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *textFile) Close() error               { return nil }

type textInfo struct {
	fs.FileInfo
	size int64
}

func (i textInfo) Size() int64 { return i.size }

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	pgplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
)

const (
	mainSchema       = "postgresql/v12/temporal"
	visibilitySchema = "postgresql/v12/visibility"

	sqlStateNoDatabase           = "3D000"
	sqlStateDatabaseExists       = "42P04"
	postgresShards         int32 = 4
)

// openPostgres creates the two databases when they are missing and brings their schemas up to this server's version.
// The DSN names the main database ("temporal" when it names none); visibility is beside it, with the suffix _visibility.
func openPostgres(ctx context.Context, dsn string, logger log.Logger) (storage, error) {
	base, err := postgresConfig(dsn)
	if err != nil {
		return storage{}, err
	}
	visibility := *base
	visibility.DatabaseName += "_visibility"
	// Each of the four services opens both pools: 48 connections at most, of the usual 100.
	base.MaxConns, base.MaxIdleConns = 9, 9
	visibility.MaxConns, visibility.MaxIdleConns = 3, 3

	for _, database := range []struct {
		cfg    *config.SQL
		schema string
	}{{base, mainSchema}, {&visibility, visibilitySchema}} {
		if err := ensureDatabase(ctx, dsn, database.cfg.DatabaseName); err != nil {
			return storage{}, err
		}
		if err := upgradeSchema(database.cfg, database.schema, logger); err != nil {
			return storage{}, fmt.Errorf("upgrade schema of database %s: %w", database.cfg.DatabaseName, err)
		}
	}
	return storage{main: base, visibility: &visibility, shards: postgresShards, engine: "postgresql"}, nil
}

// postgresConfig translates a DSN in URL form.
func postgresConfig(dsn string) (*config.SQL, error) {
	u, err := url.Parse(dsn)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// The text of a parse error repeats the DSN, and with it the password.
		return nil, usagef("--postgres wants postgres://user:password@host:port/database")
	}
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" {
		name = "temporal"
	}
	if strings.ContainsAny(name, `"/`) {
		return nil, usagef("--postgres names an impossible database %q", name)
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = "5432"
	}
	// The driver's own default: the server's would be to insist on no TLS.
	attributes := map[string]string{"sslmode": "prefer"}
	for key, values := range u.Query() {
		attributes[key] = values[0]
	}
	password, _ := u.User.Password()
	return &config.SQL{
		PluginName:        pgplugin.PluginNamePGX,
		ConnectProtocol:   "tcp",
		ConnectAddr:       net.JoinHostPort(host, port),
		User:              url.QueryEscape(u.User.Username()),
		Password:          password,
		DatabaseName:      name,
		ConnectAttributes: attributes,
	}, nil
}

// ensureDatabase leaves an existing database alone, so that a role without CREATEDB can use one made for it.
func ensureDatabase(ctx context.Context, dsn, name string) error {
	err := connect(ctx, dsn, name, func(*pgx.Conn) error { return nil })
	if !hasState(err, sqlStateNoDatabase) {
		return err
	}
	create := func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
		return err
	}
	// Some hosts have no database "postgres".
	err = connect(ctx, dsn, "postgres", create)
	if hasState(err, sqlStateNoDatabase) {
		err = connect(ctx, dsn, "template1", create)
	}
	if err != nil && !hasState(err, sqlStateDatabaseExists) {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

func connect(ctx context.Context, dsn, database string, use func(*pgx.Conn) error) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return usagef("--postgres cannot be read as a PostgreSQL URL")
	}
	cfg.Database = database
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return errors.Join(use(conn), conn.Close(ctx))
}

func hasState(err error, state string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == state
}

// upgradeSchema runs the module's own embedded migrations; on a current schema it changes nothing.
func upgradeSchema(cfg *config.SQL, name string, logger log.Logger) error {
	conn, err := sqltool.NewConnection(cfg, logger)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, logger).Run(); err != nil {
		return fmt.Errorf("set up version tables: %w", err)
	}
	if err := schema.NewUpdateSchemaTask(conn, &schema.UpdateConfig{SchemaName: name}, logger).Run(); err != nil {
		return fmt.Errorf("apply migrations: %w", err)
	}
	return nil
}

-- +goose Up
CREATE TABLE statements (
    rail      TEXT   NOT NULL,
    day       TEXT   NOT NULL,
    import_id TEXT   NOT NULL,
    lines     BIGINT NOT NULL,
    out_fen   BIGINT NOT NULL,
    in_fen    BIGINT NOT NULL,
    PRIMARY KEY (rail, day)
);
CREATE UNIQUE INDEX statements_import ON statements (import_id);

CREATE TABLE statement_lines (
    import_id  TEXT   NOT NULL, -- of no statement while it is being read
    n          BIGINT NOT NULL,
    key        TEXT   NOT NULL,
    ref        TEXT   NOT NULL,
    direction  TEXT   NOT NULL CHECK (direction IN ('in', 'out')),
    returned   BIGINT NOT NULL,
    amount_fen BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (import_id, n)
);
CREATE INDEX statement_lines_key ON statement_lines (import_id, key, n);
CREATE INDEX statement_lines_of ON statement_lines (key) WHERE key <> '';

-- Everything of ours that moves money over a rail. What adds another kind of
-- movement replaces this view.
CREATE VIEW our_movements AS
    SELECT key, rail, 'out' AS direction, amount_fen,
        CASE state WHEN 'paid' THEN 'moved' WHEN 'reversed' THEN 'undone' WHEN 'failed' THEN 'not_moved' ELSE 'open' END AS state,
        settled_at, reversed_at, 'drawdown/' || drawdown_id AS subject
    FROM payouts;
CREATE INDEX payouts_reversed ON payouts (rail, reversed_at) WHERE reversed_at IS NOT NULL;

CREATE TABLE reconciliations (
    rail          TEXT   NOT NULL,
    day           TEXT   NOT NULL,
    hash          TEXT   NOT NULL,
    ran_at        BIGINT NOT NULL,
    statement     TEXT   NOT NULL,
    ours          TEXT   NOT NULL,
    ledger_fen    BIGINT NOT NULL,
    matched       BIGINT NOT NULL,
    breaks        BIGINT NOT NULL,
    lost          BIGINT NOT NULL,
    double_paid   BIGINT NOT NULL,
    PRIMARY KEY (rail, day)
);

CREATE TABLE breaks (
    id        TEXT PRIMARY KEY,
    rail      TEXT   NOT NULL,
    day       TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    rails_fen BIGINT NOT NULL,
    ours_fen  BIGINT NOT NULL,
    subject   TEXT   NOT NULL,
    state     TEXT   NOT NULL CHECK (state IN ('open', 'closed')),
    owner     TEXT   NOT NULL,
    by_hand   BIGINT NOT NULL, -- closed by a person: finding it again does not open it
    opened_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX breaks_open ON breaks (opened_at, id) WHERE state = 'open';
CREATE INDEX breaks_of ON breaks (rail, day);

CREATE TABLE break_events (
    break_id TEXT   NOT NULL REFERENCES breaks (id),
    n        BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    by_whom  TEXT   NOT NULL,
    what     TEXT   NOT NULL,
    note     TEXT   NOT NULL,
    PRIMARY KEY (break_id, n)
);

-- +goose Down
DROP TABLE break_events;
DROP TABLE breaks;
DROP TABLE reconciliations;
DROP INDEX payouts_reversed;
DROP VIEW our_movements;
DROP TABLE statement_lines;
DROP TABLE statements;

-- +goose Up
-- What is collected from merchants' accounts. A debit is written only while
-- its loan is locked.
CREATE TABLE debits (
    key           TEXT PRIMARY KEY,
    loan_id       TEXT   NOT NULL REFERENCES loans (id),
    merchant_id   TEXT   NOT NULL,
    number        BIGINT NOT NULL CHECK (number >= 1), -- of the loan
    version       BIGINT NOT NULL,
    origin        TEXT   NOT NULL CHECK (origin IN ('schedule', 'request')),
    request_key   TEXT   NOT NULL,
    request_hash  TEXT   NOT NULL,
    payload_hash  TEXT   NOT NULL,
    amount_fen    BIGINT NOT NULL CHECK (amount_fen > 0),
    early         BIGINT NOT NULL,
    line          BIGINT NOT NULL,
    rail          TEXT   NOT NULL,
    account       {{blob}} NOT NULL, -- encrypted: account and holder
    state         TEXT   NOT NULL CHECK (state IN ('requested', 'sent', 'unknown', 'collected', 'failed')),
    calls         BIGINT NOT NULL CHECK (calls >= 0),
    unsent        BIGINT NOT NULL CHECK (unsent >= 0 AND unsent <= calls),
    asks          BIGINT NOT NULL,
    first_call_at BIGINT,
    last_call_at  BIGINT,
    waits_for     TEXT   NOT NULL,
    rail_ref      TEXT   NOT NULL,
    failure_code  TEXT   NOT NULL,
    failure       TEXT   NOT NULL CHECK (failure IN ('', 'shortfall', 'account', 'refused', 'dropped')),
    event_id      TEXT   NOT NULL, -- of the repayment it became
    created_at    BIGINT NOT NULL,
    settled_at    BIGINT,
    CHECK ((state = 'collected') = (event_id <> ''))
);
CREATE UNIQUE INDEX debits_number ON debits (loan_id, number);
-- Never two debits of one loan under way.
CREATE UNIQUE INDEX debits_open ON debits (loan_id) WHERE state IN ('requested', 'sent', 'unknown');
CREATE UNIQUE INDEX debits_request ON debits (loan_id, request_key) WHERE request_key <> '';
CREATE INDEX debits_newest ON debits (created_at, key);
CREATE INDEX debits_unsettled ON debits (created_at, key) WHERE state IN ('requested', 'sent', 'unknown');
CREATE INDEX debits_settled ON debits (rail, settled_at, key);

CREATE TABLE debit_cases (
    id          TEXT PRIMARY KEY,
    key         TEXT   NOT NULL REFERENCES debits (key),
    loan_id     TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('open', 'proposed', 'closed')),
    owner       TEXT   NOT NULL,
    opened_at   BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    reference   TEXT   NOT NULL,
    note        TEXT   NOT NULL,
    proposed_by TEXT   NOT NULL,
    proposed_at BIGINT,
    closed_by   TEXT   NOT NULL,
    closed_at   BIGINT,
    CHECK (state <> 'closed' OR outcome = 'rail_answered' OR proposed_by <> closed_by)
);
CREATE UNIQUE INDEX debit_cases_debit ON debit_cases (key, reason);
CREATE INDEX debit_cases_open ON debit_cases (opened_at, id) WHERE state <> 'closed';

-- A merchant's word on automatic debits; no row: as the loan contract says.
CREATE TABLE debit_consents (
    merchant_id TEXT PRIMARY KEY REFERENCES merchants (id),
    withdrawn   BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);

-- What is known of each loan's collection beside its debits.
CREATE TABLE debit_plans (
    loan_id     TEXT PRIMARY KEY REFERENCES loans (id),
    look_at     BIGINT NOT NULL, -- when the plan looks again
    held_until  BIGINT NOT NULL, -- a day; 0 = not held
    held_reason TEXT   NOT NULL,
    held_by     TEXT   NOT NULL
);

-- Reminders, once per loan, line and kind.
CREATE TABLE loan_notices (
    loan_id     TEXT   NOT NULL REFERENCES loans (id),
    line        BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    merchant_id TEXT   NOT NULL,
    template    TEXT   NOT NULL,
    due_on      BIGINT NOT NULL,
    amount_fen  BIGINT NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('planned', 'sent', 'dropped')),
    planned_at  BIGINT NOT NULL,
    sent_at     BIGINT,
    PRIMARY KEY (loan_id, line, kind)
);
CREATE INDEX loan_notices_planned ON loan_notices (planned_at, loan_id) WHERE state = 'planned';
CREATE INDEX loan_instalments_due ON loan_instalments (due_on, loan_id, number) WHERE unpaid_fen > 0;

DROP VIEW our_movements;
CREATE VIEW our_movements AS
    SELECT key, rail, 'out' AS direction, amount_fen,
        CASE state WHEN 'paid' THEN 'moved' WHEN 'reversed' THEN 'undone' WHEN 'failed' THEN 'not_moved' ELSE 'open' END AS state,
        settled_at, reversed_at, 'drawdown/' || drawdown_id AS subject
    FROM payouts
    UNION ALL
    SELECT key, rail, 'in' AS direction, amount_fen,
        CASE state WHEN 'collected' THEN 'moved' WHEN 'failed' THEN 'not_moved' ELSE 'open' END AS state,
        settled_at, NULL AS reversed_at, 'loan/' || loan_id AS subject
    FROM debits;

-- +goose Down
DROP VIEW our_movements;
CREATE VIEW our_movements AS
    SELECT key, rail, 'out' AS direction, amount_fen,
        CASE state WHEN 'paid' THEN 'moved' WHEN 'reversed' THEN 'undone' WHEN 'failed' THEN 'not_moved' ELSE 'open' END AS state,
        settled_at, reversed_at, 'drawdown/' || drawdown_id AS subject
    FROM payouts;
DROP INDEX loan_instalments_due;
DROP TABLE loan_notices;
DROP TABLE debit_plans;
DROP TABLE debit_consents;
DROP TABLE debit_cases;
DROP TABLE debits;

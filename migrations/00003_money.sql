-- +goose Up
CREATE TABLE drawdowns (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    line_id      TEXT   NOT NULL REFERENCES lines (id),
    merchant_id  TEXT   NOT NULL REFERENCES merchants (id),
    key          TEXT   NOT NULL,
    payload_hash TEXT   NOT NULL,
    amount_fen   BIGINT NOT NULL CHECK (amount_fen > 0),
    tenor_months BIGINT NOT NULL CHECK (tenor_months >= 0),
    repayment    TEXT   NOT NULL,
    rate_bps     BIGINT NOT NULL CHECK (rate_bps >= 0),
    state        TEXT   NOT NULL CHECK (state IN ('requested', 'paying', 'unknown', 'paid', 'failed')),
    failure_code TEXT   NOT NULL,
    requested_at BIGINT NOT NULL,
    settled_at   BIGINT
);
CREATE UNIQUE INDEX drawdowns_key ON drawdowns (line_id, key);
CREATE INDEX drawdowns_of_merchant ON drawdowns (merchant_id, requested_at, id);
CREATE INDEX drawdowns_newest ON drawdowns (requested_at, id);
CREATE INDEX drawdowns_unsettled ON drawdowns (requested_at, id)
    WHERE state IN ('requested', 'paying', 'unknown');

CREATE TABLE journals (
    id          TEXT PRIMARY KEY,
    key         TEXT   NOT NULL CHECK (key <> ''),
    subject     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    reverses_id TEXT   REFERENCES journals (id),
    booked_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX journals_key ON journals (key);
CREATE UNIQUE INDEX journals_reverses ON journals (reverses_id) WHERE reverses_id IS NOT NULL;
CREATE INDEX journals_subject ON journals (subject);
{{append_only:journals}}
CREATE TABLE postings (
    journal_id TEXT   NOT NULL REFERENCES journals (id),
    n          BIGINT NOT NULL,
    account    TEXT   NOT NULL CHECK (account <> ''),
    amount_fen BIGINT NOT NULL CHECK (amount_fen <> 0),
    PRIMARY KEY (journal_id, n)
);
{{append_only:postings}}
CREATE TABLE payouts (
    key          TEXT PRIMARY KEY,
    drawdown_id  TEXT   NOT NULL REFERENCES drawdowns (id),
    version      BIGINT NOT NULL,
    payload_hash TEXT   NOT NULL,
    amount_fen   BIGINT NOT NULL CHECK (amount_fen > 0),
    rail         TEXT   NOT NULL,
    account      {{blob}} NOT NULL, -- encrypted: account and holder
    state        TEXT   NOT NULL CHECK (state IN ('sent', 'unknown', 'paid', 'failed')),
    calls        BIGINT NOT NULL CHECK (calls >= 0),
    asks         BIGINT NOT NULL CHECK (asks >= 0),
    last_call_at BIGINT,
    last_ask_at  BIGINT,
    rail_ref     TEXT   NOT NULL,
    failure_code TEXT   NOT NULL,
    created_at   BIGINT,
    settled_at   BIGINT,
    journal_id   TEXT   NOT NULL REFERENCES journals (id) -- booked when the amount was reserved
);
CREATE UNIQUE INDEX payouts_drawdown ON payouts (drawdown_id);

-- +goose Down
DROP TABLE payouts;
{{drop_append_only:postings}}
DROP TABLE postings;
{{drop_append_only:journals}}
DROP TABLE journals;
DROP TABLE drawdowns;

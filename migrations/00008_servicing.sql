-- +goose Up
-- One loan for each drawdown that was paid. The contract is the truth beside
-- loan_events; what follows from both on a day is kept here for lists and the
-- end of day.
CREATE TABLE loans (
    id              TEXT PRIMARY KEY REFERENCES drawdowns (id),
    version         BIGINT NOT NULL,
    line_id         TEXT   NOT NULL REFERENCES lines (id),
    merchant_id     TEXT   NOT NULL REFERENCES merchants (id),
    part            BIGINT NOT NULL CHECK (part >= 0 AND part < 64), -- of the end of day, by hash of the id
    contract        TEXT   NOT NULL, -- JSON, the product's snapshot in it
    principal_fen   BIGINT NOT NULL CHECK (principal_fen > 0),
    released_fen    BIGINT NOT NULL CHECK (released_fen >= 0 AND released_fen <= principal_fen), -- headroom given back to the line
    disbursed_on    BIGINT NOT NULL, -- days since 1970-01-01 in the lender's zone, as all days here
    opened_at       BIGINT NOT NULL,
    through_on      BIGINT NOT NULL, -- booked up to the end of this day
    wake_on         BIGINT,          -- the first day on which something changes by itself; NULL = never
    state           TEXT   NOT NULL CHECK (state IN ('active', 'closed', 'charged_off', 'cancelled')),
    outstanding_fen BIGINT NOT NULL CHECK (outstanding_fen >= 0), -- principal, on the books
    due_fen         BIGINT NOT NULL, -- demanded and unpaid
    overdue_fen     BIGINT NOT NULL,
    credit_fen      BIGINT NOT NULL,
    written_off_fen BIGINT NOT NULL, -- principal still owed off the books
    recovered_fen   BIGINT NOT NULL,
    dpd             BIGINT NOT NULL CHECK (dpd >= 0),
    worst_dpd       BIGINT NOT NULL,
    class           TEXT   NOT NULL CHECK (class IN ('normal', 'special_mention', 'substandard', 'doubtful', 'loss')),
    next_due        BIGINT,
    next_due_fen    BIGINT NOT NULL
);
CREATE INDEX loans_of_merchant ON loans (merchant_id, opened_at, id);
CREATE INDEX loans_of_line ON loans (line_id);
CREATE INDEX loans_wake ON loans (part, wake_on, id) WHERE wake_on IS NOT NULL;
CREATE INDEX loans_next_due ON loans (next_due, id) WHERE next_due IS NOT NULL;
CREATE INDEX loans_due ON loans (id) WHERE due_fen > 0 AND state = 'active';

CREATE TABLE loan_events (
    id           TEXT PRIMARY KEY,
    loan_id      TEXT   NOT NULL REFERENCES loans (id),
    seq          BIGINT NOT NULL, -- order of recording
    kind         TEXT   NOT NULL,
    on_day       BIGINT NOT NULL,
    amount_fen   BIGINT NOT NULL,
    reverses_id  TEXT   REFERENCES loan_events (id),
    payload_hash TEXT   NOT NULL,
    event        TEXT   NOT NULL, -- JSON
    recorded_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX loan_events_seq ON loan_events (loan_id, seq);
CREATE UNIQUE INDEX loan_events_reverses ON loan_events (reverses_id) WHERE reverses_id IS NOT NULL;
{{append_only:loan_events}}
-- Which entry of a loan's replay a journal books.
CREATE TABLE loan_journals (
    journal_id     TEXT PRIMARY KEY REFERENCES journals (id),
    loan_id        TEXT   NOT NULL REFERENCES loans (id),
    entry_key      TEXT   NOT NULL,
    revision       BIGINT NOT NULL CHECK (revision >= 1),
    on_day         BIGINT NOT NULL,
    cause          TEXT   NOT NULL, -- event id, or the day that brought it about
    reversed_cause TEXT             -- NULL = it stands
);
CREATE UNIQUE INDEX loan_journals_revision ON loan_journals (loan_id, entry_key, revision);
CREATE UNIQUE INDEX loan_journals_live ON loan_journals (loan_id, entry_key) WHERE reversed_cause IS NULL;

CREATE TABLE loan_instalments (
    loan_id    TEXT   NOT NULL REFERENCES loans (id),
    number     BIGINT NOT NULL,
    due_on     BIGINT NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('upcoming', 'due', 'overdue', 'paid')),
    owed_fen   BIGINT NOT NULL,
    unpaid_fen BIGINT NOT NULL,
    paid_on    BIGINT,
    PRIMARY KEY (loan_id, number)
);

CREATE TABLE borrowers (
    merchant_id   TEXT PRIMARY KEY REFERENCES merchants (id),
    version       BIGINT NOT NULL,
    class         TEXT   NOT NULL CHECK (class IN ('normal', 'special_mention', 'substandard', 'doubtful', 'loss')),
    dpd           BIGINT NOT NULL CHECK (dpd >= 0),
    worst_dpd     BIGINT NOT NULL,
    classified_at BIGINT NOT NULL
);

-- What one person proposes and another decides.
CREATE TABLE loan_proposals (
    id          TEXT PRIMARY KEY,
    loan_id     TEXT   NOT NULL REFERENCES loans (id),
    kind        TEXT   NOT NULL CHECK (kind IN ('charge_off')),
    reason      TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('open', 'approved', 'refused')),
    proposed_by TEXT   NOT NULL,
    proposed_at BIGINT NOT NULL,
    decided_by  TEXT   NOT NULL,
    decided_at  BIGINT,
    CHECK (state = 'open' OR decided_by <> proposed_by)
);
CREATE UNIQUE INDEX loan_proposals_open ON loan_proposals (loan_id, kind) WHERE state = 'open';

-- The end of a day, in parts. A lease is a time, so none is left behind.
CREATE TABLE eod_runs (
    day         BIGINT NOT NULL,
    part        BIGINT NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('open', 'done')),
    owner       TEXT   NOT NULL,
    lease_until BIGINT,
    loans       BIGINT NOT NULL,
    journals    BIGINT NOT NULL,
    failed      BIGINT NOT NULL, -- loans that could not be closed; the next run takes them up again
    error       TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (day, part)
);

-- +goose Down
DROP TABLE eod_runs;
DROP TABLE loan_proposals;
DROP TABLE borrowers;
DROP TABLE loan_instalments;
DROP TABLE loan_journals;
{{drop_append_only:loan_events}}
DROP TABLE loan_events;
DROP TABLE loans;

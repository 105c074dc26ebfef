-- +goose Up
CREATE INDEX journals_booked ON journals (booked_at, id);
-- `ledger verify` walks the books subject by subject.
DROP INDEX journals_subject;
CREATE INDEX journals_subject ON journals (subject, id);
{{balanced_journals}}
-- Balances of every account at a moment: derived from the journals booked
-- before it, made anew at will and checked by `ledger verify`.
CREATE TABLE ledger_closings (
    before     BIGINT NOT NULL,
    account    TEXT   NOT NULL,
    amount_fen BIGINT NOT NULL,
    postings   BIGINT NOT NULL CHECK (postings > 0),
    PRIMARY KEY (before, account)
);

-- How each loan stood at the end of each month; the running month's row is of
-- its last end of day.
CREATE TABLE loan_snapshots (
    month           BIGINT NOT NULL, -- months since January 1970, in the lender's zone
    loan_id         TEXT   NOT NULL,
    on_day          BIGINT NOT NULL, -- days since 1970-01-01: the day the row shows
    cohort          BIGINT NOT NULL, -- month of the payout, counted as month is
    disbursed_fen   BIGINT NOT NULL CHECK (disbursed_fen > 0),
    outstanding_fen BIGINT NOT NULL CHECK (outstanding_fen >= 0), -- principal on the books
    dpd             BIGINT NOT NULL CHECK (dpd >= 0),
    class           TEXT   NOT NULL CHECK (class IN ('normal', 'special_mention', 'substandard', 'doubtful', 'loss')),
    state           TEXT   NOT NULL CHECK (state IN ('active', 'settled', 'charged_off')),
    charged_off_fen BIGINT NOT NULL CHECK (charged_off_fen >= 0), -- principal, all that was ever charged off
    recovered_fen   BIGINT NOT NULL CHECK (recovered_fen >= 0),   -- of it, ever
    CHECK (cohort <= month),
    PRIMARY KEY (month, loan_id)
);

CREATE INDEX loan_snapshots_of_loan ON loan_snapshots (loan_id, month);

-- What was used for an application, a merchant or a draw, in batches: a batch
-- stored twice is stored once. Prices are data elsewhere, by item and day.
CREATE TABLE cost_entries (
    batch    TEXT   NOT NULL,
    n        BIGINT NOT NULL,
    subject  TEXT   NOT NULL, -- application/…, merchant/…; empty: nobody's
    item     TEXT   NOT NULL CHECK (item <> ''),
    on_day   BIGINT NOT NULL, -- days since 1970-01-01, in the lender's zone
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (batch, n)
);
CREATE INDEX cost_entries_day ON cost_entries (on_day);
CREATE INDEX cost_entries_subject ON cost_entries (subject, item);
{{append_only:cost_entries}}
-- +goose Down
{{drop_append_only:cost_entries}}
DROP TABLE cost_entries;
DROP TABLE loan_snapshots;
DROP TABLE ledger_closings;
{{drop_balanced_journals}}
DROP INDEX journals_subject;
CREATE INDEX journals_subject ON journals (subject);
DROP INDEX journals_booked;

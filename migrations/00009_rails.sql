-- +goose Up
{{postgres}} ALTER TABLE drawdowns DROP CONSTRAINT drawdowns_state_check;
{{postgres}} ALTER TABLE drawdowns ADD CONSTRAINT drawdowns_state_check CHECK (state IN ('requested', 'paying', 'unknown', 'paid', 'failed', 'reversed'));
{{postgres}} ALTER TABLE payouts DROP CONSTRAINT payouts_state_check;
{{postgres}} ALTER TABLE payouts ADD CONSTRAINT payouts_state_check CHECK (state IN ('requested', 'sent', 'unknown', 'paid', 'failed', 'reversed'));
-- SQLite alters no CHECK; what stands on the disk stays as it is, so that the text of the schema may be edited (sqlite.org/lang_altertable.html, section 7).
{{sqlite}} PRAGMA writable_schema = ON;
{{sqlite}} UPDATE sqlite_schema SET sql = replace(sql, '''unknown'', ''paid'', ''failed'')', '''unknown'', ''paid'', ''failed'', ''reversed'')') WHERE type = 'table' AND name = 'drawdowns';
{{sqlite}} UPDATE sqlite_schema SET sql = replace(sql, '(''sent'', ''unknown'', ''paid'', ''failed'')', '(''requested'', ''sent'', ''unknown'', ''paid'', ''failed'', ''reversed'')') WHERE type = 'table' AND name = 'payouts';
{{sqlite}} PRAGMA writable_schema = RESET;

ALTER TABLE payouts ADD COLUMN attempt BIGINT NOT NULL DEFAULT 1; -- of the drawdown; another rail is another attempt
ALTER TABLE payouts ADD COLUMN unsent BIGINT NOT NULL DEFAULT 0; -- calls that surely did not leave
ALTER TABLE payouts ADD COLUMN first_call_at BIGINT; -- the first call that may have left
ALTER TABLE payouts ADD COLUMN admitted_day TEXT NOT NULL DEFAULT ''; -- the day whose limit it counts against
ALTER TABLE payouts ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
ALTER TABLE payouts ADD COLUMN waits_since BIGINT;
ALTER TABLE payouts ADD COLUMN reversed_at BIGINT;
ALTER TABLE payouts ADD COLUMN told_at BIGINT; -- the merchant was told of the reversal
DROP INDEX payouts_drawdown;
CREATE UNIQUE INDEX payouts_attempt ON payouts (drawdown_id, attempt);
-- At most one attempt of a drawdown is open or has paid.
CREATE UNIQUE INDEX payouts_open ON payouts (drawdown_id) WHERE state IN ('requested', 'sent', 'unknown', 'paid');
CREATE INDEX payouts_newest ON payouts (created_at, key);
CREATE INDEX payouts_settled ON payouts (rail, settled_at, key);
CREATE INDEX payouts_untold ON payouts (key) WHERE state = 'reversed' AND told_at IS NULL;

CREATE TABLE payout_stops (
    rail       TEXT PRIMARY KEY, -- '*' = all
    reason     TEXT   NOT NULL,
    stopped_by TEXT   NOT NULL,
    stopped_at BIGINT NOT NULL
);

CREATE TABLE payout_days (
    rail       TEXT   NOT NULL,
    day        TEXT   NOT NULL, -- 2026-11-11, in the lender's zone
    amount_fen BIGINT NOT NULL,
    payouts    BIGINT NOT NULL,
    PRIMARY KEY (rail, day)
);

CREATE TABLE payout_cases (
    id          TEXT PRIMARY KEY,
    payout_key  TEXT   NOT NULL REFERENCES payouts (key),
    drawdown_id TEXT   NOT NULL,
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
    CHECK (state <> 'closed' OR outcome NOT IN ('paid', 'failed') OR proposed_by <> closed_by)
);
CREATE UNIQUE INDEX payout_cases_payout ON payout_cases (payout_key, reason);
CREATE INDEX payout_cases_open ON payout_cases (opened_at, id) WHERE state <> 'closed';

-- +goose Down
DROP TABLE payout_cases;
DROP TABLE payout_days;
DROP TABLE payout_stops;
DROP INDEX payouts_untold;
DROP INDEX payouts_settled;
DROP INDEX payouts_newest;
DROP INDEX payouts_open;
DROP INDEX payouts_attempt;
DELETE FROM payouts WHERE attempt > 1;
CREATE UNIQUE INDEX payouts_drawdown ON payouts (drawdown_id);
ALTER TABLE payouts DROP COLUMN told_at;
ALTER TABLE payouts DROP COLUMN reversed_at;
ALTER TABLE payouts DROP COLUMN waits_since;
ALTER TABLE payouts DROP COLUMN waits_for;
ALTER TABLE payouts DROP COLUMN admitted_day;
ALTER TABLE payouts DROP COLUMN first_call_at;
ALTER TABLE payouts DROP COLUMN unsent;
ALTER TABLE payouts DROP COLUMN attempt;

-- +goose Up
ALTER TABLE loans ADD COLUMN charged_off_fen BIGINT NOT NULL DEFAULT 0; -- principal ever taken off the books, less what was put back
ALTER TABLE loans ADD COLUMN recovered_principal_fen BIGINT NOT NULL DEFAULT 0; -- of it, ever
-- A month's end walks what is open, part by part, and what was closed since the last one.
CREATE INDEX loans_open ON loans (part, id) WHERE state IN ('active', 'charged_off');
CREATE INDEX loans_closed ON loans (part, through_on, id) WHERE state = 'closed';
CREATE INDEX loans_cancelled ON loans (id) WHERE state = 'cancelled';
ALTER TABLE eod_runs ADD COLUMN snapshots BIGINT NOT NULL DEFAULT 0; -- loans whose month's end is kept

-- +goose Down
ALTER TABLE eod_runs DROP COLUMN snapshots;
DROP INDEX loans_cancelled;
DROP INDEX loans_closed;
DROP INDEX loans_open;
ALTER TABLE loans DROP COLUMN recovered_principal_fen;
ALTER TABLE loans DROP COLUMN charged_off_fen;

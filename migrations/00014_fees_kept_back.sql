-- +goose Up
-- What a draw was agreed by: the product its loan is made of, and what that
-- keeps back at payout. The line is charged the whole amount.
ALTER TABLE drawdowns ADD COLUMN fee_fen BIGINT NOT NULL DEFAULT 0 CHECK (fee_fen >= 0);
ALTER TABLE drawdowns ADD COLUMN product_id TEXT NOT NULL DEFAULT ''; -- empty: the newest that repays that way when it is paid
ALTER TABLE drawdowns ADD COLUMN product_version BIGINT NOT NULL DEFAULT 0;

-- A write-back is decided by two people as well.
{{postgres}} ALTER TABLE loan_proposals DROP CONSTRAINT loan_proposals_kind_check;
{{postgres}} ALTER TABLE loan_proposals ADD CONSTRAINT loan_proposals_kind_check CHECK (kind IN ('charge_off', 'write_back'));
-- See 00009: what stands on the disk stays as it is.
{{sqlite}} PRAGMA writable_schema = ON;
{{sqlite}} UPDATE sqlite_schema SET sql = replace(sql, '(''charge_off'')', '(''charge_off'', ''write_back'')') WHERE type = 'table' AND name = 'loan_proposals';
{{sqlite}} PRAGMA writable_schema = RESET;

-- +goose Down
ALTER TABLE drawdowns DROP COLUMN product_version;
ALTER TABLE drawdowns DROP COLUMN product_id;
ALTER TABLE drawdowns DROP COLUMN fee_fen;

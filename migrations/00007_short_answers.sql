-- +goose Up
-- Answers that sign somebody in: the cookie they set, and until when they are
-- kept.
ALTER TABLE idempotency_keys ADD COLUMN set_cookie {{blob}}; -- encrypted; NULL: none
ALTER TABLE idempotency_keys ADD COLUMN keep_until BIGINT;   -- NULL: as long as all others
CREATE INDEX idempotency_keys_short ON idempotency_keys (keep_until) WHERE keep_until IS NOT NULL;

-- +goose Down
DROP INDEX idempotency_keys_short;
ALTER TABLE idempotency_keys DROP COLUMN keep_until;
ALTER TABLE idempotency_keys DROP COLUMN set_cookie;

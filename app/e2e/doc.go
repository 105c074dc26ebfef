// Package e2e proves the product whole: real Temporal as a child process, real
// SQLite, every provider simulated over HTTP, and workers that are killed. The
// rule: what the product says of itself is held against books it does not
// keep, first of all the payout rail's own. Everything in it is tests.
package e2e

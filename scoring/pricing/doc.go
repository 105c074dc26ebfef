// Package pricing turns a score and what a merchant can be shown to earn into
// a limit and a price, and a loan into its schedule. The one rule: money is
// integer fen, rounded half up per line, and the last line takes the rest.
package pricing

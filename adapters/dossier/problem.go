package dossier

import (
	"fmt"

	"loan310/app/fault"
)

// Codes of refused dossiers.
const (
	CodeRow   fault.Code = "dossier_row_invalid"     // a value or a row breaks a rule
	CodeFile  fault.Code = "dossier_file_invalid"    // missing, unreadable, wrong header
	CodeLarge fault.Code = "dossier_field_too_large" // a line or a row over the limit
)

// RowError is one broken rule. It prints as "file:line: column: reason" and
// carries a fault of kind Invalid.
type RowError struct {
	File   string // name within the directory, such as "orders.csv.gz"
	Line   int    // 1-based physical line the row starts on; 0 = the whole file
	Column string // header name, "row" for the row as a whole, "header"
	Code   fault.Code
	Reason string
}

// Error gives "file:line: column: reason".
func (e *RowError) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Column, e.Reason)
}

// Unwrap gives the fault for the borders.
func (e *RowError) Unwrap() error { return fault.Field(e.Column, e.Code, "%s", e.Reason) }

// wholeRow and wholeHeader stand in the column's place where no single column
// is at fault.
const (
	wholeRow    = "row"
	wholeHeader = "header"
)

// problem is a RowError before its place is known.
type problem struct {
	column string
	code   fault.Code
	reason string
}

func badRow(column, format string, args ...any) problem {
	return problem{column: column, code: CodeRow, reason: fmt.Sprintf(format, args...)}
}

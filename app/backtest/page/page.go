// Package page puts a report of a back-test into words, tables and charts, as
// plain text and as one HTML file without scripts or anything from the network.
// The one rule: both say the same, and behind every chart stands its table.
package page

import (
	"html/template"
)

// Document is a report in one language.
type Document struct {
	Lang     string // "zh-CN" or "en"
	Title    string
	Lead     string
	Warnings []string // what a reader must know before any figure
	Cards    []Card
	Sections []Section
}

// Card is a headline figure.
type Card struct{ Name, Value, Note string }

// Section is one part of the report.
type Section struct {
	ID      string
	Title   string
	Notes   []string
	Figures []Figure
	Tables  []Table
}

// Figure is a chart with the table behind it.
type Figure struct {
	Title string
	SVG   template.HTML
	Table Table
}

// Table is rows of text. The first Text columns are words, the others numbers.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Text    int
	Long    bool // folded away in HTML, cut short in plain text
}

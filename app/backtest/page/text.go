package page

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// longRows is how many rows of a long table plain text shows.
const longRows = 15

// Text writes a document for a terminal. Tables behind charts are written;
// charts are not.
func (d *Document) Text(w io.Writer) error {
	out := &textWriter{Writer: bufio.NewWriter(w), words: words{chinese: d.Lang == "zh-CN"}}
	out.line("%s", d.Title)
	out.line("%s", d.Lead)
	for _, warning := range d.Warnings {
		out.line("! %s", warning)
	}
	for _, section := range d.Sections {
		out.line("\n%s", section.Title)
		for _, note := range section.Notes {
			out.line("  %s", note)
		}
		for i := range section.Tables {
			out.table(&section.Tables[i])
		}
		if len(section.Figures) > 0 {
			// Charts of one section share what stands behind them, or say it twice.
			last := &section.Figures[0].Table
			last.Long = last.Long || len(last.Rows) > 24
			out.table(last)
		}
	}
	return out.Flush()
}

type textWriter struct {
	*bufio.Writer
	words
}

func (w *textWriter) line(format string, args ...any) {
	fmt.Fprintf(w, format+"\n", args...)
}

func (w *textWriter) table(t *Table) {
	if len(t.Rows) == 0 {
		return
	}
	if t.Caption != "" {
		w.line("  %s", t.Caption)
	}
	rows := t.Rows
	if t.Long && len(rows) > longRows {
		rows = rows[:longRows]
	}
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	for _, row := range append([][]string{t.Head}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell))
			if i < t.Text {
				line.WriteString("  " + cell + gap)
			} else {
				line.WriteString("  " + gap + cell)
			}
		}
		w.line("%s", strings.TrimRight(line.String(), " "))
	}
	if left := len(t.Rows) - len(rows); left > 0 {
		w.line(w.t("  … and %d more (in the HTML report)", "  … 另有 %d 行（见 HTML 报告）"), left)
	}
}

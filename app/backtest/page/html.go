package page

import (
	_ "embed" // the template
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html.tmpl
var pageTemplate string

// HTML writes a document as one file that needs nothing else.
func (d *Document) HTML(w io.Writer) error {
	w0 := words{chinese: d.Lang == "zh-CN"}
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"t":      w0.t,
		"number": func(t Table, column int) bool { return column >= t.Text },
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := parsed.Execute(w, d); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

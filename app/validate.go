package main

import (
	"fmt"

	"loan310/app/clock"
	"loan310/app/validate"
)

type validateCommand struct {
	Data string   `help:"Folder of the public data." required:"" type:"existingdir" env:"LOAN310_DATA" placeholder:"DIR"`
	Out  string   `help:"Write the report as Markdown instead of printing it." placeholder:"FILE"`
	Only []string `help:"Sets to validate, separated by commas; default: all." placeholder:"SET"`
}

// Run validates, writes the report, prints the timings and exits non-zero when
// a figure stays below its floor.
func (c *validateCommand) Run(e *env) error {
	report, err := validate.Run(e.ctx, validate.Options{Data: c.Data, Only: c.Only, Progress: e.stderr, Now: clock.System})
	if err != nil {
		return err
	}
	if c.Out == "" {
		err = report.Markdown(e.stdout)
	} else {
		err = writeWhole(c.Out, report.Markdown)
	}
	if err != nil {
		return err
	}
	report.Times(e.stderr)
	if failed := report.Failed(); failed > 0 {
		fmt.Fprintf(e.stderr, "%d figures stay below what is asked for\n", failed)
		return errReported
	}
	return nil
}

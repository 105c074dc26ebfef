package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"loan310/app/fault"
	"loan310/app/scorecards"
	"loan310/scoring"
	"loan310/scoring/model"
	"loan310/scoring/policy"
	"loan310/scoring/scorecard"
)

type scorecardCalibrateCommand struct {
	Strategy   string  `help:"Strategy whose card is calibrated; default: the one built in." type:"existingfile" placeholder:"FILE"`
	Lane       string  `help:"Lane of the card." enum:"standard,thin_file" required:""`
	Card       string  `help:"Card to put into the lane first, as scorecard engine writes it." type:"existingfile" placeholder:"FILE"`
	Data       string  `help:"Features of applications of the lane, as dossier features --lane LANE --passed writes them; none the card was trained on." required:"" placeholder:"FILE"`
	Target     string  `help:"Column with the outcome: 1 bad, 0 good, empty not known." default:"bad" placeholder:"COL"`
	Confidence float64 `help:"One-sided confidence of each probability's upper bound, 0.5 (none) to below 1." default:"0.75"`
	NewVersion string  `help:"Version of the strategy written: a version, once used, never changes." placeholder:"V"`
	Out        string  `help:"Strategy file to write." placeholder:"FILE"`
}

// Run calibrates, prints the bands and the table, and writes the strategy where
// asked to.
func (c *scorecardCalibrateCommand) Run(e *env) error {
	if c.Out != "" && c.NewVersion == "" {
		return fault.Field("new-version", fault.CodeInvalid, "--out needs --new-version: a version, once used, never changes")
	}
	engine, err := engineOf(c.Strategy)
	if err != nil {
		return err
	}
	strategy := engine.Strategy()
	lane := &strategy.Standard
	if c.Lane == policy.ThinFile {
		lane = &strategy.ThinFile
	}
	if c.Card != "" {
		body, err := os.ReadFile(c.Card)
		if err != nil {
			return fmt.Errorf("read card: %w", err)
		}
		lane.Card = scorecard.Card{}
		if err := model.DecodeStrict(body, &lane.Card); err != nil {
			return fault.New(fault.Invalid, scorecards.CodeRefused, "%s: %s", c.Card, err).Wrap(err)
		}
	}
	card, bands, err := scorecards.Calibrate(e.ctx, scorecards.CalibrateJob{
		Card: lane.Card, Data: c.Data, Target: c.Target, Confidence: c.Confidence, Progress: e.stderr,
	})
	if err != nil {
		return err
	}
	lane.Card = card
	if err := printBands(e.stdout, bands, card.PDTable); err != nil {
		return err
	}
	if c.Out == "" {
		return nil
	}
	strategy.Version = c.NewVersion
	return writeStrategy(c.Out, &strategy)
}

// printBands shows what was seen and what follows.
func printBands(out io.Writer, bands []scorecard.Band, table []scorecard.Anchor) error {
	rows := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(rows, "points\tmean\trows\tbad\tseen\tprobability of default\t")
	for _, band := range bands {
		fmt.Fprintf(rows, "%d to %d\t%d\t%d\t%d\t%.2f %%\t%.2f %%\t\n", band.Low, band.High, band.Mean, band.Rows, band.Bad,
			100*float64(band.Bad)/float64(band.Rows), float64(band.PDPpm)/10_000)
	}
	if err := rows.Flush(); err != nil {
		return fmt.Errorf("print the bands: %w", err)
	}
	body, err := json.Marshal(table)
	if err != nil {
		return errors.New("the table cannot be written as JSON")
	}
	fmt.Fprintf(out, "\n\"pd_table\": %s\n", body)
	return nil
}

// writeStrategy writes a strategy that loads, or none.
func writeStrategy(path string, strategy *scoring.Strategy) error {
	body, err := json.MarshalIndent(strategy, "", "  ")
	if err != nil {
		return errors.New("the strategy cannot be written as JSON")
	}
	if _, err := scoring.Load(body); err != nil {
		return fault.New(fault.Invalid, scorecards.CodeRefused, "%s", err).Wrap(err)
	}
	return scorecards.WriteFile(path, append(body, '\n'))
}

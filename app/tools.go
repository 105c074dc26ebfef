package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"loan310/adapters/dossier"
	"loan310/app/fault"
	"loan310/app/stack"
)

type migrateCommand struct {
	Connection connectionFlags `embed:""`
}

// Run migrates and says so.
func (c *migrateCommand) Run(e *env) error {
	db, err := c.Connection.open(e)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, "the database has this version's schema")
	return db.Close()
}

type keysCommands struct {
	Generate keysGenerateCommand `cmd:"" help:"Make the keys of a new installation."`
}

type keysGenerateCommand struct {
	Out string `help:"File to write; it must not exist." required:"" placeholder:"FILE"`
}

// Run writes a new keys file.
func (c *keysGenerateCommand) Run(e *env) error {
	keys, err := stack.GenerateKeys(false)
	if err != nil {
		return err
	}
	if err := stack.WriteFile(c.Out, keys); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "keys written to %s. Back them up apart from the database: without them its personal data cannot be read.\n", c.Out)
	return nil
}

type dossierCommands struct {
	Validate dossierValidateCommand `cmd:"" help:"Report every bad row of a dossier with file, line, column and reason."`
	Generate dossierGenerateCommand `cmd:"" help:"Write a synthetic population with known truth."`
	Convert  dossierConvertCommand  `cmd:"" help:"Turn a public data set into a dossier."`

	Crosscheck dossierCrosscheckCommand `cmd:"" help:"Hold every merchant's orders against parcels, money and buyers; or study injected forgeries."`
	Peers      dossierPeersCommand      `cmd:"" help:"Measure the natural rates of honest merchants."`
	Features   dossierFeaturesCommand   `cmd:"" help:"Write every feature of every application as CSV, to train on."`
	Relations  dossierRelationsCommand  `cmd:"" help:"Find connected groups, rings and bursts as of each application."`
}

type dossierValidateCommand struct {
	Dir string `arg:"" help:"Folder of the dossier." type:"existingdir"`
}

// Run prints every bad row, what each file holds, and the sums. It exits
// non-zero when something is bad.
func (c *dossierValidateCommand) Run(e *env) error {
	report, err := dossier.Validate(e.ctx, c.Dir, e.stdout)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rows\timported\trejected\tfaults\t  file")
	var imported, rejected int64
	for _, file := range report.Files {
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t  %s\n", file.Rows, file.Imported, file.Rejected, file.Faults, file.File)
		imported, rejected = imported+file.Imported, rejected+file.Rejected
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	fmt.Fprintf(e.stdout, "rows=%d imported=%d rejected=%d\n", report.Rows(), imported, rejected)
	if report.Bad() > 0 {
		return errReported
	}
	return nil
}

type dossierGenerateCommand struct {
	Merchants int    `help:"How many merchants." default:"100"`
	Seed      uint64 `help:"The same seed gives the same bytes." default:"310"`
	Out       string `help:"Folder to write." required:"" placeholder:"DIR"`
	Gzip      bool   `help:"Write .csv.gz." default:"true" negatable:""`
	// A tenth of the orders is enough to try size: see docs/performance.md.
	OrdersScale float64 `help:"Multiplies every merchant's number of orders; with 1 an established merchant has 150 to 700 a year." default:"1"`
}

// Run writes the population and its counts.
func (c *dossierGenerateCommand) Run(e *env) error {
	if c.Merchants < 1 {
		return fault.Field("merchants", fault.CodeInvalid, "--merchants must be at least 1")
	}
	if !(c.OrdersScale > 0 && c.OrdersScale <= 1000) {
		return fault.Field("orders-scale", fault.CodeInvalid, "--orders-scale must be above 0 and at most 1000")
	}
	population := dossier.Generate(dossier.GenerateOptions{Merchants: c.Merchants, Seed: c.Seed, OrdersScale: c.OrdersScale})
	counts, err := dossier.Write(c.Out, population, c.Gzip)
	if err != nil {
		return err
	}
	return printCounts(e, counts)
}

type dossierConvertCommand struct {
	Kind string `arg:"" help:"Which data set." enum:"olist,berka"`
	In   string `help:"Folder of the data set." required:"" type:"existingdir"`
	Out  string `help:"Folder to write." required:"" placeholder:"DIR"`
}

// Run converts and accounts for every row.
func (c *dossierConvertCommand) Run(e *env) error {
	convert := map[string]func(in, out string) (dossier.Counts, error){"olist": dossier.ConvertOlist, "berka": dossier.ConvertBerka}[c.Kind]
	counts, err := convert(c.In, c.Out)
	if err != nil {
		return err
	}
	return printCounts(e, counts)
}

func printCounts(e *env, counts dossier.Counts) error {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(counts)
}

type decisionCommand struct {
	Replay decisionReplayCommand `cmd:"" help:"Decide again from the stored snapshot and compare bit for bit."`
}

type decisionReplayCommand struct {
	Connection connectionFlags `embed:""`
	ID         []string        `arg:"" help:"Decision ids."`
}

// Run exits non-zero when a decision does not replay.
func (c *decisionReplayCommand) Run(e *env) error {
	db, err := c.Connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	service := stack.ReplayerOf(db, e.logger)
	differ := 0
	for _, id := range c.ID {
		replay, err := service.Replay(e.ctx, strings.TrimSpace(id))
		if err != nil {
			return err
		}
		word := "same"
		if !replay.Same {
			word = "DIFFERENT"
			differ++
		}
		fmt.Fprintf(e.stdout, "%s %s verdict=%s\n", id, word, replay.VerdictHash)
	}
	if differ > 0 {
		return errReported
	}
	return nil
}

type openapiCommand struct{}

// Run prints the document.
func (c *openapiCommand) Run(e *env) error {
	body, err := stack.OpenAPI(e.version)
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(body)
	return err
}

package main

import (
	"encoding/json"
	"fmt"
	"os"

	"loan310/adapters/dossier"
	"loan310/app/authenticity"
	"loan310/app/fault"
	"loan310/scoring"
	"loan310/scoring/crosscheck"
)

type dossierCrosscheckCommand struct {
	Dir      string  `arg:"" help:"Folder of the dossier." type:"existingdir"`
	Strategy string  `help:"Strategy whose rules to use; default: the product's." type:"existingfile" placeholder:"FILE"`
	Peers    string  `help:"Natural rates that replace the strategy's, as dossier peers writes them." type:"existingfile" placeholder:"FILE"`
	Out      string  `help:"Write a line a merchant as CSV." placeholder:"FILE"`
	Show     int     `help:"Flagged merchants printed." default:"20"`
	Inject   string  `help:"Study instead: inject fabricated orders of these kinds (names with commas, plain or all) and count what is found." placeholder:"KINDS"`
	Share    float64 `help:"Share of a forger's orders that are fabricated." default:"0.1"`
	Seed     uint64  `help:"The same seed injects the same." default:"1"`
	Seeds    int     `help:"How many times to inject." default:"20"`
	CrossFit bool    `help:"Judge each tenth of the merchants by rates measured on the others."`
}

// Run checks each merchant as of its last application, or studies injections.
func (c *dossierCrosscheckCommand) Run(e *env) error {
	rules, err := rulesOf(c.Strategy, c.Peers)
	if err != nil {
		return err
	}
	book, err := dossier.Open(c.Dir)
	if err != nil {
		return err
	}
	options := authenticity.Options{Rules: rules, Progress: progressOf(e, "crosscheck")}
	if c.Inject != "" {
		return c.study(e, book, options)
	}
	options.Show = 1_000
	findings, err := authenticity.Examine(e.ctx, book, options)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := writeFindings(c.Out, findings); err != nil {
			return err
		}
	}
	return authenticity.Summarise(e.stdout, findings, c.Show)
}

func (c *dossierCrosscheckCommand) study(e *env, book dossier.Book, options authenticity.Options) error {
	kinds, err := authenticity.ParseKinds(c.Inject)
	if err != nil {
		return fault.Field("inject", fault.CodeInvalid, "--inject: %s", err.Error())
	}
	if c.Share <= 0 || c.Share >= 1 || c.Seeds < 1 {
		return fault.Field("share", fault.CodeInvalid, "--share must be between 0 and 1, --seeds at least 1")
	}
	report, err := authenticity.StudyBook(e.ctx, book, authenticity.StudyOptions{
		Options: options, Kinds: kinds, Share: c.Share, Seed: c.Seed, Seeds: c.Seeds, CrossFit: c.CrossFit,
	})
	if err != nil {
		return err
	}
	return report.Print(e.stdout)
}

type dossierPeersCommand struct {
	Dir      string `arg:"" help:"Folder of a dossier of honest merchants." type:"existingdir"`
	Name     string `help:"Name of the peer group." default:"measured"`
	Strategy string `help:"Strategy whose tests to measure; default: the product's." type:"existingfile" placeholder:"FILE"`
	Out      string `help:"File to write; default: print." placeholder:"FILE"`
}

// Run measures natural rates.
func (c *dossierPeersCommand) Run(e *env) error {
	rules, err := rulesOf(c.Strategy, "")
	if err != nil {
		return err
	}
	book, err := dossier.Open(c.Dir)
	if err != nil {
		return err
	}
	peers, err := authenticity.Measure(e.ctx, book, c.Name, authenticity.Options{Rules: rules, Progress: progressOf(e, "peers")})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(peers, "", "  ")
	if err != nil {
		return fmt.Errorf("write peers: %w", err)
	}
	if c.Out == "" {
		fmt.Fprintln(e.stdout, string(text))
		return nil
	}
	if err := os.WriteFile(c.Out, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write peers: %w", err)
	}
	return nil
}

// rulesOf reads the cross-check's rules from a strategy, the product's own
// when none is named, with measured peers before its own.
func rulesOf(strategyFile, peersFile string) (crosscheck.Rules, error) {
	text := scoring.Default()
	if strategyFile != "" {
		var err error
		if text, err = os.ReadFile(strategyFile); err != nil {
			return crosscheck.Rules{}, fmt.Errorf("read strategy: %w", err)
		}
	}
	engine, err := scoring.Load(text)
	if err != nil {
		return crosscheck.Rules{}, fmt.Errorf("%s: %w", strategyFile, err)
	}
	rules := engine.Strategy().Crosscheck
	if peersFile == "" {
		return rules, nil
	}
	text, err = os.ReadFile(peersFile)
	if err != nil {
		return crosscheck.Rules{}, fmt.Errorf("read peers: %w", err)
	}
	var peers authenticity.Peers
	if err := json.Unmarshal(text, &peers); err != nil {
		return crosscheck.Rules{}, fmt.Errorf("%s: %w (make it with loan310 dossier peers)", peersFile, err)
	}
	rules.Peers = append(peers.Peers, rules.Peers...)
	if len(peers.SeasonBps) > 0 {
		rules.Season = peers.SeasonBps
	}
	if err := rules.Validate(); err != nil {
		return crosscheck.Rules{}, fmt.Errorf("%s: %w", peersFile, err)
	}
	return rules, nil
}

// progressOf counts on the error stream.
func progressOf(e *env, what string) func(done, of int) {
	return func(done, of int) {
		fmt.Fprintf(e.stderr, "\r%-12s %7d / %d ", what, done, of)
		if done == of {
			fmt.Fprintln(e.stderr)
		}
	}
}

func writeFindings(path string, findings []authenticity.Finding) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = fmt.Errorf("write findings: %w", closed)
		}
	}()
	return authenticity.WriteCSV(file, findings)
}

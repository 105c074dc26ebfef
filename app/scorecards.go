package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/scorecards"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

type scorecardCommands struct {
	Train     scorecardTrainCommand     `cmd:"" help:"Train a model on a CSV of loans whose outcome is known."`
	Score     scorecardScoreCommand     `cmd:"" help:"Write probability of default, points and reasons for each row of a CSV."`
	Calibrate scorecardCalibrateCommand `cmd:"" help:"Fit the probabilities of default of a strategy's card to outcomes, with prudence."`
	Validate  scorecardValidateCommand  `cmd:"" help:"Measure a model on a CSV of loans whose outcome is known."`
	Join      scorecardJoinCommand      `cmd:"" help:"Add columns to a CSV from other files about the same customers, as of each row's date."`
	Engine    scorecardEngineCommand    `cmd:"" help:"Turn a scorecard trained on a dossier's features into one for a strategy."`
}

type scorecardTrainCommand struct {
	Data      string   `help:"CSV file, plain or .gz, with a header line." required:"" placeholder:"FILE"`
	Target    string   `help:"Column with the outcome; overrides the spec." placeholder:"COL"`
	Spec      string   `help:"JSON or YAML file: columns, derived columns, split, binning (docs/models.md)." placeholder:"FILE"`
	Out       string   `help:"Model file to write." required:"" placeholder:"MODEL"`
	Kind      string   `help:"scorecard, boosted, or best: both, and the better one out of fold." enum:"scorecard,boosted,best" default:"scorecard"`
	Seed      uint64   `help:"The same data, spec and seed give the same model." default:"310"`
	Author    string   `help:"Who answers for the model." default:"unnamed"`
	Folds     int      `help:"Folds of the cross-validation; overrides the spec."`
	AllowLeak []string `help:"Train on this column although it looks like a leak; may be repeated." placeholder:"COLUMN"`
	MadeAt    string   `help:"Time written into the model instead of now, so that the file can be made again." placeholder:"RFC3339"`
	JSON      bool     `help:"Print the report as JSON."`
}

// Run trains, prints the report and writes the model. A leak refuses.
func (c *scorecardTrainCommand) Run(e *env) error {
	var spec train.Spec
	var err error
	if c.Spec != "" {
		if spec, err = scorecards.ReadSpec(c.Spec); err != nil {
			return err
		}
	}
	if c.Folds > 0 {
		spec.Folds = c.Folds
	}
	for _, column := range c.AllowLeak {
		if spec.AllowLeak == nil {
			spec.AllowLeak = map[string]string{}
		}
		spec.AllowLeak[column] = "allowed on the command line by " + c.Author
	}
	if c.MadeAt == "" {
		c.MadeAt = clock.System().UTC().Format(time.RFC3339)
	}
	if _, err := time.Parse(time.RFC3339, c.MadeAt); err != nil {
		return fault.Field("made-at", fault.CodeInvalid, "--made-at %q: want a time such as 2026-01-02T15:04:05Z", c.MadeAt)
	}
	m, report, err := scorecards.Train(e.ctx, scorecards.TrainJob{
		Data: c.Data, Target: c.Target, Spec: spec, Kind: c.Kind, Seed: c.Seed, Author: c.Author, MadeAt: c.MadeAt, Progress: e.stderr,
	})
	if err != nil {
		return err
	}
	body, err := model.Encode(m)
	if err != nil {
		return err
	}
	if err := scorecards.WriteFile(c.Out, body); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e, report)
	}
	if err := scorecards.PrintTraining(e.stdout, report); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "\n%s written to %s, sha256 %s\n", report.Kind, c.Out, m.Hash)
	return nil
}

func printJSON(e *env, value any) error {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

type scorecardScoreCommand struct {
	Model   string `help:"Model file." required:"" placeholder:"MODEL"`
	Data    string `help:"CSV file, plain or .gz; - for standard input." required:"" placeholder:"FILE"`
	Out     string `help:"CSV file to write; gzip when it ends in .gz." required:"" placeholder:"SCORES"`
	ID      string `help:"Column that names a row, instead of the model's." placeholder:"COL"`
	Reasons int    `help:"Most reasons a row, at most 8." default:"4"`
}

// Run scores and says how many rows.
func (c *scorecardScoreCommand) Run(e *env) error {
	scorer, err := scorecards.ReadModel(c.Model)
	if err != nil {
		return err
	}
	rows, err := scorecards.Score(e.ctx, scorecards.ScoreJob{
		Scorer: scorer, Data: c.Data, Out: c.Out, ID: c.ID, Reasons: c.Reasons, Progress: e.stderr,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%d rows scored to %s\n", rows, c.Out)
	return nil
}

type scorecardValidateCommand struct {
	Model   string    `help:"Model file." required:"" placeholder:"MODEL"`
	Data    string    `help:"CSV file, plain or .gz; - for standard input." required:"" placeholder:"FILE"`
	Target  string    `help:"Column with the outcome, instead of the model's." placeholder:"COL"`
	BadRate []float64 `help:"Bad rates at which the possible approval is printed." default:"0.01,0.02,0.03,0.05"`
	JSON    bool      `help:"Print JSON."`
}

// Run validates and prints.
func (c *scorecardValidateCommand) Run(e *env) error {
	scorer, err := scorecards.ReadModel(c.Model)
	if err != nil {
		return err
	}
	result, err := scorecards.Validate(e.ctx, scorecards.ValidateJob{
		Scorer: scorer, Data: c.Data, Target: c.Target, BadRates: c.BadRate, Progress: e.stderr,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e, result)
	}
	return scorecards.PrintValidation(e.stdout, result)
}

type scorecardEngineCommand struct {
	Model   string `help:"Model file of a scorecard on features of docs/scoring.md." required:"" placeholder:"MODEL"`
	Version string `help:"Version of the new card." name:"card-version" required:""`
	Out     string `help:"JSON file to write, for card of a lane." required:"" placeholder:"FILE"`
}

// Run converts.
func (c *scorecardEngineCommand) Run(e *env) error {
	scorer, err := scorecards.ReadModel(c.Model)
	if err != nil {
		return err
	}
	engine, err := engineOf("")
	if err != nil {
		return err
	}
	strategy := engine.Strategy()
	card, err := model.ToEngine(scorer.Model(), c.Version, strategy.ReasonOf())
	if err != nil {
		return fault.New(fault.Invalid, scorecards.CodeRefused, "%s: %s", c.Model, err).Wrap(err)
	}
	body, err := json.MarshalIndent(card, "", "  ")
	if err != nil {
		return errors.New("the card cannot be written as JSON")
	}
	if err := scorecards.WriteFile(c.Out, append(body, '\n')); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "scorecard of %d attributes written to %s\n", len(card.Attributes), c.Out)
	return nil
}

type scorecardJoinCommand struct {
	Data string `help:"CSV file to add columns to." required:"" placeholder:"FILE"`
	Spec string `help:"JSON file: keys, files, columns (docs/models.md)." required:"" placeholder:"FILE"`
	Out  string `help:"CSV file to write; gzip when it ends in .gz." required:"" placeholder:"FILE"`
}

// Run joins and says how many rows.
func (c *scorecardJoinCommand) Run(e *env) error {
	rows, err := scorecards.Join(e.ctx, c.Data, c.Spec, c.Out)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%d rows written to %s\n", rows, c.Out)
	return nil
}

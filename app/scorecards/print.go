package scorecards

import (
	"fmt"
	"io"
	"text/tabwriter"

	"loan310/scoring/model"
	"loan310/scoring/train"
)

// PrintTraining writes a training's report as text.
func PrintTraining(w io.Writer, report *train.Report) error {
	fmt.Fprintf(w, "%s\n", report.Rows)
	for _, note := range report.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	for _, leak := range report.Leaks {
		word := "REFUSED"
		if leak.Allowed != "" {
			word = "allowed (" + leak.Allowed + ")"
		}
		fmt.Fprintf(w, "leak: %s: %s: %s\n", leak.Column, leak.Evidence, word)
	}
	if len(report.Features) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "feature\tkind\tIV\tIV by level\tbins\trisk\tcoefficient\timportance\tin the model")
	for i := range report.Features {
		f := &report.Features[i]
		state := "yes"
		if f.Dropped != "" {
			state = "no: " + f.Dropped
		}
		fmt.Fprintf(table, "%s\t%s\t%.4f\t%s\t%d\t%s\t%s\t%s\t%s\n", f.Name, f.Kind, f.IV, figure(f.LevelIV), f.Bins, f.Monotone,
			figure(f.Coefficient), figure(f.Importance), state)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	table = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rows\tbad\tAUC\t95 %\tGini\tKS\tBrier\tlog loss\tapproved at 2 % bad\t  "+report.Kind)
	printFigures(table, "in sample", report.Metrics.InSample)
	printFigures(table, "out of fold", report.Metrics.OutOfFold)
	printFigures(table, "held out", report.Metrics.HoldOut)
	if report.Challenger != nil {
		printFigures(table, "the other kind, out of fold", report.Challenger.OutOfFold)
		printFigures(table, "the other kind, held out", report.Challenger.HoldOut)
	}
	return table.Flush()
}

func figure(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.4f", v)
}

func printFigures(w io.Writer, what string, f *model.Figures) {
	if f == nil {
		return
	}
	fmt.Fprintf(w, "%d\t%d\t%.4f\t%.4f to %.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.1f %%\t  %s\n",
		f.Rows, f.Events, f.AUC, f.AUCLow, f.AUCHigh, f.Gini, f.KS, f.Brier, f.LogLoss, 100*f.Approve2, what)
}

// PrintValidation writes a validation as text.
func PrintValidation(w io.Writer, v *Validation) error {
	fmt.Fprintf(w, "model %s\ndata  %s: %d rows, %d without an outcome, %d bad (%.2f %%)\n\n", v.Model, v.Data, v.Rows, v.Unlabelled, v.Events, 100*v.BadRate)
	fmt.Fprintf(w, "AUC %.4f (95 %%: %.4f to %.4f)  Gini %.4f  KS %.4f at %.4f  Brier %.4f  log loss %.4f\n\n",
		v.AUC.AUC, v.AUC.Low, v.AUC.High, v.Gini, v.KS, v.KSAt, v.Brier, v.LogLoss)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "bad rate\tapproved\treached\tup to\t")
	for _, a := range v.Approval {
		fmt.Fprintf(table, "%.1f %%\t%.1f %%\t%.2f %%\t%.4f\t\n", 100*a.At, 100*a.Share, 100*a.BadRate, a.Cut)
	}
	fmt.Fprintln(table, "\t\t\t\t")
	fmt.Fprintln(table, "probability from\tto\trows\texpected\tobserved\t")
	for _, b := range v.Calibration.Bins {
		fmt.Fprintf(table, "%.4f\t%.4f\t%.0f\t%.2f %%\t%.2f %%\t\n", b.From, b.To, b.Rows, 100*b.Expected, 100*b.Observed)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	fmt.Fprintf(w, "expected %.2f %%, observed %.2f %%; Hosmer-Lemeshow %.1f on %d degrees of freedom, p = %.4f; mean gap %.2f %%\n\n",
		100*v.Calibration.Expected, 100*v.Calibration.Observed, v.Calibration.HosmerLemeshow, v.Calibration.Freedom, v.Calibration.PValue, 100*v.Calibration.MeanGap)
	table = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "stability\tPSI\tby chance below\t")
	printStability(table, "score", v.ScoreStability.PSI, v.ScoreStability.Critical)
	for _, f := range v.Features {
		printStability(table, f.Feature, f.PSI, f.Critical)
	}
	return table.Flush()
}

func printStability(w io.Writer, what string, psi, critical float64) {
	word := ""
	if psi > max(critical, 0.1) {
		word = "shifted"
	}
	fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%s\n", what, psi, critical, word)
}

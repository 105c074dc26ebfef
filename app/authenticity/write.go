package authenticity

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteCSV writes one line a merchant: score, whether flagged and why, claimed
// and verified revenue with every deduction, in fen, and the flagged orders.
func WriteCSV(w io.Writer, findings []Finding) error {
	out := csv.NewWriter(w)
	head := []string{
		"merchant_id", "as_of", "flagged", "score_bps", "reasons", "tests", "peer", "claimed_fen", "verified_fen", "deductions",
		"orders", "flagged_orders", "flagged_order_ids",
	}
	if err := out.Write(head); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	for i := range findings {
		if err := out.Write(findings[i].record()); err != nil {
			return fmt.Errorf("write findings: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func (f *Finding) record() []string {
	var deductions []string
	for _, item := range f.Deductions {
		deductions = append(deductions, fmt.Sprintf("%s=%d", item.Code, item.Amount))
	}
	return []string{
		f.MerchantID, f.AsOf.UTC().Format(time.RFC3339), strconv.FormatBool(f.Flagged), fmt.Sprint(f.ScoreBps),
		strings.Join(f.Codes(), ";"), strings.Join(f.failed(), ";"), f.Peer, fmt.Sprint(int64(f.ClaimedRevenue)), fmt.Sprint(int64(f.VerifiedRevenue)),
		strings.Join(deductions, ";"), fmt.Sprint(f.Stats.Orders), fmt.Sprint(f.FlaggedOrders), strings.Join(f.FlaggedSample, ";"),
	}
}

// Codes lists the reasons, costliest first.
func (f *Finding) Codes() []string {
	codes := make([]string, 0, len(f.Signals))
	for _, signal := range f.Signals {
		codes = append(codes, signal.Code)
	}
	return codes
}

// failed lists the tests that failed with what they found: "unshipped:2/23".
func (f *Finding) failed() []string {
	var list []string
	for _, test := range f.Tests {
		if test.Flagged {
			list = append(list, fmt.Sprintf("%s:%d/%d", test.Name, test.Found, test.Orders))
		}
	}
	return list
}

// Summarise prints the flagged merchants, at most limit, and the sums.
func Summarise(w io.Writer, findings []Finding, limit int) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var flagged int
	var claimed, verified int64
	for i := range findings {
		f := &findings[i]
		claimed, verified = claimed+int64(f.ClaimedRevenue), verified+int64(f.VerifiedRevenue)
		if !f.Flagged {
			continue
		}
		if flagged++; flagged == 1 {
			fmt.Fprintln(table, "merchant\tscore_bps\tverified\tof claimed\ttests failed\treasons")
		}
		if flagged <= limit {
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", f.MerchantID, f.ScoreBps, f.VerifiedRevenue, f.ClaimedRevenue, strings.Join(f.failed(), " "), strings.Join(f.Codes(), " "))
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	if flagged > limit {
		fmt.Fprintf(w, "and %d more\n", flagged-limit)
	}
	fmt.Fprintf(w, "merchants=%d flagged=%d claimed_fen=%d verified_fen=%d\n", len(findings), flagged, claimed, verified)
	return nil
}

// Print writes the study's table.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d merchants with %d orders; without injection %d flagged (%.2f %%)\n", r.Merchants, r.Orders, len(r.Untouched), 100*ratio(len(r.Untouched), r.Merchants))
	fmt.Fprintf(w, "%.0f %% fabricated orders injected into half of the merchants, %d seeds:\n", 100*r.Share, r.Seeds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\tforgers\tfound\trecall\tof one order\trecall\thonest\tflagged\trate\tprecision of orders\t")
	for _, t := range append(slices.Clip(r.Kinds), r.Pooled) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%.3f\t%d\t%.3f\t%d\t%d\t%.4f\t%.3f\t\n", t.Kind, t.Forgers, t.Found, t.Recall(),
			t.Single, ratio(t.SingleHit, t.Single), t.Honest, t.FalseFlags, t.FalseRate(), t.Precision())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print study: %w", err)
	}
	return nil
}

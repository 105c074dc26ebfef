// Package relationstudy runs the detector of package relations over data whose
// truth is known: public sets and dossiers. The one rule: each row is judged by
// what came before it and nothing else.
package relationstudy

import (
	"loan310/scoring/metrics"
)

// Mark is how well one number tells the bad rows apart.
type Mark struct {
	Name      string           `json:"name"`
	Rows      int              `json:"rows"`
	Positives int              `json:"positives"`
	AUC       metrics.Interval `json:"auc"`        // 95 % interval after DeLong
	Cut       float64          `json:"cut"`        // flagged from this value on
	Flagged   int              `json:"flagged"`    //
	Hits      int              `json:"hits"`       // flagged and positive
	Precision float64          `json:"precision"`  // hits of flagged
	Recall    float64          `json:"recall"`     // hits of positives
	FalseRate float64          `json:"false_rate"` // flagged of those that are not positive
}

// Study is what was measured on one set.
type Study struct {
	Set   string   `json:"set"`
	Marks []Mark   `json:"marks"`
	Notes []string `json:"notes"` // what a reader must know before believing the marks
}

// measure makes the mark of a number.
func measure(name string, score []float64, bad []bool, cut float64) (Mark, error) {
	mark := Mark{Name: name, Rows: len(score), Cut: cut}
	for i, value := range score {
		if bad[i] {
			mark.Positives++
		}
		if value >= cut {
			mark.Flagged++
			if bad[i] {
				mark.Hits++
			}
		}
	}
	mark.Precision = share(mark.Hits, mark.Flagged)
	mark.Recall = share(mark.Hits, mark.Positives)
	mark.FalseRate = share(mark.Flagged-mark.Hits, mark.Rows-mark.Positives)
	var err error
	mark.AUC, err = metrics.DeLong(score, bad)
	return mark, err
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

package scorecard

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Seen is an application with its points and what became of it.
type Seen struct {
	Points int64
	Bad    bool
}

// Band is a range of points with what was seen in it and the probability of
// default that follows.
type Band struct {
	Low, High int64 // points, both included
	Mean      int64 // mean points, rounded
	Rows, Bad int
	PDPpm     int64 // upper bound; never rises with the points
}

// Least of what a calibration needs.
const (
	bandsWanted = 12
	bandBad     = 15
	tailAnchors = 8
)

// ErrTooFew reports outcomes that a probability cannot be fitted to.
var ErrTooFew = errors.New("too few outcomes to calibrate on")

// Calibrate fits the probability of default by points to outcomes, with
// prudence. The points are cut into at most twelve bands of about as many rows
// and at least fifteen bad ones; neighbours of which the better one defaulted
// more often become one (pool adjacent violators); of each band the upper end
// of Wilson's one-sided interval at the confidence (0.5 to below 1) is taken.
// The table has an anchor at each band's mean points, and below the lowest
// band more of them, where each PDO of points fewer doubles the odds of bad;
// above the highest it stays. ErrTooFew without two bands.
func Calibrate(seen []Seen, pdo int64, confidence float64) ([]Anchor, []Band, error) {
	if !(confidence >= 0.5 && confidence < 1) || pdo <= 0 {
		return nil, nil, fmt.Errorf("confidence %v and pdo %d: want 0.5 to below 1 and above 0", confidence, pdo)
	}
	bands := pool(cut(seen))
	if len(bands) < 2 {
		return nil, nil, fmt.Errorf("%w: %d applications make %d bands of at least %d bad ones, want 2", ErrTooFew, len(seen), len(bands), bandBad)
	}
	z := math.Sqrt2 * math.Erfinv(2*confidence-1)
	least := int64(1)
	for i := len(bands) - 1; i >= 0; i-- {
		least = min(max(least, int64(math.Round(1e6*upper(bands[i].Bad, bands[i].Rows, z)))), 999_999)
		bands[i].PDPpm = least
	}
	lowest := bands[0]
	var table []Anchor
	for k := int64(tailAnchors); k >= 1; k-- {
		odds := float64(lowest.PDPpm) / float64(1_000_000-lowest.PDPpm) * math.Exp2(float64(k))
		table = append(table, Anchor{lowest.Mean - k*pdo, min(int64(math.Round(1e6*odds/(1+odds))), 999_999)})
	}
	for _, band := range bands {
		table = append(table, Anchor{band.Mean, band.PDPpm})
	}
	return table, bands, nil
}

// cut makes bands of rising points; equal points stay together.
func cut(seen []Seen) []Band {
	sorted := slices.SortedFunc(slices.Values(seen), func(a, b Seen) int { return cmp.Compare(a.Points, b.Points) })
	size := len(sorted)/bandsWanted + 1
	var bands []Band
	var open Band
	var sum int64
	for i, row := range sorted {
		if open.Rows == 0 {
			open.Low, sum = row.Points, 0
		}
		open.Rows++
		open.High = row.Points
		sum += row.Points
		if row.Bad {
			open.Bad++
		}
		last := i == len(sorted)-1
		if !last && (open.Rows < size || open.Bad < bandBad || sorted[i+1].Points == row.Points) {
			continue
		}
		open.Mean = mean(sum, open.Rows)
		if last && open.Bad < bandBad && len(bands) > 0 {
			bands[len(bands)-1] = join(bands[len(bands)-1], open)
		} else if open.Bad >= bandBad {
			bands = append(bands, open)
		}
		open = Band{}
	}
	return bands
}

// pool joins neighbours until more points never default more often.
func pool(bands []Band) []Band {
	var kept []Band
	for _, band := range bands {
		for len(kept) > 0 {
			below := kept[len(kept)-1]
			if below.Bad*band.Rows > band.Bad*below.Rows {
				break
			}
			band, kept = join(below, band), kept[:len(kept)-1]
		}
		kept = append(kept, band)
	}
	return kept
}

func join(below, above Band) Band {
	rows := below.Rows + above.Rows
	return Band{
		Low: below.Low, High: above.High, Rows: rows, Bad: below.Bad + above.Bad,
		Mean: mean(below.Mean*int64(below.Rows)+above.Mean*int64(above.Rows), rows),
	}
}

func mean(sum int64, rows int) int64 { return int64(math.Round(float64(sum) / float64(rows))) }

// upper is the upper end of Wilson's score interval (Wilson 1927).
func upper(bad, rows int, z float64) float64 {
	n := float64(rows)
	p := float64(bad) / n
	return (p + z*z/(2*n) + z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}

package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Load reads a model file and makes it ready. Unknown fields, another format,
// bins with gaps or overlaps, weights against the declared direction, numbers
// out of range and a hash that does not fit are refused with a *PathError.
func Load(data []byte) (*Scorer, error) {
	var m Model
	if err := DecodeStrict(data, &m); err != nil {
		return nil, err
	}
	if m.Format != Format {
		return nil, faultAt("format", "%d, this program reads %d", m.Format, Format)
	}
	want, err := m.digest()
	if err != nil {
		return nil, err
	}
	if m.Hash != want {
		return nil, faultAt("sha256", "%q does not fit the content, whose hash is %s: the file was changed after training", m.Hash, want)
	}
	return New(&m)
}

// Encode seals a model with its hash and writes it as indented JSON. The model
// must be valid (New).
func Encode(m *Model) ([]byte, error) {
	digest, err := m.digest()
	if err != nil {
		return nil, err
	}
	m.Hash = digest
	body, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	return append(body, '\n'), nil
}

func (m *Model) digest() (string, error) {
	bare := *m
	bare.Hash = ""
	body, err := json.Marshal(&bare)
	if err != nil {
		return "", fmt.Errorf("encode model: %w", err)
	}
	sum := sha256.Sum256(bytes.TrimSpace(body))
	return hex.EncodeToString(sum[:]), nil
}

func (m *Model) validate() error {
	switch {
	case m.Format != Format:
		return faultAt("format", "%d, want %d", m.Format, Format)
	case m.Name == "" || m.Author == "":
		return faultAt("name, author", "both must be given")
	case m.Target.Column == "" || len(m.Target.Positive) == 0:
		return faultAt("target", "column and positive must be given")
	case m.Training.Rows <= 0 || m.Training.Events <= 0 || m.Training.Events >= m.Training.Rows:
		return faultAt("training", "%d rows with %d events: want some of each outcome", m.Training.Rows, m.Training.Events)
	}
	if _, err := time.Parse(time.RFC3339, m.MadeAt); err != nil {
		return faultAt("made_at", "%q is no RFC 3339 time", m.MadeAt)
	}
	if err := m.Scaling.validate(); err != nil {
		return err
	}
	if err := m.Calibration.validate(); err != nil {
		return err
	}
	return m.Reference.validate()
}

func (r *Reference) validate() error {
	if len(r.ScoreCounts) != len(r.ScoreCuts)+1 {
		return faultAt("reference.score_counts", "%d counts for %d cuts, want one more", len(r.ScoreCounts), len(r.ScoreCuts))
	}
	for i, cut := range r.ScoreCuts {
		if i > 0 && cut <= r.ScoreCuts[i-1] {
			return faultAt(fmt.Sprintf("reference.score_cuts[%d]", i), "does not rise")
		}
	}
	for i, count := range r.ScoreCounts {
		if !(count >= 0) {
			return faultAt(fmt.Sprintf("reference.score_counts[%d]", i), "%v: want 0 or more", count)
		}
	}
	return nil
}

func (c *Card) validate() error {
	if len(c.Attributes) == 0 {
		return faultAt("card.attributes", "none")
	}
	if math.Abs(c.Intercept) > 100 {
		return faultAt("card.intercept", "%v: want at most 100 either way", c.Intercept)
	}
	var seen []string
	for i := range c.Attributes {
		a := &c.Attributes[i]
		path := fmt.Sprintf("card.attributes[%d]", i)
		if slices.Contains(seen, a.Feature) {
			return faultAt(path+".feature", "%q is used twice", a.Feature)
		}
		seen = append(seen, a.Feature)
		if len(a.Points) != len(a.Bins) {
			return faultAt(path+".points", "%d points for %d bins", len(a.Points), len(a.Bins))
		}
		if !(a.Coefficient >= 0) || a.Coefficient > 100 {
			return faultAt(path+".coefficient", "%v: want 0 to 100, else more evidence of good would make the row riskier", a.Coefficient)
		}
		for j := range a.Points {
			for k := range j {
				if rise := a.Bins[j].WoE - a.Bins[k].WoE; rise > 0 && a.Points[j] < a.Points[k] || rise < 0 && a.Points[j] > a.Points[k] {
					return faultAt(fmt.Sprintf("%s.points[%d]", path, j), "%d points against the weight of evidence: bins[%d] has %d", a.Points[j], k, a.Points[k])
				}
			}
		}
	}
	return nil
}

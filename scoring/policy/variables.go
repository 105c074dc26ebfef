package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"loan310/scoring/evidence"
	"loan310/scoring/features"
)

// numberOf gives the function that reads an integer variable, nil where there
// is none of that name. False: a feature that is not known.
func numberOf(name string) number {
	if own := ownNumber(name); own != nil {
		return func(f *Facts) (int64, bool) { return own(f), true }
	}
	id, exists := features.Index(name)
	if !exists {
		return nil
	}
	return func(f *Facts) (int64, bool) {
		if len(f.Vector) == 0 {
			return 0, false
		}
		return f.Vector.Get(id)
	}
}

func ownNumber(name string) func(*Facts) int64 {
	switch name {
	case "amount_wanted_fen":
		return func(f *Facts) int64 { return int64(f.Applicant.AmountWanted) }
	case "open_exposure_fen":
		return func(f *Facts) int64 { return int64(f.Applicant.OpenExposure) }
	case "loans_repaid":
		return func(f *Facts) int64 { return f.Applicant.LoansRepaid }
	case "worst_dpd_days":
		return func(f *Facts) int64 { return f.Applicant.WorstDPD }
	case "current_dpd_days":
		return func(f *Facts) int64 { return f.Applicant.CurrentDPD }
	case "loans_restructured":
		return func(f *Facts) int64 { return f.Applicant.LoansRestructured }
	case "loans_charged_off":
		return func(f *Facts) int64 { return f.Applicant.LoansChargedOff }
	case "other_open":
		return func(f *Facts) int64 { return f.Applicant.OtherOpen }
	case "declined_recents":
		return func(f *Facts) int64 { return f.Applicant.DeclinedRecents }
	case "score":
		return func(f *Facts) int64 { return f.Score }
	case "pd_ppm":
		return func(f *Facts) int64 { return f.PDPpm }
	default:
		return nil
	}
}

// textOf gives the function that reads a text variable, nil where there is
// none of that name.
func textOf(name string) func(*Facts) string {
	switch name {
	case "purpose":
		return func(f *Facts) string { return f.Applicant.Purpose }
	case "region":
		return func(f *Facts) string { return f.Applicant.Region }
	case "industry":
		return func(f *Facts) string { return f.Applicant.Industry }
	case "lane":
		return func(f *Facts) string { return f.Lane }
	}
	source, isState := strings.CutPrefix(name, statePrefix)
	if at := slices.Index(evidence.Sources[:], evidence.Source(source)); isState && at >= 0 {
		return func(f *Facts) string { return string(f.States[at]) }
	}
	return nil
}

// flagOf gives the function that reads a yes or no, nil where there is none of
// that name.
func flagOf(name string) func(*Facts) bool {
	switch name {
	case "merchant_active":
		return func(f *Facts) bool { return f.Applicant.MerchantActive }
	case "consents_valid":
		return func(f *Facts) bool { return f.Applicant.ConsentsValid }
	case "final":
		return func(f *Facts) bool { return f.Final }
	}
	feature, guard := strings.CutPrefix(name, hasPrefix)
	id, exists := features.Index(feature)
	if !guard || !exists {
		return nil
	}
	return func(f *Facts) bool {
		if len(f.Vector) == 0 {
			return false
		}
		_, known := f.Vector.Get(id)
		return known
	}
}

// ResolveName gives a variable's value to CEL; a feature that is missing has
// none, so that reading it unguarded is an error, never a zero.
func (f *Facts) ResolveName(name string) (any, bool) {
	if read := numberOf(name); read != nil {
		return read(f)
	}
	if read := textOf(name); read != nil {
		return read(f), true
	}
	if read := flagOf(name); read != nil {
		return read(f), true
	}
	return nil, false
}

// Parent gives nil: there is no outer scope.
func (f *Facts) Parent() cel.Activation { return nil }

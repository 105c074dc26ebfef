package collection

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// CodePlan marks plan data that cannot stand; the fault's field is the JSON
// path.
const CodePlan fault.Code = "collection_plan_invalid"

// Plan is how what is due is collected and reminded of, as data.
type Plan struct {
	ID       string   `json:"id"`
	Version  int      `json:"version"`  // 1..
	Products []string `json:"products"` // ids; empty = all that no other plan names
	Debit    Rule     `json:"debit"`
	// Contact is when merchants may be written to (GB/T 45251: not from 22:00
	// to 08:00).
	Contact   Hours      `json:"contact"`
	Reminders []Reminder `json:"reminders"`
}

// Rule bounds automatic debits. Days and hours are the lender's.
type Rule struct {
	Hours          Hours `json:"hours"`
	PerLine        int   `json:"per_line"` // attempts for one line
	PerDay         int   `json:"per_day"`  // of a loan
	PerWeek        int   `json:"per_week"` // of a loan, in seven days
	SpacingMinutes int   `json:"spacing_minutes"`
	// PartialBps is the share of what is due that is asked for at first, after
	// one shortfall, after two, …; the last one counts on. Absent = always all.
	PartialBps []money.BasisPoints `json:"partial_bps,omitempty"`
	MinFen     money.Amount        `json:"min_fen"`           // a part is not smaller
	MaxDPD     int                 `json:"max_days_past_due"` // beyond, people collect; 0 = never
	// BlockedDays is how long an account that cannot be debited is left alone.
	BlockedDays int `json:"blocked_days"`
	AskedPerDay int `json:"asked_per_day"` // debits a merchant may ask for, of a loan
}

// Hours are full hours of a day, From before To.
type Hours struct {
	From int `json:"from"` // 0..23
	To   int `json:"to"`   // 1..24, the first one that does not count
}

// Reminder is one message about a line.
type Reminder struct {
	Kind     string `json:"kind"`     // unique
	Days     int    `json:"days"`     // after the due date; negative = before
	Template string `json:"template"` // of the message
}

//go:embed plans/*.json
var standard embed.FS

// Plans are the plans in force, by product.
type Plans struct{ plans []Plan }

// StandardPlans gives the plans that come with the program.
func StandardPlans() (Plans, error) {
	folder, err := fs.Sub(standard, "plans")
	if err != nil {
		return Plans{}, err
	}
	return ReadPlans(folder)
}

// ReadPlans reads every *.json of a folder. Errors are fault.Invalid with
// CodePlan and name file and JSON path; so is a product named twice, and a
// folder without a plan for all the others.
func ReadPlans(folder fs.FS) (Plans, error) {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return Plans{}, err
	}
	var read Plans
	named := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return Plans{}, err
		}
		plan, err := ParsePlan(text)
		if err != nil {
			return Plans{}, fmt.Errorf("%s: %w", name, err)
		}
		products := plan.Products
		if len(products) == 0 {
			products = []string{""}
		}
		for _, product := range products {
			if other, taken := named[product]; taken {
				return Plans{}, fmt.Errorf("%s: %w", name, fault.Field("products", CodePlan, "%s has product %q too", other, product))
			}
			named[product] = name
		}
		read.plans = append(read.plans, plan)
	}
	if _, ok := named[""]; !ok {
		return Plans{}, fault.Field("products", CodePlan, "want one plan with no products named, for all the others")
	}
	return read, nil
}

// ParsePlan reads and checks one plan; unknown fields are refused.
func ParsePlan(text []byte) (Plan, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var plan Plan
	err := decoder.Decode(&plan)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more text after the plan")
		}
	}
	if err != nil {
		offset := decoder.InputOffset()
		if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = wrong.Offset
		}
		before := text[:min(max(offset, 0), int64(len(text)))]
		return Plan{}, fault.Field("", CodePlan, "line %d, column %d: %v",
			bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'), err)
	}
	return plan, plan.Check()
}

// Check reports the first thing wrong.
func (p *Plan) Check() error {
	d := &p.Debit
	switch {
	case p.ID == "":
		return fault.Field("id", CodePlan, "empty")
	case p.Version < 1:
		return fault.Field("version", CodePlan, "want 1 or more")
	case !d.Hours.fit():
		return fault.Field("debit.hours", CodePlan, "want full hours, from before to")
	case !p.Contact.fit():
		return fault.Field("contact", CodePlan, "want full hours, from before to")
	case d.PerLine < 1 || d.PerDay < 1 || d.PerWeek < 1:
		return fault.Field("debit.per_line", CodePlan, "want per_line, per_day and per_week of 1 or more")
	case d.SpacingMinutes < 1:
		return fault.Field("debit.spacing_minutes", CodePlan, "want 1 or more")
	case d.MinFen < 1:
		return fault.Field("debit.min_fen", CodePlan, "want 1 or more")
	case d.MaxDPD < 0 || d.BlockedDays < 1:
		return fault.Field("debit.blocked_days", CodePlan, "want max_days_past_due of 0 or more, blocked_days of 1 or more")
	case d.AskedPerDay < 1:
		return fault.Field("debit.asked_per_day", CodePlan, "want 1 or more")
	}
	for i, share := range d.PartialBps {
		if share < 1 || share > 10_000 {
			return fault.Field(fmt.Sprintf("debit.partial_bps.%d", i), CodePlan, "want 1 to 10000, not %d", share)
		}
	}
	kinds := map[string]bool{}
	for i, r := range p.Reminders {
		if r.Kind == "" || kinds[r.Kind] || r.Template == "" || r.Days < -60 || r.Days > 60 {
			return fault.Field(fmt.Sprintf("reminders.%d", i), CodePlan, "want a kind of its own, a template, and days of -60 to 60")
		}
		kinds[r.Kind] = true
	}
	return nil
}

// All lists the plans.
func (p Plans) All() []Plan { return slices.Clone(p.plans) }

// For gives the plan of a product.
func (p Plans) For(productID string) *Plan {
	var other *Plan
	for i := range p.plans {
		if slices.Contains(p.plans[i].Products, productID) {
			return &p.plans[i]
		}
		if len(p.plans[i].Products) == 0 {
			other = &p.plans[i]
		}
	}
	return other
}

func (h Hours) fit() bool { return h.From >= 0 && h.From < h.To && h.To <= 24 }

// has tells whether a moment lies within the hours, in its own zone.
func (h Hours) has(at time.Time) bool { return at.Hour() >= h.From && at.Hour() < h.To }

// next gives the moment itself where it lies within the hours, else the next
// one that does, in the zone of the moment.
func (h Hours) next(at time.Time) time.Time {
	if h.has(at) {
		return at
	}
	start := time.Date(at.Year(), at.Month(), at.Day(), h.From, 0, 0, 0, at.Location())
	if at.Hour() >= h.To {
		start = start.AddDate(0, 0, 1)
	}
	return start
}

// reminder finds one by kind.
func (p *Plan) reminder(kind string) (Reminder, bool) {
	at := slices.IndexFunc(p.Reminders, func(r Reminder) bool { return r.Kind == kind })
	if at < 0 {
		return Reminder{}, false
	}
	return p.Reminders[at], true
}

// startOf is midnight of a day of the lender's.
func startOf(day loan.Date) time.Time {
	year, month, date := day.Civil()
	return time.Date(year, time.Month(month), date, 0, 0, 0, 0, clock.Lender())
}

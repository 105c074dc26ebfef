package relationstudy

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
	"loan310/scoring/verdict"
)

// Case is one application of a dossier with the identifiers known when it was
// made, and, in sets with known truth, who the merchant belongs with.
type Case struct {
	Application string
	Merchant    string
	At          time.Time
	Found       []relations.Found
	Orders      int64
	Pattern     string
	Group       string // known truth: the merchants of one group carry the same text; "" = none, or not known
	Ring        bool   // known truth: the group is a brushing ring
}

// Person is what a merchant and its application tell of themselves.
type Person struct {
	Identity, Phone, Account, Address, Device, IP string
}

// Own lists a merchant's own identifiers.
func (p Person) Own() []relations.Found {
	return []relations.Found{
		{Kind: evidence.LinkPerson, Value: p.Identity},
		{Kind: evidence.LinkPhone, Value: p.Phone},
		{Kind: evidence.LinkAccount, Value: p.Account},
		{Kind: evidence.LinkAddress, Value: relations.Address(p.Address)},
		{Kind: evidence.LinkDevice, Value: p.Device},
		{Kind: evidence.LinkIP, Value: p.IP},
	}
}

// Learn adds what a merchant's rows tell as of the application: its
// customers and its meters.
func (c *Case) Learn(orders iter.Seq2[*evidence.Order, error], bills iter.Seq2[*evidence.UtilityBill, error]) error {
	sketch := relations.NewSketch(c.At)
	for order, err := range orders {
		if err != nil {
			return err
		}
		sketch.AddOrder(order)
	}
	for bill, err := range bills {
		if err != nil {
			return err
		}
		sketch.AddBill(bill)
	}
	c.Found = append(c.Found, sketch.Found()...)
	c.Orders = sketch.Orders()
	return nil
}

// Answer is what the detector says of one application.
type Answer struct {
	Application string              `json:"application_id"`
	Merchant    string              `json:"merchant_id"`
	At          time.Time           `json:"applied_at"`
	Relations   *verdict.Relations  `json:"relations"`
	Around      *evidence.Relations `json:"-"` // what it was judged from
}

// Report sums up a scan. The marks with a truth are only filled where the set
// says who belongs with whom.
type Report struct {
	Applications int `json:"applications"`
	Connected    int `json:"connected"`    // applicants in a group of two or more
	Groups       int `json:"groups"`       // distinct, by id
	LargestGroup int `json:"largest"`      // merchants
	Rings        int `json:"rings"`        // applicants with a ring score of half or more
	Bursts       int `json:"bursts"`       // applicants in a burst
	Truncated    int `json:"truncated"`    // neighbourhoods larger than what was read
	Related      Hit `json:"related"`      // known truth: related merchants
	Brushing     Hit `json:"brushing"`     // known truth: members of brushing rings
	Alone        int `json:"alone"`        // known truth: applicants that belong with nobody
	FalseGroups  int `json:"false_group"`  // of those, put into a group
	FalseRings   int `json:"false_rings"`  // of those, with a ring score of half or more
	FalseBursts  int `json:"false_bursts"` // of those, in a burst
	Unreachable  int `json:"first"`        // first of their group to apply: nobody can know
}

// Hit counts what was found of a kind of truth, the first of each group to
// apply left out.
type Hit struct {
	Truth int `json:"truth"`
	Found int `json:"found"` // put with another member of the true group
	Mixed int `json:"mixed"` // and with somebody who does not belong
}

// ringHalf is the score from which an applicant counts as in a ring here.
const ringHalf money.BasisPoints = 5_000

// Scan walks the cases in the order of time and gives what the detector says
// of each as of its application. each may be nil.
func Scan(rules *relations.Rules, cases []Case, each func(Answer) error) (Report, error) {
	slices.SortStableFunc(cases, func(a, b Case) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Application, b.Application))
	})
	truth := make(map[string]string, len(cases))
	for i := range cases {
		truth[cases[i].Merchant] = cases[i].Group
	}
	tracker := relations.NewTracker()
	report := Report{Applications: len(cases)}
	groups, begun := map[string]bool{}, map[string]bool{}
	for i := range cases {
		c := &cases[i]
		around, err := tracker.Apply(relations.Application{Merchant: c.Merchant, At: c.At, Found: c.Found, Orders: c.Orders, Pattern: c.Pattern})
		if err != nil {
			return report, err
		}
		answer := Answer{c.Application, c.Merchant, c.At, relations.Assess(rules, around), around}
		report.add(answer.Relations, groups)
		report.compare(c, answer.Relations, truth, begun)
		if each != nil {
			if err := each(answer); err != nil {
				return report, err
			}
		}
	}
	report.Groups = len(groups)
	return report, nil
}

func (r *Report) add(found *verdict.Relations, groups map[string]bool) {
	if found.Size > 1 {
		r.Connected++
		groups[found.GroupID] = true
	}
	r.LargestGroup = max(r.LargestGroup, int(found.Size))
	r.Rings += fold(found.RingBps >= ringHalf)
	r.Bursts += fold(found.Burst > 0)
	r.Truncated += fold(found.Truncated)
}

// compare holds an answer against the truth.
func (r *Report) compare(c *Case, found *verdict.Relations, truth map[string]string, begun map[string]bool) {
	if c.Group == "" {
		r.Alone++
		r.FalseGroups += fold(found.Size > 1)
		r.FalseRings += fold(found.RingBps >= ringHalf)
		r.FalseBursts += fold(found.Burst > 0)
		return
	}
	if !begun[c.Group] {
		begun[c.Group] = true
		r.Unreachable++
		return
	}
	hit := &r.Related
	if c.Ring {
		hit = &r.Brushing
	}
	hit.Truth++
	with, mixed := false, false
	for _, member := range found.Members {
		with = with || member != c.Merchant && truth[member] == c.Group
		mixed = mixed || truth[member] != c.Group
	}
	hit.Found += fold(with)
	hit.Mixed += fold(with && mixed)
}

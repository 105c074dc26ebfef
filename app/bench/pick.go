package bench

import (
	"fmt"

	"loan310/adapters/dossier"
	"loan310/app/demo"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// qualified parts the established and seasonal merchants that the built-in
// strategy approves, all sources answering, from the others: a first loan is
// timed where there is one to be had, and its time is not that of declines.
// Connections are not looked at; the few declined for them are told.
func (b *bench) qualified(journeys []*demo.Journey) (borrowers, others []*demo.Journey, err error) {
	engine, err := scoring.Load(scoring.Default())
	if err != nil {
		return nil, nil, fmt.Errorf("load strategy: %w", err)
	}
	for _, j := range journeys {
		if a := j.Merchant.Archetype; a != dossier.ArchetypeEstablished && a != dossier.ArchetypeSeasonal {
			others = append(others, j)
			continue
		}
		verdict, err := engine.Decide(b.input(j))
		if err != nil {
			return nil, nil, fmt.Errorf("look at merchant %s: %w", j.Merchant.ID, err)
		}
		if verdict.Outcome == scoring.Approved {
			borrowers = append(borrowers, j)
		} else {
			others = append(others, j)
		}
	}
	return borrowers, others, nil
}

// input is what a decision on a merchant's wish would read now.
func (b *bench) input(j *demo.Journey) scoring.Input {
	now, book, merchant := b.options.Now(), b.options.Book, j.Merchant
	bundle := evidence.Bundle{
		AsOf: now, Meta: map[evidence.Source]evidence.Meta{},
		Orders: book.Orders(merchant.ID), Waybills: book.Waybills(merchant.ID),
		Transactions: book.Transactions(merchant.ID), Bills: book.Bills(merchant.ID),
	}
	for _, source := range evidence.Sources {
		bundle.Meta[source] = evidence.Meta{Source: source, State: evidence.Known, DataAsOf: now, FetchedAt: now}
	}
	if report, ok := book.Bureau(merchant.ID); ok {
		bundle.Bureau = &report
	} else {
		bundle.Meta[evidence.Bureau] = evidence.Meta{Source: evidence.Bureau, State: evidence.Empty, DataAsOf: now, FetchedAt: now}
	}
	if record, ok := book.Registry(merchant.LicenceNumber); ok {
		bundle.Registry = &record
	}
	return scoring.Input{Evidence: bundle, Applicant: scoring.Applicant{
		AppliedAt: now, RegisteredAt: now, AmountWanted: j.Wanted.Amount, Purpose: "stock",
		Region: merchant.Region, Industry: merchant.Industry, MerchantActive: true, ConsentsValid: true,
	}}
}

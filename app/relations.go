package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"loan310/adapters/dossier"
	"loan310/app/relationstudy"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

type dossierRelationsCommand struct {
	Dir string `arg:"" help:"Folder of the dossier." type:"existingdir"`
	Out string `help:"Write one JSON object an application: group, members, links, ring, burst." placeholder:"FILE"`
}

// Run finds groups, rings and bursts as of each application and prints the
// sums. It keeps about 5 kB a merchant; the large files are read on the way.
func (c *dossierRelationsCommand) Run(e *env) error {
	engine, err := scoring.Load(scoring.Default())
	if err != nil {
		return fmt.Errorf("load strategy: %w", err)
	}
	rules := engine.Strategy().Relations
	if rules == nil {
		return errors.New("the strategy has no relations: nothing to judge by")
	}
	cases, err := c.cases(e)
	if err != nil {
		return err
	}
	var report relationstudy.Report
	scan := func(out io.Writer) error {
		progress := newCounter(e.stderr, "judged")
		defer progress.end()
		buffered := bufio.NewWriter(out)
		encoder, done := json.NewEncoder(buffered), 0
		var err error
		report, err = relationstudy.Scan(rules, cases, func(answer relationstudy.Answer) error {
			done++
			progress.show(done, len(cases))
			return encoder.Encode(answer)
		})
		return errors.Join(err, buffered.Flush())
	}
	if c.Out == "" {
		err = scan(io.Discard)
	} else {
		err = writeWhole(c.Out, scan)
	}
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// cases reads the dossier on the way, or whole where its rows are scattered.
func (c *dossierRelationsCommand) cases(e *env) ([]relationstudy.Case, error) {
	stream, err := dossier.OpenStream(e.ctx, c.Dir)
	if err != nil {
		return nil, err
	}
	merchants, asked := stream.Merchants(), applicationsOf(stream.Applications())
	progress := newCounter(e.stderr, "read")
	var cases []relationstudy.Case
	err = stream.Each(e.ctx, func(index int, piles *dossier.Piles) error {
		rows, err := piles.Read()
		if err != nil {
			return err
		}
		progress.show(index+1, len(merchants))
		cases, err = casesOf(cases, &merchants[index], asked[merchants[index].ID], evidence.Slice(rows.Orders), evidence.Slice(rows.Bills))
		return err
	})
	progress.end()
	if _, scattered := errors.AsType[*dossier.ScatteredError](err); !scattered {
		return cases, err
	}
	fmt.Fprintf(e.stderr, "%v; loading it whole, which takes memory for all its rows\n", err)
	book, err := dossier.Open(c.Dir)
	if err != nil {
		return nil, err
	}
	cases = nil
	for i := range merchants {
		merchant := &merchants[i]
		if cases, err = casesOf(cases, merchant, asked[merchant.ID], book.Orders(merchant.ID), book.Bills(merchant.ID)); err != nil {
			return nil, err
		}
	}
	return cases, nil
}

func applicationsOf(all []dossier.Application) map[string][]dossier.Application {
	byMerchant := make(map[string][]dossier.Application, len(all))
	for _, application := range all {
		byMerchant[application.MerchantID] = append(byMerchant[application.MerchantID], application)
	}
	return byMerchant
}

// casesOf adds a case for each application of one merchant.
func casesOf(cases []relationstudy.Case, m *dossier.Merchant, asked []dossier.Application,
	orders iter.Seq2[*evidence.Order, error], bills iter.Seq2[*evidence.UtilityBill, error],
) ([]relationstudy.Case, error) {
	for _, a := range asked {
		person := relationstudy.Person{
			Identity: m.IdentityNumber, Phone: m.Phone, Account: m.PayoutAccount, Address: m.Address, Device: a.DeviceID, IP: a.IP,
		}
		one := relationstudy.Case{
			Application: a.ID, Merchant: m.ID, At: a.AppliedAt, Found: person.Own(), Group: m.Ring, Ring: m.Archetype == dossier.ArchetypeBrushingRing,
			Pattern: relations.Pattern(a.Amount, a.Purpose, m.Industry, m.Region),
		}
		if err := one.Learn(orders, bills); err != nil {
			return nil, fmt.Errorf("merchant %s: %w", m.ID, err)
		}
		cases = append(cases, one)
	}
	return cases, nil
}

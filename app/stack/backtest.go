package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"loan310/adapters/dossier"
	"loan310/app/backtest"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// BacktestBook opens a dossier for backtest.Decide. Where the rows of its large
// files stand merchant by merchant it is read on the way, in bounded memory;
// else (scattered) it must be opened whole.
func BacktestBook(ctx context.Context, dir string) (backtest.Book, error) {
	hash, err := dossier.Fingerprint(ctx, dir)
	if err != nil {
		return nil, err
	}
	stream, err := dossier.OpenStream(ctx, dir)
	if err != nil {
		return nil, err
	}
	book := &streamed{shelf: shelve(stream, filepath.Base(dir), hash), stream: stream, dir: dir}
	return book, nil
}

// BookOf makes a book that is in memory, or computed, ready for
// backtest.Decide.
func BookOf(book dossier.Book, name, hash string) backtest.Book {
	return &loaded{shelf: shelve(book, name, hash), book: book}
}

// catalogue is what both ways of reading know before the rows.
type catalogue interface {
	Merchants() []dossier.Merchant
	Applications() []dossier.Application
	Outcomes() []dossier.Outcome
	Bureau(merchantID string) (evidence.BureauReport, bool)
	Registry(licence string) (evidence.RegistryRecord, bool)
}

// shelf is a catalogue arranged by merchant.
type shelf struct {
	about        backtest.About
	catalogue    catalogue
	merchants    []dossier.Merchant
	applications map[string][]backtest.Application // by merchant, by time
	outcomes     map[string]backtest.Outcome
}

func shelve(from catalogue, name, hash string) shelf {
	s := shelf{
		catalogue: from, merchants: from.Merchants(),
		applications: map[string][]backtest.Application{}, outcomes: map[string]backtest.Outcome{},
	}
	s.about = backtest.About{Name: name, Hash: hash}
	for place, a := range from.Applications() {
		s.about.Applications++
		s.applications[a.MerchantID] = append(s.applications[a.MerchantID], backtest.Application{
			Place: place, ID: a.ID, MerchantID: a.MerchantID, AppliedAt: a.AppliedAt, Amount: a.Amount, TenorMonths: a.TenorMonths, Purpose: a.Purpose,
		})
	}
	for _, list := range s.applications {
		slices.SortStableFunc(list, func(a, b backtest.Application) int {
			return cmp.Or(a.AppliedAt.Compare(b.AppliedAt), cmp.Compare(a.Place, b.Place))
		})
	}
	for _, outcome := range from.Outcomes() {
		s.about.Outcomes++
		s.outcomes[outcome.ApplicationID] = backtest.Outcome{Bad: outcome.Bad, ObservedAt: outcome.ObservedAt}
		if outcome.ObservedAt.After(s.about.LastOutcome) {
			s.about.LastOutcome = outcome.ObservedAt
		}
	}
	for i := range s.merchants {
		if len(s.applications[s.merchants[i].ID]) == 0 {
			continue
		}
		s.about.Merchants++
		switch fields := s.merchants[i].SyntheticFields; {
		case slices.Contains(fields, "*"):
			s.about.Synthetic++
		case len(fields) > 0:
			s.about.MadeUp++
		}
	}
	return s
}

// About describes the set.
func (s *shelf) About() backtest.About { return s.about }

// Outcome gives what became of an application.
func (s *shelf) Outcome(applicationID string) (backtest.Outcome, bool) {
	outcome, known := s.outcomes[applicationID]
	return outcome, known
}

// folder is a merchant without its rows; nil when it never applied.
func (s *shelf) folder(merchant *dossier.Merchant) *backtest.Folder {
	list := s.applications[merchant.ID]
	if len(list) == 0 {
		return nil
	}
	folder := &backtest.Folder{
		MerchantID: merchant.ID, Region: merchant.Region, Industry: merchant.Industry, Applications: list,
		// The same three that the store notes of a registered merchant.
		Identifiers: []relations.Found{
			{Kind: evidence.LinkPhone, Value: merchant.Phone}, {Kind: evidence.LinkPerson, Value: merchant.IdentityNumber}, {Kind: evidence.LinkAccount, Value: merchant.PayoutAccount},
		},
	}
	if report, there := s.catalogue.Bureau(merchant.ID); there {
		folder.Bureau = &report
	}
	if record, there := s.catalogue.Registry(merchant.LicenceNumber); there {
		folder.Registry = &record
	}
	return folder
}

// streamed reads a dossier on the way.
type streamed struct {
	shelf
	stream *dossier.Stream
	dir    string
}

// Folders reads the large files once, merchant by merchant.
func (b *streamed) Folders(ctx context.Context, each func(*backtest.Folder) error) error {
	err := b.stream.Each(ctx, func(index int, piles *dossier.Piles) error {
		folder := b.folder(&b.merchants[index])
		if folder == nil {
			return nil
		}
		folder.Read = func() (backtest.Rows, error) {
			rows, err := piles.Read()
			if err != nil {
				return backtest.Rows{}, err
			}
			return backtest.Rows{
				Orders: evidence.Slice(rows.Orders), Waybills: evidence.Slice(rows.Waybills),
				Transactions: evidence.Slice(rows.Transactions), Bills: evidence.Slice(rows.Bills),
				Counts: map[evidence.Source]int64{
					evidence.Marketplace: int64(len(rows.Orders)), evidence.Logistics: int64(len(rows.Waybills)),
					evidence.Bank: int64(len(rows.Transactions)), evidence.Utility: int64(len(rows.Bills)),
				},
			}, nil
		}
		return each(folder)
	})
	if scattered, ok := errors.AsType[*dossier.ScatteredError](err); ok {
		return fmt.Errorf("%w: %w", ErrScattered, scattered)
	}
	return err
}

// ErrScattered reports a dossier that cannot be read merchant by merchant;
// WholeBook reads it.
var ErrScattered = errors.New("the dossier cannot be read merchant by merchant")

// WholeBook opens a dossier of any order of rows, whole, in memory.
func WholeBook(ctx context.Context, dir string) (backtest.Book, error) {
	hash, err := dossier.Fingerprint(ctx, dir)
	if err != nil {
		return nil, err
	}
	book, err := dossier.Open(dir)
	if err != nil {
		return nil, err
	}
	return BookOf(book, filepath.Base(dir), hash), nil
}

// loaded reads a book that is there.
type loaded struct {
	shelf
	book dossier.Book
}

// Folders hands over every merchant that applied.
func (b *loaded) Folders(ctx context.Context, each func(*backtest.Folder) error) error {
	for i := range b.merchants {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		folder := b.folder(&b.merchants[i])
		if folder == nil {
			continue
		}
		id := folder.MerchantID
		folder.Read = func() (backtest.Rows, error) {
			return backtest.Rows{
				Orders: b.book.Orders(id), Waybills: b.book.Waybills(id), Transactions: b.book.Transactions(id), Bills: b.book.Bills(id),
			}, nil
		}
		if err := each(folder); err != nil {
			return err
		}
	}
	return nil
}

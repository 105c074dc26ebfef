package backtest

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// connections are the neighbourhoods of all applications as they were then, by
// place, packed: most of what a run holds at once would be these.
type connections [][]byte

// of unpacks a neighbourhood; nil where there is none.
func (c connections) of(place int) (*evidence.Relations, error) {
	if c == nil || c[place] == nil {
		return nil, nil //nolint:nilnil // an application whose relations were not read
	}
	var around evidence.Relations
	if err := json.NewDecoder(flate.NewReader(bytes.NewReader(c[place]))).Decode(&around); err != nil {
		return nil, fmt.Errorf("unpack relations: %w", err)
	}
	return &around, nil
}

// packer packs neighbourhoods.
type packer struct {
	into   bytes.Buffer
	writer *flate.Writer
}

func newPacker() (*packer, error) {
	p := &packer{}
	writer, err := flate.NewWriter(&p.into, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("pack relations: %w", err)
	}
	p.writer = writer
	return p, nil
}

func (p *packer) pack(around *evidence.Relations) ([]byte, error) {
	p.into.Reset()
	p.writer.Reset(&p.into)
	err := json.NewEncoder(p.writer).Encode(around)
	if err = cmp.Or(err, p.writer.Close()); err != nil {
		return nil, fmt.Errorf("pack relations: %w", err)
	}
	return bytes.Clone(p.into.Bytes()), nil
}

// carried is what an application brought to the book of identifiers.
type carried struct {
	folder      *Folder
	application Application
	held        []relations.Held
	orders      int64
}

// connect reads the book once for who shares what with whom, and walks the
// applications in the order of time, so that no neighbourhood knows a later
// application. Defaults are known from the day they were observed. Limits given
// to connected merchants are not: each application is decided by itself.
func (r *runner) connect(ctx context.Context) (connections, error) {
	list := make([]carried, r.about.Applications)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tasks := make(chan task, max(r.options.Workers, 1))
	failed := map[int]error{}
	var mutex sync.Mutex
	var group sync.WaitGroup
	done := 0
	for range max(r.options.Workers, 1) {
		group.Go(func() {
			for t := range tasks {
				err := sketch(t.folder, list)
				mutex.Lock()
				if done += len(t.folder.Applications); err != nil {
					failed[t.place] = err
					stop(err)
				} else if r.options.Looking != nil {
					r.options.Looking(done, r.about.Applications)
				}
				mutex.Unlock()
			}
		})
	}
	err := r.hand(ctx, tasks)
	group.Wait()
	if err = cmp.Or(firstFailure(failed), err); err != nil {
		return nil, err
	}
	return r.walk(list)
}

// sketch notes what one merchant's applications carried, each as of its moment.
func sketch(folder *Folder, list []carried) error {
	rows, err := folder.Read()
	if err != nil {
		return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
	}
	for _, application := range folder.Applications {
		sketch := relations.NewSketch(application.AppliedAt)
		if rows.Orders != nil {
			for row, err := range rows.Orders {
				if err != nil {
					return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
				}
				sketch.AddOrder(row)
			}
		}
		if rows.Bills != nil {
			for row, err := range rows.Bills {
				if err != nil {
					return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
				}
				sketch.AddBill(row)
			}
		}
		// The folder's way to its rows must not be kept: it holds them.
		kept := &Folder{MerchantID: folder.MerchantID, Region: folder.Region, Industry: folder.Industry}
		list[application.Place] = carried{
			folder: kept, application: application, orders: sketch.Orders(),
			held: relations.Hold(append(slices.Clip(folder.Identifiers), sketch.Found()...)),
		}
	}
	return nil
}

// loneBits is how many bits of a key tell identifiers apart in dropLone: two
// tables of 16 MB. More merchants only keep a few more identifiers.
const loneBits = 27

// dropLone takes out customers' identifiers that nobody else carries: they
// connect nobody, and are most of all identifiers. What is left gives the same
// neighbourhoods.
func dropLone(list []carried) {
	once, twice := make([]uint64, 1<<(loneBits-6)), make([]uint64, 1<<(loneBits-6))
	for i := range list {
		for _, held := range list[i].held {
			at := held.Key() >> (64 - loneBits)
			word, bit := at>>6, uint64(1)<<(at&63)
			twice[word] |= once[word] & bit
			once[word] |= bit
		}
	}
	for i := range list {
		list[i].held = slices.Clip(slices.DeleteFunc(list[i].held, func(held relations.Held) bool {
			at := held.Key() >> (64 - loneBits)
			return held.Customer() && twice[at>>6]&(1<<(at&63)) == 0
		}))
	}
}

// walk takes the applications in the order of time.
func (r *runner) walk(list []carried) (connections, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	dropLone(list)
	order := make([]int, 0, len(list))
	tracker := relations.NewTracker()
	for place := range list {
		if list[place].folder == nil {
			continue // its merchant is not in the book
		}
		order = append(order, place)
		application := &list[place].application
		if outcome, known := r.book.Outcome(application.ID); known && outcome.Bad {
			tracker.Defaulted(application.MerchantID, outcome.ObservedAt)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(list[a].application.AppliedAt.Compare(list[b].application.AppliedAt), cmp.Compare(a, b))
	})
	result := make(connections, len(list))
	for _, place := range order {
		c := &list[place]
		around, err := tracker.Apply(relations.Application{
			Merchant: c.application.MerchantID, At: c.application.AppliedAt, Held: c.held, Orders: c.orders,
			Pattern: relations.Pattern(c.application.Amount, c.application.Purpose, c.folder.Industry, c.folder.Region),
		})
		if err != nil {
			return nil, fmt.Errorf("application %s: %w", c.application.ID, err)
		}
		if result[place], err = packer.pack(around); err != nil {
			return nil, err
		}
		c.held = nil // the tracker keeps what it needs
	}
	return result, nil
}

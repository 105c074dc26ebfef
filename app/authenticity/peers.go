package authenticity

import (
	"cmp"
	"context"
	"slices"
	"time"

	"loan310/adapters/dossier"
	"loan310/app/money"
	"loan310/scoring/crosscheck"
)

// Peers is what a dossier says about its merchants, taken as honest: a peer
// group for the strategy's crosscheck.peers, and crosscheck.season_bps.
type Peers struct {
	Peers     []crosscheck.Peer   `json:"peers"`
	SeasonBps []money.BasisPoints `json:"season_bps,omitempty"` // January first; none where the data do not span a year
	Merchants int                 `json:"merchants"`
	Orders    int64               `json:"orders"` // judged
}

// Measure gives the natural rates of a dossier's merchants under a name.
// Injected or known forgers must not be among them.
func Measure(ctx context.Context, book dossier.Book, name string, options Options) (Peers, error) {
	list := shops(book)
	findings, err := examine(ctx, list, &options)
	if err != nil {
		return Peers{}, err
	}
	measured := Peers{Merchants: len(list)}
	group := crosscheck.Peer{Name: name, HonestPPM: rates(options.Rules.Tests, findings)}
	for i := range findings {
		if len(findings[i].Tests) > 0 {
			measured.Orders += findings[i].Tests[0].Orders
		}
	}
	var dense []money.Amount
	var season seasons
	for i := range list {
		collected, err := list[i].collect()
		if err != nil {
			return Peers{}, err
		}
		for k := range collected.orders {
			order := &collected.orders[k]
			if !crosscheck.Paid(order, list[i].asOf) {
				continue
			}
			season.add(order.CreatedAt, i)
			if at, known := collected.byNumber[order.WaybillNo]; known && collected.waybills[at].WeightGrams > 0 {
				dense = append(dense, money.MulDiv(order.Amount, 100, int64(collected.waybills[at].WeightGrams)))
			}
			if order.Category != "" && !slices.Contains(group.Categories, order.Category) {
				group.Categories = append(group.Categories, order.Category)
			}
		}
	}
	slices.Sort(group.Categories)
	if len(dense) >= 200 {
		// Twice what all but one order in two hundred stay below.
		slices.Sort(dense)
		group.DensityMax = 2 * dense[len(dense)*995/1_000]
	}
	measured.Peers, measured.SeasonBps = []crosscheck.Peer{group}, season.factors()
	return measured, nil
}

// seasons counts orders by calendar month, and the merchants' months with any.
type seasons struct {
	orders [12]int64
	active map[[3]int]bool // merchant, year, month
}

func (s *seasons) add(at time.Time, merchant int) {
	if s.active == nil {
		s.active = map[[3]int]bool{}
	}
	year, month, _ := at.UTC().Date()
	s.orders[month-1]++
	s.active[[3]int{merchant, year, int(month)}] = true
}

// factors gives each calendar month's orders a merchant against the middling
// month's.
func (s *seasons) factors() []money.BasisPoints {
	var months [12]int64
	for key := range s.active {
		months[key[2]-1]++
	}
	levels := make([]int64, 12)
	for month := range levels {
		if months[month] == 0 {
			return nil
		}
		levels[month] = s.orders[month] * 1_000 / months[month]
	}
	usual := slices.SortedFunc(slices.Values(levels), cmp.Compare[int64])[6]
	if usual == 0 {
		return nil
	}
	factors := make([]money.BasisPoints, 12)
	for month, level := range levels {
		factors[month] = money.BasisPoints(min(max(level*10_000/usual, 1_000), 200_000))
	}
	return factors
}

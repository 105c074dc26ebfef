package relations

import (
	"cmp"
	"slices"
	"time"

	"loan310/scoring/evidence"
)

// How much is kept of a merchant's customers: who orders most often.
const (
	keepBuyers   = 24
	keepPayers   = 8
	keepDevices  = 8
	keepIPs      = 4
	keepMeters   = 4
	keepCounters = 512 // values counted at once, of each kind
	sketchDays   = 180
	minRepeat    = 2 // a customer of one order connects nobody
)

// Found is one identifier of a merchant, in plain: who stores it hashes it.
type Found struct {
	Kind   evidence.IdentifierKind
	Value  string
	Orders int64 // customers' identifiers: orders within 180 days
}

// Sketch keeps the most frequent customers of one merchant in bounded memory
// (Misra and Gries: what is more frequent than one order in 512 is surely
// kept; counts may be too low where there are more customers than that). Rows
// after the moment are not there. The zero value is not usable.
type Sketch struct {
	asOf     time.Time
	orders   int64
	counters map[evidence.IdentifierKind]map[string]int64
	meters   map[string]int64
}

// NewSketch starts a sketch as of a moment.
func NewSketch(asOf time.Time) *Sketch {
	return &Sketch{asOf: asOf, counters: map[evidence.IdentifierKind]map[string]int64{
		evidence.LinkBuyer: {}, evidence.LinkPayer: {}, evidence.LinkOrderDevice: {}, evidence.LinkOrderIP: {},
	}, meters: map[string]int64{}}
}

// AddOrder takes one order of the last 180 days that was not cancelled.
func (s *Sketch) AddOrder(order *evidence.Order) {
	at := order.CreatedAt
	if at.IsZero() || at.After(s.asOf) || s.asOf.Sub(at) > sketchDays*24*time.Hour || order.Status == evidence.OrderCancelled {
		return
	}
	s.orders++
	s.count(evidence.LinkBuyer, order.BuyerID)
	s.count(evidence.LinkPayer, order.PayerID)
	s.count(evidence.LinkOrderDevice, order.DeviceID)
	s.count(evidence.LinkOrderIP, order.IP)
}

// AddBill takes one utility bill: whose meter it is.
func (s *Sketch) AddBill(bill *evidence.UtilityBill) {
	if bill.MeterID == "" || bill.PeriodStart.After(s.asOf) {
		return
	}
	if _, known := s.meters[bill.MeterID]; known || len(s.meters) < keepMeters {
		s.meters[bill.MeterID]++
	}
}

func (s *Sketch) count(kind evidence.IdentifierKind, value string) {
	if value == "" {
		return
	}
	counter := s.counters[kind]
	if count, counted := counter[value]; counted || len(counter) < keepCounters {
		counter[value] = count + 1
		return
	}
	for other, count := range counter {
		if count == 1 {
			delete(counter, other)
		} else {
			counter[other] = count - 1
		}
	}
}

// Orders is how many orders the customers were counted over.
func (s *Sketch) Orders() int64 { return s.orders }

// Found lists what was kept, by kind, the most frequent first.
func (s *Sketch) Found() []Found {
	found := s.top(nil, evidence.LinkMeter, s.meters, keepMeters, 1)
	found = s.top(found, evidence.LinkBuyer, s.counters[evidence.LinkBuyer], keepBuyers, minRepeat)
	found = s.top(found, evidence.LinkPayer, s.counters[evidence.LinkPayer], keepPayers, minRepeat)
	found = s.top(found, evidence.LinkOrderDevice, s.counters[evidence.LinkOrderDevice], keepDevices, minRepeat)
	return s.top(found, evidence.LinkOrderIP, s.counters[evidence.LinkOrderIP], keepIPs, minRepeat)
}

func (s *Sketch) top(found []Found, kind evidence.IdentifierKind, counts map[string]int64, keep int, least int64) []Found {
	list := make([]Found, 0, len(counts))
	for value, count := range counts {
		if count >= least {
			list = append(list, Found{kind, value, count})
		}
	}
	slices.SortFunc(list, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), cmp.Compare(a.Value, b.Value))
	})
	list = list[:min(len(list), keep)]
	for i := range list {
		if !kind.Customer() {
			list[i].Orders = 0
		}
	}
	return append(found, list...)
}
